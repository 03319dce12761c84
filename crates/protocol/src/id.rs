//! The identifiers of a session and of the person it belongs to.
//!
//! `Sid` is private and leaves the server only inside a refresh token. `SessionKey` is public: it names
//! cookies, begins the CSRF token and stands in device lists.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

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

impl SessionKey {
    pub const LENGTH: usize = 16;

    pub fn from_random(bytes: [u8; 12]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes))
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
