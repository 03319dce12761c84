//! The refresh token: proof of possession of a session at one generation.
//!
//! `prn1.` and base64url (no padding) of key id (u16), sid (16 bytes), generation (u32), branch (u32) and
//! tag (16 bytes), big-endian. The tag covers everything and the session's salt, which only the database
//! knows: a dump of the database forges nothing without the key, nor the key without the database.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    id::Sid,
    key::{KeyId, MacRing, Purpose},
};

/// The counter inside a session; it rises by one at each rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Generation(pub u32);

impl Generation {
    pub const FIRST: Self = Self(0);

    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// 32 random bits, new for every answer that hands out a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Branch(pub u32);

/// The session's salt: 16 random bytes that only the store holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Salt(pub [u8; 16]);

impl fmt::Debug for Salt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Salt(..)")
    }
}

/// A refresh token as it was read; `verifies` says whether it is ours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RefreshToken {
    pub key: KeyId,
    pub sid: Sid,
    pub generation: Generation,
    pub branch: Branch,
    tag: [u8; 16],
}

/// The text is not shaped like a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not shaped like a refresh token")]
pub struct Malformed;

const PREFIX: &str = "prn1.";
const BYTES: usize = 2 + 16 + 4 + 4 + 16;

impl RefreshToken {
    /// A token of `generation` made with the ring's current key.
    pub fn issue(ring: &MacRing, sid: Sid, salt: &Salt, generation: Generation, branch: Branch) -> Self {
        let [generation_bytes, branch_bytes] = [generation.0.to_be_bytes(), branch.0.to_be_bytes()];
        let tag = ring.sign_short(Purpose::Refresh, &[&sid.0, &generation_bytes, &branch_bytes, &salt.0]);
        Self { key: ring.current(), sid, generation, branch, tag }
    }

    /// Whether the tag is right for this session's salt, in constant time.
    pub fn verifies(&self, ring: &MacRing, salt: &Salt) -> bool {
        let [generation, branch] = [self.generation.0.to_be_bytes(), self.branch.0.to_be_bytes()];
        ring.verifies_with(self.key, Purpose::Refresh, &[&self.sid.0, &generation, &branch, &salt.0], &self.tag)
    }

    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let encoded = text.strip_prefix(PREFIX).ok_or(Malformed)?;
        let mut bytes = [0; BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes).map_err(|_| Malformed)?;
        let (key, rest) = bytes.split_first_chunk().ok_or(Malformed)?;
        let (sid, rest) = rest.split_first_chunk().ok_or(Malformed)?;
        let (generation, rest) = rest.split_first_chunk().ok_or(Malformed)?;
        let (branch, rest) = rest.split_first_chunk().ok_or(Malformed)?;
        let tag = rest.try_into().map_err(|_| Malformed)?;
        if length != BYTES {
            return Err(Malformed);
        }
        Ok(Self {
            key: KeyId(u16::from_be_bytes(*key)),
            sid: Sid(*sid),
            generation: Generation(u32::from_be_bytes(*generation)),
            branch: Branch(u32::from_be_bytes(*branch)),
            tag,
        })
    }

    /// The token as a cookie carries it. This is the secret itself.
    pub fn expose(&self) -> String {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend_from_slice(&self.key.0.to_be_bytes());
        bytes.extend_from_slice(&self.sid.0);
        bytes.extend_from_slice(&self.generation.0.to_be_bytes());
        bytes.extend_from_slice(&self.branch.0.to_be_bytes());
        bytes.extend_from_slice(&self.tag);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "RefreshToken(generation {}, ..)", self.generation.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::MacKey;

    const SALT: Salt = Salt([7; 16]);

    fn ring(secret: u8) -> MacRing {
        MacRing::new(MacKey::new(KeyId(1), &[secret; 32]), vec![])
    }

    fn token() -> RefreshToken {
        RefreshToken::issue(&ring(1), Sid([3; 16]), &SALT, Generation(5), Branch(9))
    }

    #[test]
    fn a_token_is_61_characters_and_reads_back() {
        let text = token().expose();
        assert_eq!(text.len(), 61);
        assert_eq!(RefreshToken::parse(&text), Ok(token()));
    }

    #[test]
    fn a_token_verifies_with_its_own_salt_and_key_only() {
        assert!(token().verifies(&ring(1), &SALT));
        assert!(!token().verifies(&ring(1), &Salt([8; 16])));
        assert!(!token().verifies(&ring(2), &SALT));
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", token()), "RefreshToken(generation 5, ..)");
    }

    proptest! {
        #[test]
        fn any_changed_byte_is_refused(position in 0_usize..61, replacement in "[A-Za-z0-9_-]") {
            let mut text = token().expose();
            prop_assume!(text[position..=position] != replacement);
            text.replace_range(position..=position, &replacement);
            let right = RefreshToken::parse(&text).is_ok_and(|token| token.verifies(&ring(1), &SALT));
            prop_assert!(!right);
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,200}") {
            let _ = RefreshToken::parse(&text);
        }

        #[test]
        fn every_token_reads_back(sid: [u8; 16], generation: u32, branch: u32) {
            let token = RefreshToken::issue(&ring(1), Sid(sid), &SALT, Generation(generation), Branch(branch));
            prop_assert_eq!(RefreshToken::parse(&token.expose()), Ok(token));
        }
    }
}
