//! Claims: a small JSON object of the operator's own, about an account or about one session.
//!
//! They stand in the tokens that others read, beside what the server says itself; none of them can take the
//! name of what the server says. They are small because tokens travel with every request.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

/// Claims that fit.
#[derive(Clone, PartialEq, Eq, Default, Serialize)]
pub struct Claims(Map<String, Value>);

/// Why an object cannot be claims.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotClaims {
    #[error("claims are a JSON object, such as {{\"roles\":[\"editor\"]}}")]
    NotAnObject,
    #[error("claims are at most {} bytes of JSON", Claims::BYTES_MAX)]
    Large,
    #[error("the name of a claim is 1 to {} characters without control characters", Claims::NAME_LENGTH_MAX)]
    Name,
    #[error("`{0}` is said by the server itself: choose another name")]
    Reserved(&'static str),
}

/// What the server says itself (RFC 7519 §4.1, RFC 9068 §2.2, OpenID Connect Core §2), or what whoever
/// verifies a token acts on.
const RESERVED: [&str; 17] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "sid",
    "gen",
    "aal",
    "amr",
    "acr",
    "auth_time",
    "client_id",
    "azp",
    "nonce",
    "cnf",
];

impl Claims {
    /// As JSON text. Those of an account and those of a session together still fit into a request header.
    pub const BYTES_MAX: usize = 1024;

    pub const NAME_LENGTH_MAX: usize = 64;

    pub fn parse(text: &str) -> Result<Self, NotClaims> {
        if text.len() > Self::BYTES_MAX {
            return Err(NotClaims::Large);
        }
        Self::new(serde_json::from_str(text).map_err(|_| NotClaims::NotAnObject)?)
    }

    pub fn new(claims: Map<String, Value>) -> Result<Self, NotClaims> {
        for name in claims.keys() {
            if name.is_empty() || name.chars().count() > Self::NAME_LENGTH_MAX || name.chars().any(char::is_control) {
                return Err(NotClaims::Name);
            }
            if let Some(reserved) = RESERVED.into_iter().find(|reserved| reserved == name) {
                return Err(NotClaims::Reserved(reserved));
            }
        }
        let claims = Self(claims);
        if claims.to_json().len() > Self::BYTES_MAX { Err(NotClaims::Large) } else { Ok(claims) }
    }

    /// What a store kept: it was checked when it was written, and the rules may have become stricter since.
    pub fn kept(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// A claim that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// As JSON text.
    pub fn to_json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    /// All of these, but where `nearer` says something of the same name, what it says.
    pub fn overlaid_with(&self, nearer: &Self) -> Map<String, Value> {
        let mut all = self.0.clone();
        all.extend(nearer.0.clone());
        all
    }
}

/// What an operator says of a person is nobody else's to read.
impl fmt::Debug for Claims {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Claims({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<usize, NotClaims>) {
        assert_eq!(Claims::parse(text).map(|claims| claims.as_map().len()), expected, "{text}");
    }

    #[test]
    fn a_small_object_of_own_names_is_accepted() {
        check("{}", Ok(0));
        check(r#"{"roles":["editor"],"tenant":7,"https://example.com/plan":null,"scope":"a b"}"#, Ok(4));
        check(&format!(r#"{{"x":"{}"}}"#, "a".repeat(Claims::BYTES_MAX - 8)), Ok(1));
    }

    #[test]
    fn what_is_no_object_or_too_large_is_refused() {
        for text in ["", "[]", "7", "null", "{", r#"{"a":1} {"b":2}"#, "{\"a\":1e999}"] {
            check(text, Err(NotClaims::NotAnObject));
        }
        check(&format!(r#"{{"x":"{}"}}"#, "a".repeat(Claims::BYTES_MAX - 7)), Err(NotClaims::Large));
        let mut wide = Map::new();
        wide.insert("x".into(), "\u{1}".repeat(200).into());
        assert_eq!(Claims::new(wide), Err(NotClaims::Large), "what counts is the text, escapes included");
    }

    #[test]
    fn no_claim_takes_the_name_of_what_the_server_says() {
        for name in RESERVED {
            check(&format!(r#"{{"roles":[],"{name}":"x"}}"#), Err(NotClaims::Reserved(name)));
        }
        check(r#"{"\u0073ub":"someone else"}"#, Err(NotClaims::Reserved("sub")));
        for name in ["", "a\\nb", &"a".repeat(65)] {
            check(&format!(r#"{{"{name}":1}}"#), Err(NotClaims::Name));
        }
    }

    #[test]
    fn the_nearer_claim_of_one_name_is_the_one_that_counts() {
        let far = Claims::parse(r#"{"plan":"free","roles":["reader"]}"#).expect("claims");
        let near = Claims::parse(r#"{"plan":"paid"}"#).expect("claims");
        assert_eq!(Value::Object(far.overlaid_with(&near)).to_string(), r#"{"plan":"paid","roles":["reader"]}"#);
    }

    #[test]
    fn debug_shows_how_many_there_are() {
        assert_eq!(format!("{:?}", Claims::parse(r#"{"salary":1}"#).expect("claims")), "Claims(1)");
    }
}
