//! The tokens of a foreign issuer: JWTs with `exp`, each refresh token for one use, a family for each login.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde_json::{Value, json};

const SECRET: &[u8] = b"the foreign issuer's own secret, which nobody else knows";

/// What a login or a refresh hands out.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) refresh: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    AccessExpired,
    AccessUnknown,
    RefreshExpired,
    RefreshUnknown,
    RefreshReused,
}

/// Every family by its number, with the number of the one refresh token that it takes; none after its end.
#[derive(Debug)]
pub(super) struct Families {
    access_ttl: Duration,
    refresh_ttl: Duration,
    current: HashMap<u64, Option<u64>>,
    punished: usize,
    last_number: u64,
    /// Access tokens up to this number count as expired.
    expired_through: u64,
}

impl Families {
    pub(super) fn new(access_ttl: Duration, refresh_ttl: Duration) -> Self {
        Self { access_ttl, refresh_ttl, current: HashMap::new(), punished: 0, last_number: 0, expired_through: 0 }
    }

    /// A login.
    pub(super) fn begin(&mut self) -> Tokens {
        let family = self.last_number + 1;
        self.hand_out(family)
    }

    pub(super) fn refresh(&mut self, token: &str) -> Result<Tokens, Refused> {
        let claims = read(token, "refresh").ok_or(Refused::RefreshUnknown)?;
        let (family, number) = (number(&claims, "family"), number(&claims, "jti"));
        match self.current.get(&family).copied().flatten() {
            None => Err(Refused::RefreshUnknown),
            Some(current) if current != number => {
                self.punished += 1;
                self.current.insert(family, None);
                Err(Refused::RefreshReused)
            }
            Some(_) if is_over(&claims) => Err(Refused::RefreshExpired),
            Some(_) => Ok(self.hand_out(family)),
        }
    }

    /// Ends the family of a refresh token.
    pub(super) fn end_of(&mut self, token: &str) {
        if let Some(claims) = read(token, "refresh") {
            self.current.insert(number(&claims, "family"), None);
        }
    }

    /// The number of a good access token. It is good to its end, whatever became of its family.
    pub(super) fn identify(&self, token: &str) -> Result<u64, Refused> {
        let claims = read(token, "access").ok_or(Refused::AccessUnknown)?;
        let number = number(&claims, "jti");
        if is_over(&claims) || number <= self.expired_through { Err(Refused::AccessExpired) } else { Ok(number) }
    }

    pub(super) const fn expire_access_tokens(&mut self) {
        self.expired_through = self.last_number;
    }

    pub(super) const fn punished(&self) -> usize {
        self.punished
    }

    fn hand_out(&mut self, family: u64) -> Tokens {
        self.last_number += 1;
        let number = self.last_number;
        self.current.insert(family, Some(number));
        let token = |kind: &str, ttl: Duration| {
            let (now, end) = (now().as_secs(), (now() + ttl).as_secs());
            let claims = json!({ "sub": "ada", "type": kind, "family": family, "jti": number, "iat": now, "exp": end });
            encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET)).expect("claims are JSON")
        };
        Tokens { access: token("access", self.access_ttl), refresh: token("refresh", self.refresh_ttl) }
    }
}

/// The claims of a token that we signed, of this kind, expired or not.
fn read(token: &str, kind: &str) -> Option<Value> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    let claims = decode::<Value>(token, &DecodingKey::from_secret(SECRET), &validation).ok()?.claims;
    (claims["type"] == kind).then_some(claims)
}

fn number(claims: &Value, name: &str) -> u64 {
    claims[name].as_u64().expect("we signed a number")
}

fn is_over(claims: &Value) -> bool {
    number(claims, "exp") <= now().as_secs()
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_refresh_token_that_comes_twice_ends_its_family_and_no_other() {
        let mut families = Families::new(HOUR, HOUR);
        let (first, other) = (families.begin(), families.begin());
        let second = families.refresh(&first.refresh).expect("it is current");
        assert_eq!(families.refresh(&first.refresh).err(), Some(Refused::RefreshReused));
        assert_eq!(families.refresh(&second.refresh).err(), Some(Refused::RefreshUnknown));
        assert!(families.refresh(&other.refresh).is_ok());
        assert_eq!(families.punished(), 1);
    }

    #[test]
    fn a_token_serves_only_as_what_it_is_and_until_its_end() {
        let mut families = Families::new(Duration::ZERO, Duration::ZERO);
        let tokens = families.begin();
        assert_eq!(families.identify(&tokens.access), Err(Refused::AccessExpired));
        assert_eq!(families.identify(&tokens.refresh), Err(Refused::AccessUnknown));
        assert_eq!(families.refresh(&tokens.access).err(), Some(Refused::RefreshUnknown));
        assert_eq!(families.refresh(&tokens.refresh).err(), Some(Refused::RefreshExpired));
        assert_eq!(families.identify("nonsense"), Err(Refused::AccessUnknown));
    }

    #[test]
    fn access_tokens_can_be_made_to_expire_before_their_time() {
        let mut families = Families::new(HOUR, HOUR);
        let tokens = families.begin();
        assert!(families.identify(&tokens.access).is_ok());
        families.expire_access_tokens();
        assert_eq!(families.identify(&tokens.access), Err(Refused::AccessExpired));
        let renewed = families.refresh(&tokens.refresh).expect("it is current");
        assert!(families.identify(&renewed.access).is_ok());
    }
}
