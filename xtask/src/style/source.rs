//! A Rust file as a flat list of tokens, each with its line and whether it belongs to a test.

use std::ops::Range;

use proc_macro2::{Delimiter, Group, LexError, Spacing, TokenStream, TokenTree};

/// A file that the rules look at.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) tokens: Vec<Token>,
    /// Where the file's `#[cfg(test)]` items stand, in tokens.
    inline_tests: Vec<Range<usize>>,
}

/// A token: an identifier, one character of punctuation, a literal, or one end of a group.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
    pub(crate) kind: Kind,
    /// How many groups it stands in; both ends of a group stand outside of it.
    depth: usize,
    /// Where in the file a literal stands, in bytes.
    bytes: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Word,
    Sign,
    Text,
    Number,
}

/// A function with a body.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
    pub(crate) is_test: bool,
}

impl Source {
    pub(crate) fn parse(path: &str, text: &str) -> Result<Self, LexError> {
        let stream: TokenStream = text.parse()?;
        let mut tokens = Vec::new();
        flatten(stream, 0, &mut tokens);
        let mut source = Self { path: path.to_owned(), text: text.to_owned(), tokens, inline_tests: Vec::new() };
        source.inline_tests = source.find_inline_tests();
        Ok(source)
    }

    /// Where these tokens follow each other, by the index of the first one.
    pub(crate) fn find<'s>(&'s self, sought: &'s [&str]) -> impl Iterator<Item = usize> + 's {
        let windows = self.tokens.windows(sought.len()).enumerate();
        windows.filter(move |(_, window)| window.iter().map(|token| &token.text).eq(sought)).map(|(index, _)| index)
    }

    pub(crate) fn line(&self, index: usize) -> usize {
        self.tokens.get(index).map_or(1, |token| token.line)
    }

    /// Whether a token belongs to a test, or to what only tests use.
    pub(crate) fn in_tests(&self, index: usize) -> bool {
        self.is_test_file() || self.inline_tests.iter().any(|range| range.contains(&index))
    }

    /// Whether the whole file is for tests.
    pub(crate) fn is_test_file(&self) -> bool {
        let inner = self.path.split_once('/').map_or("", |(_, inner)| inner);
        inner.starts_with("testkit/") || inner.split('/').any(|part| part == "tests" || part == "tests.rs")
    }

    /// How many lines the file has besides its inline tests.
    pub(crate) fn lines_without_tests(&self) -> usize {
        let lines_of = |range: &Range<usize>| self.line(range.end - 1) - self.line(range.start) + 1;
        self.text.lines().count() - self.inline_tests.iter().map(lines_of).sum::<usize>()
    }

    /// Every function with a body, those in macros and in tests included.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let starts = self.find(&["fn"]).filter(|start| self.kind(start + 1) == Some(Kind::Word));
        starts.filter_map(|start| self.function(start)).collect()
    }

    fn function(&self, start: usize) -> Option<Function> {
        let end = self.item_end(start)?;
        (self.tokens[end].text == "}").then(|| Function {
            name: self.tokens[start + 1].text.clone(),
            line: self.line(start),
            lines: self.line(end) - self.line(start) + 1,
            is_test: self.has_test_attribute(start),
        })
    }

    /// The file's text with every text literal blanked out: code and comments.
    pub(crate) fn without_literals(&self) -> String {
        let mut bytes = self.text.clone().into_bytes();
        for token in self.tokens.iter().filter(|token| token.kind == Kind::Text) {
            let literal = bytes.get_mut(token.bytes.clone()).into_iter().flatten();
            literal.filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn kind(&self, index: usize) -> Option<Kind> {
        self.tokens.get(index).map(|token| token.kind)
    }

    /// The last token of the item that `start` is part of: its `;`, or the end of its body.
    fn item_end(&self, start: usize) -> Option<usize> {
        let depth = self.tokens.get(start)?.depth;
        let rest = self.tokens.iter().enumerate().skip(start);
        let mut outer = rest.take_while(|(_, token)| token.depth >= depth).filter(|(_, token)| token.depth == depth);
        outer.find(|(_, token)| token.text == ";" || token.text == "}").map(|(index, _)| index)
    }

    /// Whether one of the attributes before the `fn` at `start` ends in `test`, as `tokio::test` does.
    fn has_test_attribute(&self, start: usize) -> bool {
        let depth = self.tokens[start].depth;
        let before = self.tokens[..start].iter().rev().take_while(|token| token.depth >= depth);
        let near = before.take_while(|token| token.depth > depth || !matches!(token.text.as_str(), ";" | "{" | "}"));
        let mut near: Vec<&str> = near.map(|token| token.text.as_str()).collect();
        near.reverse();
        near.windows(2).any(|pair| pair[0] == "test" && matches!(pair[1], "]" | "("))
    }

    fn find_inline_tests(&self) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for start in self.find(&["#", "[", "cfg", "("]) {
            let condition = self.tokens[start + 4..].iter().take_while(|token| token.text != "]");
            let words: Vec<&str> = condition.map(|token| token.text.as_str()).collect();
            let is_for_tests = words.contains(&"test") && !words.contains(&"not");
            let inside_another = found.last().is_some_and(|range| range.contains(&start));
            if let (true, false, Some(end)) = (is_for_tests, inside_another, self.item_end(start)) {
                found.push(start..end + 1);
            }
        }
        found
    }
}

fn flatten(stream: TokenStream, depth: usize, tokens: &mut Vec<Token>) {
    for tree in stream {
        let span = tree.span();
        let mut push = |text: String, kind| {
            tokens.push(Token { text, line: span.start().line, kind, depth, bytes: span.byte_range() });
        };
        match tree {
            TokenTree::Group(group) if is_doc(&group) => {}
            TokenTree::Group(group) => flatten_group(&group, depth, tokens),
            TokenTree::Ident(word) => push(word.to_string(), Kind::Word),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let kind = if text.ends_with(['"', '#']) { Kind::Text } else { Kind::Number };
                push(text, kind);
            }
            // A lifetime's quote stays with its name.
            TokenTree::Punct(sign) if sign.as_char() == '\'' && sign.spacing() == Spacing::Joint => {}
            TokenTree::Punct(sign) => push(sign.as_char().to_string(), Kind::Sign),
        }
    }
}

fn flatten_group(group: &Group, depth: usize, tokens: &mut Vec<Token>) {
    let (open, close) = match group.delimiter() {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => return flatten(group.stream(), depth, tokens),
    };
    let end = |text: &str, line| Token { text: text.to_owned(), line, kind: Kind::Sign, depth, bytes: 0..0 };
    tokens.push(end(open, group.span_open().start().line));
    flatten(group.stream(), depth + 1, tokens);
    tokens.push(end(close, group.span_close().start().line));
}

/// Whether a group is the inside of a doc comment, which reads as `#[doc = ".."]`.
fn is_doc(group: &Group) -> bool {
    let mut trees = group.stream().into_iter();
    let is_word = matches!(trees.next(), Some(TokenTree::Ident(word)) if word == "doc");
    let is_sign = matches!(trees.next(), Some(TokenTree::Punct(sign)) if sign.as_char() == '=');
    group.delimiter() == Delimiter::Bracket && is_word && is_sign
}
