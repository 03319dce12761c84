//! Message authentication: a ring of HMAC-SHA256 keys and the purposes they serve.
//!
//! Every tag covers a purpose label, so that a tag made for one purpose is never right for another. New
//! tags are made with the current key; every key of the ring still verifies. Where keys come from, and
//! when one becomes current, is for others to say.

use std::fmt;

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};

/// The number of a key inside its ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u16);

/// What a tag is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Refresh,
    Csrf,
    StaleMark,
    OneTimeCode,
    PendingToken,
    RecoveryCode,
    KnownBrowser,
    ThrottleKey,
    /// What a store knows a foreign refresh token by.
    ForeignToken,
    /// What the seal of a foreign refresh is derived from.
    ForeignResult,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Refresh => b"refresh",
            Self::Csrf => b"csrf",
            Self::StaleMark => b"stale",
            Self::OneTimeCode => b"one-time-code",
            Self::PendingToken => b"pending-token",
            Self::RecoveryCode => b"recovery-code",
            Self::KnownBrowser => b"known-browser",
            Self::ThrottleKey => b"throttle-key",
            Self::ForeignToken => b"foreign-token",
            Self::ForeignResult => b"foreign-result",
        }
    }
}

/// One HMAC-SHA256 key.
#[derive(Clone)]
pub struct MacKey {
    pub id: KeyId,
    key: hmac::Key,
}

impl MacKey {
    pub const LENGTH: usize = 32;

    pub fn new(id: KeyId, secret: &[u8; Self::LENGTH]) -> Self {
        Self { id, key: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    /// The full tag of `parts`. Every part but the last must have a fixed length, or two lists of parts
    /// could be told as one.
    fn tag(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(purpose.label());
        context.update(&[0]);
        for part in parts {
            context.update(part);
        }
        let mut tag = [0; 32];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "MacKey({})", self.id.0)
    }
}

/// The keys that verify, one of which signs.
#[derive(Debug, Clone)]
pub struct MacRing {
    current: MacKey,
    others: Vec<MacKey>,
}

impl MacRing {
    pub fn new(current: MacKey, others: Vec<MacKey>) -> Self {
        Self { current, others }
    }

    pub fn current(&self) -> KeyId {
        self.current.id
    }

    /// A tag of 32 bytes by the current key.
    pub fn sign(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        self.current.tag(purpose, parts)
    }

    /// The first 16 bytes of a tag by the current key.
    pub fn sign_short(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 16] {
        shorten(self.sign(purpose, parts))
    }

    /// The first 16 bytes of a tag by the oldest key: the same over rotations, until that key retires. For
    /// names that must be found again, not for what must be hard to forge.
    pub fn sign_steadily(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 16] {
        let oldest = self.keys().min_by_key(|key| key.id).unwrap_or(&self.current);
        shorten(oldest.tag(purpose, parts))
    }

    /// Whether `tag` was made by key `id`, in constant time; an unknown key verifies nothing.
    pub fn verifies_with(&self, id: KeyId, purpose: Purpose, parts: &[&[u8]], tag: &[u8; 16]) -> bool {
        self.keys().find(|key| key.id == id).is_some_and(|key| same(&shorten(key.tag(purpose, parts)), tag))
    }

    /// Whether any key of the ring made `tag`, in constant time for each key.
    pub fn verifies(&self, purpose: Purpose, parts: &[&[u8]], tag: &[u8; 16]) -> bool {
        self.keys().any(|key| same(&shorten(key.tag(purpose, parts)), tag))
    }

    /// The tags of `parts` by every key, the current one first: what to look a keyed hash up by after a
    /// key rotation.
    pub fn every_tag(&self, purpose: Purpose, parts: &[&[u8]]) -> Vec<[u8; 32]> {
        self.keys().map(|key| key.tag(purpose, parts)).collect()
    }

    fn keys(&self) -> impl Iterator<Item = &MacKey> {
        std::iter::once(&self.current).chain(&self.others)
    }
}

fn shorten(tag: [u8; 32]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&tag[..16]);
    short
}

/// Whether two byte strings are equal, in time that does not depend on where they differ.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    verify_slices_are_equal(left, right).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> MacRing {
        let old = MacKey::new(KeyId(1), &[1; 32]);
        MacRing::new(MacKey::new(KeyId(2), &[2; 32]), vec![old])
    }

    #[test]
    fn a_tag_serves_one_purpose_only() {
        let tag = ring().sign_short(Purpose::Csrf, &[b"part"]);
        assert!(ring().verifies(Purpose::Csrf, &[b"part"], &tag));
        assert!(!ring().verifies(Purpose::Refresh, &[b"part"], &tag));
    }

    #[test]
    fn a_key_that_no_longer_signs_still_verifies() {
        let before = MacRing::new(MacKey::new(KeyId(1), &[1; 32]), vec![]);
        let tag = before.sign_short(Purpose::Csrf, &[b"part"]);
        assert!(ring().verifies(Purpose::Csrf, &[b"part"], &tag));
        assert!(ring().verifies_with(KeyId(1), Purpose::Csrf, &[b"part"], &tag));
    }

    #[test]
    fn a_steady_tag_outlasts_a_rotation() {
        let before = MacRing::new(MacKey::new(KeyId(1), &[1; 32]), vec![]);
        let steady = |ring: &MacRing| ring.sign_steadily(Purpose::ThrottleKey, &[b"part"]);
        assert_eq!(steady(&before), steady(&ring()));
    }

    #[test]
    fn an_unknown_or_other_key_verifies_nothing() {
        let tag = ring().sign_short(Purpose::Csrf, &[b"part"]);
        assert!(!ring().verifies_with(KeyId(1), Purpose::Csrf, &[b"part"], &tag));
        assert!(!ring().verifies_with(KeyId(9), Purpose::Csrf, &[b"part"], &tag));
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", ring()), "MacRing { current: MacKey(2), others: [MacKey(1)] }");
    }
}
