//! When a foreign access token ends, as it says itself. Nobody has checked its claims: they say when to renew, and
//! never whose request it is.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::time::{Millis, UnixMillis};

/// How long before its end a token is renewed, where it lives long enough.
const RENEWED_BEFORE: Millis = Millis::seconds(30);

/// Where a token stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It has time left, or does not say.
    Good,
    AboutToExpire,
    Expired,
}

#[derive(Deserialize)]
struct Claims {
    exp: f64,
    iat: Option<f64>,
}

impl Freshness {
    /// Of a JWT (RFC 7519 §4.1.4). A token that does not say when it began is renewed when it is over, because a lead
    /// could be all of its life.
    pub fn of(token: &str, now: UnixMillis) -> Self {
        let Some(claims) = claims(token) else { return Self::Good };
        let left = claims.exp * 1000.0 - now.0 as f64;
        let life = claims.iat.map_or(0.0, |began| (claims.exp - began) * 1000.0);
        let lead = (life / 5.0).min(RENEWED_BEFORE.0 as f64);
        if left <= 0.0 {
            Self::Expired
        } else if left < lead {
            Self::AboutToExpire
        } else {
            Self::Good
        }
    }
}

fn claims(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(claims: &str, now_seconds: i64, expected: Freshness) {
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(Freshness::of(&token, UnixMillis(now_seconds * 1000)), expected, "{claims} at {now_seconds}");
    }

    #[test]
    fn a_token_is_renewed_half_a_minute_before_its_end_or_in_the_last_fifth_of_a_short_life() {
        let long = r#"{"iat":1000,"exp":2000}"#;
        check(long, 1970, Freshness::Good);
        check(long, 1971, Freshness::AboutToExpire);
        check(long, 2000, Freshness::Expired);
        let short = r#"{"iat":1000,"exp":1010}"#;
        check(short, 1008, Freshness::Good);
        check(short, 1009, Freshness::AboutToExpire);
    }

    #[test]
    fn a_token_that_does_not_say_when_it_began_is_renewed_when_it_is_over() {
        check(r#"{"exp":2000}"#, 1999, Freshness::Good);
        check(r#"{"exp":2000.5}"#, 2000, Freshness::Good);
        check(r#"{"exp":2000}"#, 2000, Freshness::Expired);
    }

    #[test]
    fn what_says_nothing_of_its_end_is_good() {
        check(r#"{"sub":"ada"}"#, 1, Freshness::Good);
        check(r#"{"exp":"tomorrow"}"#, 1, Freshness::Good);
        assert_eq!(Freshness::of("opaque", UnixMillis(1)), Freshness::Good);
    }

    proptest! {
        #[test]
        fn any_text_is_looked_at_without_a_panic(token in "\\PC{0,200}", now in any::<i64>()) {
            let _ = Freshness::of(&token, UnixMillis(now));
        }
    }
}
