//! One-time codes that are mailed, and recovery codes that are written down.
//!
//! Both are kept as keyed hashes only: six digits could be guessed back from a plain hash. What a person
//! types is read leniently, spaces and hyphens aside.

use std::fmt;

use crate::{
    id::Subject,
    key::{MacRing, Purpose, same},
};

/// How many recovery codes a person gets.
pub const RECOVERY_CODES: usize = 10;

/// Six digits, as mailed, and as a TOTP app shows them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OneTimeCode([u8; 6]);

impl OneTimeCode {
    /// A code from 64 random bits: the bias of the remainder is below 1 in 10^13.
    pub fn from_random(dice: u64) -> Self {
        let digits = format!("{:06}", dice % 1_000_000);
        Self(digits.as_bytes().try_into().expect("six digits are six bytes"))
    }

    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = typed(text, 6)?;
        let digits: [u8; 6] = digits.try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(Self(digits))
    }

    /// The code as it is mailed. This is the secret itself.
    pub fn expose(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits are UTF-8")
    }

    /// What the store keeps, bound to the attempt that the code was mailed for.
    pub fn hash(&self, ring: &MacRing, attempt: &[u8; 32]) -> [u8; 32] {
        ring.sign(Purpose::OneTimeCode, &[attempt, &self.0])
    }

    /// Whether `kept` is this code's hash for that attempt, under any key that has not retired.
    pub fn matches(&self, ring: &MacRing, attempt: &[u8; 32], kept: &[u8; 32]) -> bool {
        ring.every_tag(Purpose::OneTimeCode, &[attempt, &self.0]).iter().any(|hash| same(hash, kept))
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("OneTimeCode(..)")
    }
}

/// 16 characters of an alphabet of 32 without look-alikes: 80 random bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecoveryCode([u8; 16]);

const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";

impl RecoveryCode {
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(bytes.map(|byte| ALPHABET[usize::from(byte % 32)]))
    }

    pub fn parse(text: &str) -> Option<Self> {
        let characters: [u8; 16] = typed(text, 16)?.try_into().ok()?;
        characters.iter().all(|character| ALPHABET.contains(character)).then_some(Self(characters))
    }

    /// The code as it is shown once, in groups of four. This is the secret itself.
    pub fn expose(&self) -> String {
        let groups: Vec<&str> =
            self.0.chunks(4).map(|group| std::str::from_utf8(group).expect("the alphabet is ASCII")).collect();
        groups.join("-")
    }

    /// What the store keeps for this person.
    pub fn hash(&self, ring: &MacRing, subject: &Subject) -> [u8; 32] {
        ring.sign(Purpose::RecoveryCode, &[&self.0, subject.as_str().as_bytes()])
    }

    /// Where the store may have it, under any key that has not retired.
    pub fn hashes(&self, ring: &MacRing, subject: &Subject) -> Vec<[u8; 32]> {
        ring.every_tag(Purpose::RecoveryCode, &[&self.0, subject.as_str().as_bytes()])
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("RecoveryCode(..)")
    }
}

/// What was typed, in lower case without spaces and hyphens, if it is `length` characters of ASCII.
fn typed(text: &str, length: usize) -> Option<Vec<u8>> {
    if text.len() > 4 * length || !text.is_ascii() {
        return None;
    }
    let kept: Vec<u8> =
        text.bytes().filter(|byte| !b" -\t".contains(byte)).map(|byte| byte.to_ascii_lowercase()).collect();
    (kept.len() == length).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{KeyId, MacKey};

    fn ring() -> MacRing {
        MacRing::new(MacKey::new(KeyId(1), &[1; 32]), vec![])
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        for text in ["012345", " 012 345 ", "012-345"] {
            assert_eq!(OneTimeCode::parse(text).map(|code| code.expose().to_owned()).as_deref(), Some("012345"));
        }
        for text in ["", "12345", "1234567", "12345a", "１２３４５６", "0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9"]
        {
            assert_eq!(OneTimeCode::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_recovery_code_reads_back_as_it_was_shown() {
        let code = RecoveryCode::from_random([200; 16]);
        assert_eq!(code.expose().len(), 19);
        assert_eq!(RecoveryCode::parse(&code.expose().to_uppercase()), Some(code));
        assert_eq!(RecoveryCode::parse("iiii-llll-oooo-1111"), None);
    }

    #[test]
    fn a_mailed_code_counts_for_its_own_attempt_only() {
        let code = OneTimeCode::from_random(7);
        let kept = code.hash(&ring(), &[1; 32]);
        assert!(code.matches(&ring(), &[1; 32], &kept));
        assert!(!code.matches(&ring(), &[2; 32], &kept));
        assert!(!OneTimeCode::from_random(8).matches(&ring(), &[1; 32], &kept));
    }
}
