//! Paths that can be routed: those that the gateway and every upstream read in the same way.
//!
//! An upstream that resolves `..`, or takes `%2f` for a slash, would see another path than the one whose
//! route was chosen, and a route's requirement could be walked around.

use std::fmt;

/// The beginning of a path, in whole segments: `/api`, or the empty text for every path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathPrefix(String);

/// Why a path is not routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathProblem {
    #[error("a path begins with a slash")]
    NoSlash,
    #[error("a path may not hold `.` or `..` as a segment, encoded or not")]
    DotSegment,
    #[error("a path may not hold an encoded slash, backslash, or control character")]
    Hidden,
    #[error("the parameters in the path would lead it to another route than the path without them")]
    Parameters,
    #[error("the path would lead to another route if large and small letters were one")]
    Case,
    #[error("a `%` in a path is followed by two hexadecimal digits")]
    Escape,
}

impl PathPrefix {
    /// A prefix as configuration writes it; a slash at its end is the same as none.
    pub fn parse(text: &str) -> Result<Self, PathProblem> {
        check(text)?;
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    /// What of the path is left behind the prefix: empty, or beginning with a slash. A prefix is met however its
    /// characters are escaped: an upstream takes `/%61pi` for `/api`, and so must the choice of a route.
    pub fn strip<'p>(&self, path: &'p str) -> Option<&'p str> {
        self.strip_where(path, |byte, other| byte == other)
    }

    /// The same for a reader to whom large and small letters are one.
    pub fn strip_in_any_case<'p>(&self, path: &'p str) -> Option<&'p str> {
        self.strip_where(path, |byte, other| byte.eq_ignore_ascii_case(&other))
    }

    fn strip_where<'p>(&self, path: &'p str, is_same: impl Fn(u8, u8) -> bool) -> Option<&'p str> {
        let (mut wanted, mut found) = (0, 0);
        while let Some((byte, next)) = byte_at(&self.0, wanted) {
            let (other, behind) = byte_at(path, found)?;
            if !is_same(byte, other) {
                return None;
            }
            (wanted, found) = (next, behind);
        }
        path.get(found..).filter(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

/// Whether a path means the same to everybody.
pub fn check(path: &str) -> Result<(), PathProblem> {
    if !path.starts_with('/') {
        return Err(PathProblem::NoSlash);
    }
    if path.contains(|c: char| c == '\\' || c.is_ascii_control()) {
        return Err(PathProblem::Hidden);
    }
    let decoded = decoded(path)?;
    if decoded.split('/').any(|segment| segment == "." || segment == "..") {
        return Err(PathProblem::DotSegment);
    }
    Ok(())
}

/// The byte that stands at an index, escaped or not, and the index behind it.
fn byte_at(text: &str, index: usize) -> Option<(u8, usize)> {
    let byte = *text.as_bytes().get(index)?;
    match text.get(index + 1..).and_then(escaped) {
        Some(escaped) if byte == b'%' => Some((escaped, index + 3)),
        _ => Some((byte, index + 1)),
    }
}

/// The byte that the two digits behind a `%` stand for.
fn escaped(behind: &str) -> Option<u8> {
    let digits = behind.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

/// The path with its ASCII escapes undone; what they may not hide is a problem.
fn decoded(path: &str) -> Result<String, PathProblem> {
    let mut decoded = String::with_capacity(path.len());
    let mut parts = path.split('%');
    decoded.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let byte = escaped(part).ok_or(PathProblem::Escape)?;
        if matches!(byte, b'/' | b'\\') || byte.is_ascii_control() {
            return Err(PathProblem::Hidden);
        }
        // Other bytes are parts of characters that mean nothing to a router.
        decoded.push(if byte.is_ascii() { char::from(byte) } else { char::REPLACEMENT_CHARACTER });
        decoded.push_str(&part[2..]);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_paths_that_everybody_reads_alike_are_routed() {
        for good in ["/", "/api", "/api/", "/a//b", "/a.b/..c", "/caf%C3%A9", "/a%20b", "/...", "/%25"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, problem) in [
            ("", PathProblem::NoSlash),
            ("api", PathProblem::NoSlash),
            ("/a/../b", PathProblem::DotSegment),
            ("/..", PathProblem::DotSegment),
            ("/./a", PathProblem::DotSegment),
            ("/%2e%2E/a", PathProblem::DotSegment),
            ("/a/.%2e", PathProblem::DotSegment),
            ("/a%2fb", PathProblem::Hidden),
            ("/a%5Cb", PathProblem::Hidden),
            ("/a\\b", PathProblem::Hidden),
            ("/a%00", PathProblem::Hidden),
            ("/a%0d%0ab", PathProblem::Hidden),
            ("/a%", PathProblem::Escape),
            ("/a%2", PathProblem::Escape),
            ("/a%zz", PathProblem::Escape),
            ("/a%+1", PathProblem::Escape),
        ] {
            assert_eq!(check(bad), Err(problem), "{bad}");
        }
    }

    #[test]
    fn a_prefix_ends_where_a_segment_ends() {
        let api = PathPrefix::parse("/api/").expect("a prefix");
        assert_eq!(api.strip("/api"), Some(""));
        assert_eq!(api.strip("/api/x"), Some("/x"));
        assert_eq!(api.strip("/apix"), None);
        let root = PathPrefix::parse("/").expect("a prefix");
        assert_eq!(root.strip("/x"), Some("/x"));
        assert_eq!((api.to_string(), root.to_string()), ("/api".into(), "/".into()));
    }

    #[test]
    fn a_prefix_is_met_however_its_characters_are_escaped() {
        let api = PathPrefix::parse("/api").expect("a prefix");
        assert_eq!(api.strip("/%61pi/x%2Ey"), Some("/x%2Ey"));
        assert_eq!(api.strip("/%61%70%69"), Some(""));
        assert_eq!(api.strip("/%61pix"), None);
        assert_eq!(api.strip("/ap"), None);
        assert_eq!(api.strip("/ap%"), None);
        let cafe = PathPrefix::parse("/caf%C3%A9").expect("a prefix");
        assert_eq!(cafe.strip("/caf%c3%a9/x"), Some("/x"));
        assert_eq!(cafe.strip("/café"), Some(""));
        assert_eq!(cafe.strip("/caf%C3%A8"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_a_panic(text in "[/%.a2fé\\\\]{0,24}") {
            let _ = check(&text);
            let _ = PathPrefix("/a%2".into()).strip(&text);
        }
    }
}
