//! A foreign refresh token as the store may know it, and the seal of what came of spending it.
//!
//! The store sees a keyed hash of issuer and token. The result is sealed with AES-256-GCM under a key that
//! HKDF-SHA256 (RFC 5869) derives from a server key and the spent token: the table opens nothing without the
//! server key, and both open nothing for who does not hold the token.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Prk},
};
use perennial_protocol::key::{MacRing, Purpose};
use perennial_store::SealedResult;
use zeroize::Zeroizing;

use crate::entropy::{self, Entropy};

/// A foreign token under one server key.
pub struct KeyedToken {
    /// What the store knows it by.
    pub hash: [u8; 32],
    seal: LessSafeKey,
}

impl fmt::Debug for KeyedToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("KeyedToken(..)")
    }
}

/// The token under each key of the ring, the current one first: a result that was sealed before a key rotation
/// is found and opened after it.
pub fn keyed(ring: &MacRing, issuer: &str, token: &str) -> Vec<KeyedToken> {
    let length = (issuer.len() as u64).to_be_bytes();
    let parts: &[&[u8]] = &[&length, issuer.as_bytes(), token.as_bytes()];
    let hashes = ring.every_tag(Purpose::ForeignToken, parts);
    // HMAC with the server key as its salt is HKDF's first step (RFC 5869 §2.2).
    let extracted = ring.every_tag(Purpose::ForeignResult, parts).into_iter().map(Zeroizing::new);
    hashes.into_iter().zip(extracted).map(|(hash, secret)| KeyedToken { hash, seal: expand(&secret) }).collect()
}

fn expand(extracted: &[u8; 32]) -> LessSafeKey {
    let prk = Prk::new_less_safe(HKDF_SHA256, extracted);
    let derived = prk.expand(&[b"aes-256-gcm"], &AES_256_GCM).expect("HKDF-SHA256 derives 32 bytes");
    LessSafeKey::new(UnboundKey::from(derived))
}

impl KeyedToken {
    /// How much longer a secret is when it is sealed.
    pub const OVERHEAD: usize = NONCE_LEN + MAX_TAG_LEN;

    /// Nonce, ciphertext and tag. Nothing where the secret is too long to be kept.
    pub fn seal(&self, secret: &[u8], entropy: &dyn Entropy) -> Option<SealedResult> {
        let nonce = entropy::bytes::<NONCE_LEN>(entropy);
        let mut sealed = Zeroizing::new(secret.to_vec());
        let tag = self.seal.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), self.owner(), &mut sealed);
        let tag = tag.expect("what can be kept is far below the limit of AES-GCM");
        SealedResult::checked([&nonce[..], &sealed, tag.as_ref()].concat())
    }

    /// What was sealed under this hash; nothing where it was changed since, or was sealed for another token.
    pub fn open(&self, sealed: &SealedResult) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, rest) = sealed.bytes().split_first_chunk::<NONCE_LEN>()?;
        let mut secret = Zeroizing::new(rest.to_vec());
        let opened = self.seal.open_in_place(Nonce::assume_unique_for_key(*nonce), self.owner(), &mut secret);
        let length = opened.ok()?.len();
        secret.truncate(length);
        Some(secret)
    }

    /// A result stands in the row it was sealed for.
    fn owner(&self) -> Aad<[u8; 32]> {
        Aad::from(self.hash)
    }
}

#[cfg(test)]
mod tests {
    use perennial_protocol::key::{KeyId, MacKey};

    use super::*;
    use crate::entropy::SystemEntropy;

    fn key(number: u8) -> MacKey {
        MacKey::new(KeyId(number.into()), &[number; 32])
    }

    fn only(ring: &MacRing, issuer: &str, token: &str) -> KeyedToken {
        keyed(ring, issuer, token).remove(0)
    }

    fn sealed(token: &KeyedToken) -> SealedResult {
        token.seal(b"new tokens", &SystemEntropy).expect("it is small")
    }

    #[test]
    fn a_result_opens_with_the_token_and_the_key_it_was_sealed_with() {
        let ring = MacRing::new(key(1), vec![]);
        let token = only(&ring, "users", "old");
        let result = sealed(&token);
        assert_eq!(token.open(&result).expect("opens").as_slice(), b"new tokens");
        assert_eq!(result.bytes().len(), b"new tokens".len() + KeyedToken::OVERHEAD);
        assert!(!result.bytes().windows(3).any(|part| part == b"new"));
        assert_eq!(only(&ring, "users", "old").open(&result).expect("opens").as_slice(), b"new tokens");
        assert_eq!(format!("{token:?}"), "KeyedToken(..)");
    }

    #[test]
    fn neither_another_token_nor_another_key_nor_another_issuer_opens_it() {
        let ring = MacRing::new(key(1), vec![]);
        let result = sealed(&only(&ring, "users", "old"));
        let others = [
            only(&ring, "users", "olD"),
            only(&ring, "others", "old"),
            only(&ring, "user", "sold"),
            only(&MacRing::new(key(2), vec![]), "users", "old"),
        ];
        let own = only(&ring, "users", "old").hash;
        assert!(others.iter().all(|other| other.open(&result).is_none() && other.hash != own));
    }

    #[test]
    fn a_result_that_was_changed_or_moved_to_another_row_does_not_open() {
        let token = only(&MacRing::new(key(1), vec![]), "users", "old");
        let result = sealed(&token);
        for position in 0..result.bytes().len() {
            let mut bytes = result.bytes().to_vec();
            bytes[position] ^= 1;
            let shorter = result.bytes()[..position].to_vec();
            for bytes in [bytes, shorter] {
                assert!(token.open(&SealedResult::checked(bytes).expect("it is small")).is_none(), "{position}");
            }
        }
        let moved = KeyedToken { hash: [9; 32], seal: only(&MacRing::new(key(1), vec![]), "users", "old").seal };
        assert!(moved.open(&result).is_none());
    }

    #[test]
    fn a_rotation_leaves_every_result_to_be_found_and_opened() {
        let before = only(&MacRing::new(key(1), vec![]), "users", "old");
        let result = sealed(&before);
        let after = keyed(&MacRing::new(key(2), vec![key(1)]), "users", "old");
        assert!(after[0].hash != before.hash && after[0].open(&result).is_none());
        assert_eq!(after[1].hash, before.hash);
        assert_eq!(after[1].open(&result).expect("opens").as_slice(), b"new tokens");
    }

    #[test]
    fn what_is_too_long_to_be_kept_is_not_sealed() {
        let token = only(&MacRing::new(key(1), vec![]), "users", "old");
        let longest = vec![0; SealedResult::BYTES_MAX - KeyedToken::OVERHEAD];
        assert!(token.seal(&longest, &SystemEntropy).is_some());
        assert!(token.seal(&[longest, vec![0]].concat(), &SystemEntropy).is_none());
    }
}
