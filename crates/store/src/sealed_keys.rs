//! Keys in a store that many nodes share, as whoever holds the master key sealed them.
//!
//! A store keeps them and knows nothing of what is in them.

use std::fmt;

use async_trait::async_trait;
use perennial_protocol::{key::KeyId, time::UnixMillis};

use crate::{Applied, Result};

/// A key that only the holder of the master key can open. `kind` and `id` name it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKey {
    pub kind: String,
    pub id: KeyId,
    pub active_from: UnixMillis,
    pub sealed: Vec<u8>,
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SealedKey({} {}, active from {})", self.kind, self.id.0, self.active_from.0)
    }
}

/// What a shared store does for keys.
#[async_trait]
pub trait SealedKeyStore: Send + Sync + fmt::Debug {
    /// Every key, by kind and then by id.
    async fn load_keys(&self) -> Result<Vec<SealedKey>>;

    /// Guard: no key of this kind has this id.
    async fn insert_key(&self, key: &SealedKey) -> Result<Applied>;

    /// Puts these in the place of the keys of their kind, id and `active_from`. Guard: they are all there.
    async fn replace_keys(&self, keys: &[SealedKey]) -> Result<Applied>;

    /// Guard: the key is there.
    async fn remove_key(&self, kind: &str, id: KeyId) -> Result<Applied>;
}
