//! The server's keys: which exist, which are in use now, and where they are kept.
//!
//! A key is published before it is used: `active_from` lies in the future when a key is made on a running
//! system, so that every node and every verifier knows it by then. Old keys go on verifying until the last
//! token they made has died. One node keeps its keys in files (`directory`), many nodes share them through
//! their database (`sealed`).

pub mod directory;
pub mod ring;
pub mod sealed;

use std::fmt;

use async_trait::async_trait;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use perennial_protocol::{
    key::KeyId,
    time::{Millis, UnixMillis},
};
use perennial_store::{Applied, StoreError};
use zeroize::Zeroizing;

use crate::{
    entropy::{self, Entropy},
    limits,
};

pub use directory::KeyDirectory;
pub use ring::{Keyring, Keys, SealKey, SigningKey};
pub use sealed::SealedKeys;

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

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
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

/// Where keys are kept.
#[async_trait]
pub trait KeyStore: Send + Sync + fmt::Debug {
    /// Every key, by kind and number.
    async fn read(&self) -> Result<Vec<KeyRecord>, KeyError>;

    /// Keeps a new key; `Stale` if there is one of its kind and number, which stays as it is.
    async fn insert(&self, record: &KeyRecord) -> Result<Applied, KeyError>;

    /// Removes a key that nothing needs any more.
    async fn remove(&self, kind: KeyKind, id: KeyId) -> Result<(), KeyError>;
}

/// Makes the first key of every kind that has none, in use at once; answers all keys. Nodes that start
/// together agree on the key of whoever was first.
pub async fn ensure(keys: &dyn KeyStore, entropy: &dyn Entropy, now: UnixMillis) -> Result<Vec<KeyRecord>, KeyError> {
    let records = keys.read().await?;
    let mut missing = KeyKind::ALL.into_iter().filter(|kind| !records.iter().any(|record| record.kind == *kind));
    let Some(first) = missing.next() else { return Ok(records) };
    for kind in std::iter::once(first).chain(missing) {
        let _ = keys.insert(&new_key(kind, KeyId(1), now, entropy)).await?;
    }
    keys.read().await
}

/// Makes one more key of `kind` that comes into use after `lead`, when everyone knows it.
pub async fn rotate(
    keys: &dyn KeyStore,
    kind: KeyKind,
    lead: Millis,
    entropy: &dyn Entropy,
    now: UnixMillis,
) -> Result<KeyRecord, KeyError> {
    for _ in 0..limits::APPLY_ATTEMPT_MAX {
        let numbers = keys.read().await?.into_iter().filter(|record| record.kind == kind).map(|record| record.id.0);
        let id = numbers.max().unwrap_or(0).checked_add(1).ok_or(KeyError::Exhausted(kind.name()))?;
        let record = new_key(kind, KeyId(id), now.plus(lead), entropy);
        if keys.insert(&record).await? == Applied::Done {
            return Ok(record);
        }
    }
    Err(KeyError::Contended(kind.name()))
}

fn new_key(kind: KeyKind, id: KeyId, active_from: UnixMillis, entropy: &dyn Entropy) -> KeyRecord {
    let secret = match kind {
        KeyKind::Mac | KeyKind::Seal => Zeroizing::new(entropy::bytes::<32>(entropy).to_vec()),
        KeyKind::Signing => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("P-256 keys can be made");
            Zeroizing::new(pair.to_pkcs8v1().expect("a new key can be written down").as_ref().to_vec())
        }
    };
    KeyRecord { kind, id, active_from, secret }
}

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("there is no {0} key: run `perennial migrate`, which creates missing keys")]
    Missing(&'static str),
    #[error("the {kind} key {id} is damaged: restore it from a backup of the keys")]
    Damaged { kind: &'static str, id: u16 },
    #[error("the key directory {path}: {error}")]
    Directory { path: String, error: std::io::Error },
    #[error("{path} is not a key file: {reason}")]
    NotAKeyFile { path: String, reason: String },
    #[error("all 65,535 numbers for {0} keys are taken")]
    Exhausted(&'static str),
    #[error("others make {0} keys at the same time: try again")]
    Contended(&'static str),
    #[error(
        "the {kind} key {id} in the database does not open: `keys.master_file` holds another master key than the one \
        that sealed it, or the row was changed; use the file that the other nodes use"
    )]
    DoesNotOpen { kind: String, id: u16 },
    #[error("the keys cannot be read: {0}")]
    Unavailable(#[from] StoreError),
}
