//! Keys of the admin API: what a program shows that acts for the operator.
//!
//! A key is 256 random bits, so a plain hash of it is enough to know it by, and no rotation of other keys
//! ever forgets it. It is shown once, when it is made.

use std::{collections::BTreeSet, fmt};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    key::same,
    time::{Millis, UnixMillis},
};

/// The secret itself.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminSecret([u8; 32]);

/// How every key begins, so that people and scanners of leaked secrets know it when they see it.
const PREFIX: &str = "prnadm_";

impl AdminSecret {
    pub const fn from_random(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The secret as it is shown and sent.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0))
    }

    /// What the store knows it by.
    pub fn hash(&self) -> [u8; 32] {
        digest(&SHA256, &self.0).as_ref().try_into().expect("SHA-256 has 32 bytes")
    }
}

impl fmt::Debug for AdminSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("AdminSecret(..)")
    }
}

/// What the store keeps of a key.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminKey {
    pub name: AdminKeyName,
    pub hash: [u8; 32],
    pub scopes: BTreeSet<AdminScope>,
    pub created_at: UnixMillis,
    pub expires_at: Option<UnixMillis>,
    /// Exact to a day: a busy key costs one write a day.
    pub last_used_at: Option<UnixMillis>,
    pub revoked_at: Option<UnixMillis>,
}

impl fmt::Debug for AdminKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "AdminKey({})", self.name)
    }
}

impl AdminKey {
    /// Whether `secret` is this key, and it counts now.
    pub fn admits(&self, secret: &AdminSecret, now: UnixMillis) -> bool {
        let expired = self.expires_at.is_some_and(|at| at <= now);
        same(&self.hash, &secret.hash()) && self.revoked_at.is_none() && !expired
    }

    /// Whether a use at `now` is news.
    pub fn use_is_news(&self, now: UnixMillis) -> bool {
        self.last_used_at.is_none_or(|at| now.since(at) >= Millis::days(1))
    }
}

/// What a key is called: in lists, and in the audit log behind what was done with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdminKeyName(String);

/// Why a text cannot be the name of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a key is 1 to 64 letters, digits, `-`, `_` or `.`")]
pub struct NotAnAdminKeyName;

impl AdminKeyName {
    pub const LENGTH_MAX: usize = 64;

    pub fn parse(text: &str) -> Result<Self, NotAnAdminKeyName> {
        let shaped = (1..=Self::LENGTH_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if shaped { Ok(Self(text.to_owned())) } else { Err(NotAnAdminKeyName) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AdminKeyName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdminScope {
    /// Make sessions for any subject.
    SessionsIssue,
    SessionsRead,
    SessionsEnd,
    UsersRead,
    /// Create, import, disable and enable accounts, set passwords and claims.
    UsersWrite,
    /// Ask whose a request is, with the cookies it came with: for gateways that are processes of their own.
    Gateway,
}

impl AdminScope {
    pub const ALL: [Self; 6] =
        [Self::SessionsIssue, Self::SessionsRead, Self::SessionsEnd, Self::UsersRead, Self::UsersWrite, Self::Gateway];

    pub const fn name(self) -> &'static str {
        match self {
            Self::SessionsIssue => "sessions:issue",
            Self::SessionsRead => "sessions:read",
            Self::SessionsEnd => "sessions:end",
            Self::UsersRead => "users:read",
            Self::UsersWrite => "users:write",
            Self::Gateway => "gateway",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> AdminKey {
        AdminKey {
            name: AdminKeyName::parse("backend").expect("a name"),
            hash: AdminSecret::from_random([7; 32]).hash(),
            scopes: AdminScope::ALL.into(),
            created_at: UnixMillis(0),
            expires_at: Some(UnixMillis(100)),
            last_used_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn a_secret_reads_back_and_nothing_else_is_one() {
        let secret = AdminSecret::from_random([7; 32]);
        let text = secret.expose();
        assert_eq!((text.len(), AdminSecret::parse(&text)), (50, Some(secret)));
        for wrong in ["", "prnadm_", &text[..49], &format!("{text}A"), &text.to_uppercase(), &format!(" {text}")] {
            assert_eq!(AdminSecret::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_key_counts_until_it_ends_or_is_revoked() {
        let (right, wrong) = (AdminSecret::from_random([7; 32]), AdminSecret::from_random([8; 32]));
        assert!(key().admits(&right, UnixMillis(99)));
        assert!(!key().admits(&wrong, UnixMillis(99)));
        assert!(!key().admits(&right, UnixMillis(100)));
        assert!(!AdminKey { revoked_at: Some(UnixMillis(5)), ..key() }.admits(&right, UnixMillis(4)));
        assert!(AdminKey { expires_at: None, ..key() }.admits(&right, UnixMillis(i64::MAX)));
    }

    #[test]
    fn a_use_is_news_once_a_day() {
        let used = |at| AdminKey { last_used_at: at, ..key() };
        let day = Millis::days(1).0;
        assert!(used(None).use_is_news(UnixMillis(0)));
        assert!(!used(Some(UnixMillis(0))).use_is_news(UnixMillis(day - 1)));
        assert!(used(Some(UnixMillis(0))).use_is_news(UnixMillis(day)));
    }

    #[test]
    fn names_of_keys_hold_nothing_that_could_break_a_line() {
        for name in ["backend", "CI-2.prod_eu", &"a".repeat(64)] {
            assert!(AdminKeyName::parse(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "a\nb", "a;b", "é", &"a".repeat(65)] {
            assert!(AdminKeyName::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn scopes_read_back_by_their_names() {
        for scope in AdminScope::ALL {
            assert_eq!(AdminScope::from_name(scope.name()), Some(scope));
        }
        assert_eq!(AdminScope::from_name("sessions"), None);
    }

    #[test]
    fn debug_shows_no_secret_and_no_hash() {
        assert_eq!(format!("{:?} {:?}", AdminSecret::from_random([7; 32]), key()), "AdminSecret(..) AdminKey(backend)");
    }
}
