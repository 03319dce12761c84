//! When an upstream's refusal says that the token it was sent is no longer good, and no other refusal does:
//! a wrong role or bad credentials are the person's to hear, and no renewal mends them.

use serde_json::Value;

/// A route's own way to say it: a status, and a text at a place of the JSON body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiredRule {
    pub status: u16,
    /// Where to look in the body (RFC 6901), and what stands there; `None` takes the status alone.
    pub body: Option<ExpiredBody>,
}

/// What a body says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiredBody {
    pub pointer: String,
    pub equals: String,
}

/// A refusal as the upstream sent it.
#[derive(Debug, Clone, Copy)]
pub struct Refused401<'a> {
    pub status: u16,
    pub www_authenticate: Option<&'a str>,
}

impl Refused401<'_> {
    /// Whether the header says that the token is bad (RFC 6750 §3.1).
    pub fn says_invalid_token(&self) -> bool {
        let Some(header) = self.www_authenticate.filter(|_| self.status == 401) else { return false };
        let mut parameters = header.split([',', ' ']).map(str::trim);
        parameters.any(|part| matches!(part, r#"error="invalid_token""# | "error=invalid_token"))
    }
}

impl ExpiredRule {
    /// Whether the body has to be read to know.
    pub fn asks_for_body(&self, status: u16) -> bool {
        self.status == status && self.body.is_some()
    }

    pub fn matches(&self, status: u16, body: &[u8]) -> bool {
        if self.status != status {
            return false;
        }
        let Some(wanted) = &self.body else { return true };
        let found: Option<Value> = serde_json::from_slice(body).ok();
        found
            .is_some_and(|found| found.pointer(&wanted.pointer).and_then(Value::as_str) == Some(wanted.equals.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_error_invalid_token_says_that_the_token_is_bad() {
        let check = |status, header: Option<&str>, expected| {
            assert_eq!(Refused401 { status, www_authenticate: header }.says_invalid_token(), expected, "{header:?}");
        };
        check(401, Some(r#"Bearer realm="x", error="invalid_token""#), true);
        check(401, Some(r#"Bearer error="invalid_token", error_description="expired""#), true);
        check(401, Some(r#"Bearer error="insufficient_scope""#), false);
        check(401, Some(r#"Bearer realm="x""#), false);
        check(401, None, false);
        check(403, Some(r#"Bearer error="invalid_token""#), false);
    }

    #[test]
    fn a_rule_asks_for_its_status_and_its_words() {
        let body = ExpiredBody { pointer: "/detail".into(), equals: "Access token has expired".into() };
        let rule = ExpiredRule { status: 401, body: Some(body) };
        assert!(rule.matches(401, br#"{"detail":"Access token has expired"}"#));
        assert!(!rule.matches(401, br#"{"detail":"Wrong role"}"#));
        assert!(!rule.matches(403, br#"{"detail":"Access token has expired"}"#));
        assert!(!rule.matches(401, b"<html>"));
        assert!(!rule.matches(401, b""));
        let bare = ExpiredRule { status: 419, body: None };
        assert!(bare.matches(419, b"") && !bare.asks_for_body(419));
    }
}
