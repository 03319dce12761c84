//! The identifiers of a session and of the person it belongs to.
//!
//! `Sid` is private and leaves the server only inside a refresh token. `SessionKey` is public: it names
//! cookies, begins the CSRF token and stands in device lists.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::time::{Millis, UnixMillis};

/// The private name of a session: 16 random bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sid(pub [u8; 16]);

impl fmt::Debug for Sid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Sid(..)")
    }
}

/// The public name of a session: 16 characters of base64url from 12 random bytes. It is no secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionKey(String);

/// Why a text is not a session key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a session key is 16 characters of base64url")]
pub struct NotASessionKey;

/// How many pairs of characters there are to begin with.
const TAGS: i64 = 64 * 64;

impl SessionKey {
    pub const LENGTH: usize = 16;

    /// How long keys of the moment begin with the same two characters.
    const TAG_STEP: Millis = Millis(50);

    pub fn from_random(bytes: [u8; 12]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// A key whose two characters name the moment: keys of the same three minutes have others, unless they were
    /// made within one `TAG_STEP`. A late answer of a login that is over, and left nothing in the jar to be seen
    /// by, then does not meet the cookies of the present one.
    pub fn at(moment: UnixMillis, mut bytes: [u8; 12]) -> Self {
        let number = u16::try_from(moment.0.div_euclid(Self::TAG_STEP.0).rem_euclid(TAGS)).unwrap_or(0);
        let [high, low] = (number << 4).to_be_bytes();
        bytes[0] = high;
        bytes[1] = low | (bytes[1] & 0x0f);
        Self::from_random(bytes)
    }

    pub fn parse(text: &str) -> Result<Self, NotASessionKey> {
        let shaped = text.len() == Self::LENGTH
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if shaped { Ok(Self(text.to_owned())) } else { Err(NotASessionKey) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The two characters that name this session's cookies.
    pub fn tag(&self) -> &str {
        &self.0[..2]
    }
}

impl TryFrom<String> for SessionKey {
    type Error = NotASessionKey;

    fn try_from(text: String) -> Result<Self, NotASessionKey> {
        Self::parse(&text)
    }
}

impl From<SessionKey> for String {
    fn from(key: SessionKey) -> Self {
        key.0
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The person or machine a session speaks for: an account's id, or any subject that the operator issues
/// a session to. It becomes the `sub` claim.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subject(String);

/// Why a text is not a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a subject is 1 to 128 printable ASCII characters without spaces")]
pub struct NotASubject;

impl Subject {
    pub const LENGTH_MAX: usize = 128;

    pub fn parse(text: &str) -> Result<Self, NotASubject> {
        let shaped = (1..=Self::LENGTH_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if shaped { Ok(Self(text.to_owned())) } else { Err(NotASubject) }
    }

    /// A new account's id, from 12 random bytes.
    pub fn from_random(bytes: [u8; 12]) -> Self {
        Self(format!("usr_{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Subject {
    type Error = NotASubject;

    fn try_from(text: String) -> Result<Self, NotASubject> {
        Self::parse(&text)
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_same_three_minutes_begin_differently() {
        let began = 1_800_000_000_000;
        let tags = (0..3600).map(|step| SessionKey::at(UnixMillis(began + 50 * step), [0xff; 12]).tag().to_owned());
        assert_eq!(tags.collect::<std::collections::BTreeSet<_>>().len(), 3600);
    }

    #[test]
    fn the_moment_is_all_that_a_key_tells() {
        let bytes = [0xff; 12];
        let key = SessionKey::at(UnixMillis(0), bytes);
        assert_eq!(key.as_str(), "AA______________");
        assert_eq!(SessionKey::parse(key.as_str()), Ok(key));
    }
}
