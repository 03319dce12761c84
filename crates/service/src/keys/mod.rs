//! The server's keys: which exist, which are in use now, and where they are kept.
//!
//! A key is published before it is used: `active_from` lies in the future when a key is made on a running
//! system, so that every node and every verifier knows it by then. Old keys go on verifying until the last
//! token they made has died.

pub mod directory;
pub mod ring;

use std::fmt;

use perennial_protocol::{key::KeyId, time::UnixMillis};
use zeroize::Zeroizing;

pub use directory::KeyDirectory;
pub use ring::{Keyring, Keys, SealKey, SigningKey};

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Tags of refresh tokens, CSRF tokens, marks and hashes: 32 random bytes.
    Mac,
    /// Signatures of access tokens: an ES256 key pair in PKCS#8.
    Signing,
    /// Secrets at rest: 32 random bytes for AES-256-GCM.
    Seal,
}

impl KeyKind {
    pub const ALL: [Self; 3] = [Self::Mac, Self::Signing, Self::Seal];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Mac => "mac",
            Self::Signing => "signing",
            Self::Seal => "seal",
        }
    }
}

/// A key as it is kept.
#[derive(Clone)]
pub struct KeyRecord {
    pub kind: KeyKind,
    pub id: KeyId,
    pub active_from: UnixMillis,
    pub secret: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for KeyRecord {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "KeyRecord({} {}, active from {})", self.kind.name(), self.id.0, self.active_from.0)
    }
}

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("there is no {0} key: run `perennial migrate`, which creates missing keys")]
    Missing(&'static str),
    #[error("the {kind} key {id} is damaged: restore it from a backup of the key directory")]
    Damaged { kind: &'static str, id: u16 },
    #[error("the key directory {path}: {error}")]
    Directory { path: String, error: std::io::Error },
    #[error("{path} is not a key file: {reason}")]
    NotAKeyFile { path: String, reason: String },
    #[error("all 65,535 numbers for {0} keys are taken")]
    Exhausted(&'static str),
}
