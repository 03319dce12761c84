//! What a key takes: which values are right, what to write instead of a wrong one, and how the text of an
//! environment variable becomes a value.

use perennial_protocol::time::Millis;
use toml::Value;

/// The form of a key's value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Text,
    /// A URL that may carry a password, so it is never shown as it is.
    SecretUrl,
    /// One URL, or a list of them.
    Urls,
    Flag,
    /// `"auto"`, `true` or `false`.
    AutoFlag,
    Count,
    Ratio,
    Span,
    Choice(&'static [&'static str]),
    Texts,
    /// A table with keys of its own; without a list of them, any key is right.
    Map {
        keys: Option<&'static [&'static str]>,
        values: &'static Kind,
    },
    /// A table whose keys are these.
    Fields(&'static [(&'static str, Kind)]),
    /// Anything that JSON can say.
    Any,
}

impl Kind {
    /// The form of a value inside this one, if this is a table and has such a key.
    pub(crate) fn of_entry(&self, name: &str) -> Option<&'static Self> {
        match self {
            Self::Map { keys, values } if keys.is_none_or(|keys| keys.contains(&name)) => Some(values),
            Self::Fields(fields) => fields.iter().find(|(known, _)| *known == name).map(|(_, kind)| kind),
            _ => None,
        }
    }

    /// The names of the values inside this one; empty where any name is right.
    pub(crate) fn entries(&self) -> Vec<&'static str> {
        match self {
            Self::Map { keys: Some(keys), .. } => keys.to_vec(),
            Self::Fields(fields) => fields.iter().map(|(name, _)| *name).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether this value is of this form.
    pub(crate) fn takes(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text | Self::SecretUrl | Self::Urls, Value::String(_))
            | (Self::Flag | Self::AutoFlag, Value::Boolean(_))
            | (Self::Ratio, Value::Float(_) | Value::Integer(_))
            | (Self::Map { .. } | Self::Fields(_), Value::Table(_))
            | (Self::Any, _) => true,
            (Self::AutoFlag, Value::String(text)) => text == "auto",
            (Self::Count, Value::Integer(count)) => u32::try_from(*count).is_ok(),
            (Self::Span, Value::String(text)) => text.parse::<Millis>().is_ok(),
            (Self::Choice(words), Value::String(text)) => words.contains(&text.as_str()),
            (Self::Texts | Self::Urls, Value::Array(items)) => items.iter().all(Value::is_str),
            _ => false,
        }
    }

    /// What to write, as the end of a sentence.
    pub(crate) fn wanted(&self) -> String {
        match self {
            Self::Text => "write text in quotes".into(),
            Self::SecretUrl => "write a URL in quotes".into(),
            Self::Urls => "write a URL in quotes, or a list of them".into(),
            Self::Flag => "write true or false".into(),
            Self::AutoFlag => "write \"auto\", true or false".into(),
            Self::Count => format!("write a whole number from 0 to {}", u32::MAX),
            Self::Ratio => "write a number such as 0.1".into(),
            Self::Span => "write a duration, a whole number and one of ms, s, m, h, d, such as \"15m\"".into(),
            Self::Choice(words) => format!("write one of {}", quoted(words)),
            Self::Texts => "write a list of texts, such as [\"one\", \"two\"]".into(),
            Self::Map { .. } => "write a table, such as { name = value }".into(),
            Self::Fields(_) => format!("write a table of {}", quoted(&self.entries())),
            Self::Any => "write a value".into(),
        }
    }

    /// The form in a few words, for the reference.
    pub(crate) fn form(&self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::SecretUrl => "URL".into(),
            Self::Urls => "URL or list of URLs".into(),
            Self::Flag => "true or false".into(),
            Self::AutoFlag => "`\"auto\"`, true or false".into(),
            Self::Count => "whole number".into(),
            Self::Ratio => "number".into(),
            Self::Span => "duration".into(),
            Self::Choice(words) => words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", "),
            Self::Texts => "list of texts".into(),
            Self::Map { .. } | Self::Fields(_) => "table".into(),
            Self::Any => "value".into(),
        }
    }

    /// The text of an environment variable as a value; a text of the wrong form stays text, to be refused
    /// like one in a file.
    pub(crate) fn read(&self, text: &str) -> Value {
        let plain = || Value::String(text.to_owned());
        match self {
            Self::Text | Self::SecretUrl | Self::Span | Self::Choice(_) => plain(),
            Self::Urls if !text.trim_start().starts_with('[') => plain(),
            Self::Texts if !text.trim_start().starts_with('[') => {
                Value::Array(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect())
            }
            _ => text.trim().parse().unwrap_or_else(|_| plain()),
        }
    }
}

/// The words in quotes, with commas between them.
pub(crate) fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: Kind, text: &str, expected: &str) {
        assert_eq!(kind.read(text).to_string(), expected, "{kind:?} {text}");
    }

    #[test]
    fn a_variable_is_read_by_the_form_of_its_key() {
        check(Kind::Text, "true", r#""true""#);
        check(Kind::Span, "5m", r#""5m""#);
        check(Kind::Flag, "true", "true");
        check(Kind::Flag, "yes", r#""yes""#);
        check(Kind::AutoFlag, "auto", r#""auto""#);
        check(Kind::Count, "12", "12");
        check(Kind::Ratio, "0.25", "0.25");
        check(Kind::Texts, "", "[]");
        check(Kind::Texts, "10.0.0.0/8, 192.168.0.0/16", r#"["10.0.0.0/8", "192.168.0.0/16"]"#);
        check(Kind::Texts, r#"["10.0.0.0/8"]"#, r#"["10.0.0.0/8"]"#);
        check(Kind::Urls, "http://one", r#""http://one""#);
        check(Kind::Urls, r#"["http://one"]"#, r#"["http://one"]"#);
        check(Kind::Fields(&[("status", Kind::Count)]), "{ status = 401 }", "{ status = 401 }");
        check(Kind::Map { keys: None, values: &Kind::Any }, "{ a = 1 }", "{ a = 1 }");
        check(Kind::Any, "true", "true");
        check(Kind::Any, "plain words", r#""plain words""#);
    }
}
