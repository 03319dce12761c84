//! Where the access token travels, and the token of an `Authorization` header (RFC 6750 §2.1).

use serde::{Deserialize, Serialize};

/// Where the access token travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// In an HttpOnly cookie.
    Cookie,
    /// In the body of an answer, then in the memory of the page, then in the `Authorization` header.
    Bearer,
}

/// What came as a bearer; nothing is said about its worth.
#[derive(Clone, PartialEq, Eq)]
pub struct BearerToken(String);

impl BearerToken {
    /// The token in the value of an `Authorization` header; `None` for another scheme.
    pub fn parse(header: &str) -> Option<Self> {
        let (scheme, token) = header.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| Self(token.trim().to_owned()))
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for BearerToken {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("BearerToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, expected: Option<&str>) {
        assert_eq!(BearerToken::parse(header).as_ref().map(BearerToken::expose), expected, "{header:?}");
    }

    #[test]
    fn the_scheme_is_read_in_any_case_and_others_are_none_of_ours() {
        check("Bearer a.b.c", Some("a.b.c"));
        check("bearer  a.b.c ", Some("a.b.c"));
        check("BEARER undefined", Some("undefined"));
        for header in ["", "Bearer", "Bearer ", "Basic YTpi", "Bearera.b.c", "a.b.c", "Token a.b.c"] {
            check(header, None);
        }
    }

    #[test]
    fn it_is_never_printed() {
        assert_eq!(format!("{:?}", BearerToken::parse("Bearer a.b.c")), "Some(BearerToken(..))");
    }
}
