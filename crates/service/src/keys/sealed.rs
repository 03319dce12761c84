//! Keys in the database that many nodes share, each sealed under the master key.
//!
//! AES-256-GCM under a key that HKDF-SHA256 derives from the master, which is in no database: a copy of the
//! database forges nothing. Kind, number and `active_from` are authenticated with the secret, so that nobody
//! who can write to the database turns one key into another or changes when it is used.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
};
use perennial_protocol::{key::KeyId, time::UnixMillis};
use perennial_store::{Applied, SealedKey, SealedKeyStore};
use zeroize::Zeroizing;

use super::{KeyError, KeyKind, KeyRecord, KeyStore};
use crate::entropy::{self, Entropy};

/// What the derived key is for; another form of sealing takes another text.
const PURPOSE: &[u8] = b"perennial sealed keys 1";

/// The keys of a shared store.
pub struct SealedKeys {
    store: Arc<dyn SealedKeyStore>,
    entropy: Arc<dyn Entropy>,
    seal: Seal,
}

impl fmt::Debug for SealedKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SealedKeys({:?})", self.store)
    }
}

impl SealedKeys {
    pub fn new(store: Arc<dyn SealedKeyStore>, master: &[u8; 32], entropy: Arc<dyn Entropy>) -> Self {
        Self { store, entropy, seal: Seal::under(master) }
    }

    /// Seals every key under another master; answers how many there are. Keys that are sealed under it already
    /// stay, so that a second try finishes what a first one left.
    pub async fn seal_under(&self, master: &[u8; 32]) -> Result<usize, KeyError> {
        let seal = Seal::under(master);
        let kept = self.store.load_keys().await?;
        let former = kept.iter().filter(|key| seal.open(key).is_none());
        let former = former.map(|key| self.opened(key)).collect::<Result<Vec<_>, _>>()?;
        let anew: Vec<SealedKey> = former.iter().map(|record| seal.seal(record, &*self.entropy)).collect();
        if !anew.is_empty() && self.store.replace_keys(&anew).await? == Applied::Stale {
            return Err(KeyError::Contended("the"));
        }
        Ok(kept.len())
    }

    fn opened(&self, key: &SealedKey) -> Result<KeyRecord, KeyError> {
        self.seal.open(key).ok_or_else(|| KeyError::DoesNotOpen { kind: key.kind.clone(), id: key.id.0 })
    }
}

/// What a master key comes to.
struct Seal(LessSafeKey);

impl Seal {
    fn under(master: &[u8; 32]) -> Self {
        let derived = Salt::new(HKDF_SHA256, PURPOSE).extract(master);
        let derived = derived.expand(&[b"aes-256-gcm"], &AES_256_GCM).expect("HKDF-SHA256 derives 32 bytes");
        Self(LessSafeKey::new(UnboundKey::from(derived)))
    }

    /// Nonce, ciphertext and tag.
    fn seal(&self, record: &KeyRecord, entropy: &dyn Entropy) -> SealedKey {
        let nonce = entropy::bytes::<NONCE_LEN>(entropy);
        let mut sealed = Zeroizing::new(record.secret.to_vec());
        let associated = associated(record.kind, record.id, record.active_from);
        let tag = self.0.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), associated, &mut sealed);
        let tag = tag.expect("a key of a few bytes is far below the limit of AES-GCM");
        SealedKey {
            kind: record.kind.name().to_owned(),
            id: record.id,
            active_from: record.active_from,
            sealed: [&nonce[..], &sealed, tag.as_ref()].concat(),
        }
    }

    fn open(&self, key: &SealedKey) -> Option<KeyRecord> {
        let kind = KeyKind::named(&key.kind)?;
        let (nonce, rest) = key.sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut secret = Zeroizing::new(rest.to_vec());
        let associated = associated(kind, key.id, key.active_from);
        let opened = self.0.open_in_place(Nonce::assume_unique_for_key(*nonce), associated, &mut secret);
        let length = opened.ok()?.len();
        secret.truncate(length);
        Some(KeyRecord { kind, id: key.id, active_from: key.active_from, secret })
    }
}

fn associated(kind: KeyKind, id: KeyId, active_from: UnixMillis) -> Aad<String> {
    Aad::from(format!("{} {} {}", kind.name(), id.0, active_from.0))
}

#[async_trait]
impl KeyStore for SealedKeys {
    async fn read(&self) -> Result<Vec<KeyRecord>, KeyError> {
        let sealed = self.store.load_keys().await?;
        // A newer program beside this one may have keys of a kind that is not known here.
        let known = sealed.iter().filter(|key| KeyKind::named(&key.kind).is_some());
        let mut records = known.map(|key| self.opened(key)).collect::<Result<Vec<_>, _>>()?;
        records.sort_by_key(|record| (record.kind, record.id));
        Ok(records)
    }

    async fn insert(&self, record: &KeyRecord) -> Result<Applied, KeyError> {
        Ok(self.store.insert_key(&self.seal.seal(record, &*self.entropy)).await?)
    }

    async fn remove(&self, kind: KeyKind, id: KeyId) -> Result<(), KeyError> {
        // That it is gone already is as good.
        let _ = self.store.remove_key(kind.name(), id).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Mutex};

    use perennial_protocol::time::Millis;

    use super::*;
    use crate::{
        entropy::SystemEntropy,
        keys::{Keys, ensure, rotate},
    };

    /// A database's table of keys, for everybody to write to.
    #[derive(Debug, Default)]
    struct Table(Mutex<BTreeMap<(String, KeyId), SealedKey>>);

    #[async_trait]
    impl SealedKeyStore for Table {
        async fn load_keys(&self) -> perennial_store::Result<Vec<SealedKey>> {
            // Whoever looks at the same time sees the same.
            tokio::task::yield_now().await;
            Ok(self.0.lock().expect("no panic").values().cloned().collect())
        }

        async fn insert_key(&self, key: &SealedKey) -> perennial_store::Result<Applied> {
            let mut keys = self.0.lock().expect("no panic");
            if keys.contains_key(&(key.kind.clone(), key.id)) {
                return Ok(Applied::Stale);
            }
            keys.insert((key.kind.clone(), key.id), key.clone());
            Ok(Applied::Done)
        }

        async fn replace_keys(&self, anew: &[SealedKey]) -> perennial_store::Result<Applied> {
            let mut keys = self.0.lock().expect("no panic");
            for key in anew {
                keys.insert((key.kind.clone(), key.id), key.clone());
            }
            Ok(Applied::Done)
        }

        async fn remove_key(&self, kind: &str, id: KeyId) -> perennial_store::Result<Applied> {
            let removed = self.0.lock().expect("no panic").remove(&(kind.to_owned(), id));
            Ok(if removed.is_some() { Applied::Done } else { Applied::Stale })
        }
    }

    fn node(table: &Arc<Table>, master: u8) -> SealedKeys {
        SealedKeys::new(Arc::clone(table) as Arc<dyn SealedKeyStore>, &[master; 32], Arc::new(SystemEntropy))
    }

    #[tokio::test]
    async fn nodes_that_start_together_agree_on_one_key_of_each_kind() {
        let table = Arc::default();
        let (one, other) = (node(&table, 7), node(&table, 7));
        let (first, second) =
            tokio::join!(ensure(&one, &SystemEntropy, UnixMillis(5)), ensure(&other, &SystemEntropy, UnixMillis(6)));
        let (first, second) = (first.expect("keys"), second.expect("keys"));
        assert_eq!(first.len(), 3);
        assert!(first.iter().zip(&second).all(|(one, other)| one.secret == other.secret && one.id == KeyId(1)));
        Keys::at(&second, UnixMillis(9)).expect("usable");
    }

    #[tokio::test]
    async fn two_who_rotate_at_once_make_two_keys() {
        let table = Arc::default();
        let (one, other) = (node(&table, 7), node(&table, 7));
        ensure(&one, &SystemEntropy, UnixMillis(0)).await.expect("keys");
        let rotate = |node| rotate(node, KeyKind::Signing, Millis::minutes(10), &SystemEntropy, UnixMillis(0));
        let (first, second) = tokio::join!(rotate(&one), rotate(&other));
        let mut made = [first.expect("a key"), second.expect("a key")].map(|record| (record.id, record.active_from));
        made.sort();
        assert_eq!(made, [(KeyId(2), UnixMillis(600_000)), (KeyId(3), UnixMillis(600_000))]);
    }

    #[tokio::test]
    async fn nothing_in_the_database_is_a_key() {
        let table: Arc<Table> = Arc::default();
        let records = ensure(&node(&table, 7), &SystemEntropy, UnixMillis(0)).await.expect("keys");
        for kept in table.0.lock().expect("no panic").values() {
            let shows = |secret: &[u8]| kept.sealed.windows(secret.len()).any(|part| part == secret);
            assert!(!records.iter().any(|record| record.secret.chunks_exact(16).any(shows)), "{kept:?}");
        }
    }

    #[tokio::test]
    async fn another_master_opens_nothing_and_says_what_to_do() {
        let table = Arc::default();
        ensure(&node(&table, 7), &SystemEntropy, UnixMillis(0)).await.expect("keys");
        let refusal = node(&table, 8).read().await.expect_err("another master").to_string();
        assert!(refusal.contains("the mac key 1") && refusal.contains("keys.master_file"), "{refusal}");
        let refused = ensure(&node(&table, 8), &SystemEntropy, UnixMillis(0)).await;
        assert!(refused.is_err(), "and makes no key beside those it cannot read");
    }

    #[tokio::test]
    async fn keys_that_are_sealed_anew_open_under_the_new_master_only() {
        let table = Arc::default();
        let before = ensure(&node(&table, 7), &SystemEntropy, UnixMillis(0)).await.expect("keys");
        assert_eq!(node(&table, 7).seal_under(&[8; 32]).await.expect("sealed"), 3);
        assert_eq!(node(&table, 7).seal_under(&[8; 32]).await.expect("they are already"), 3);
        assert!(matches!(node(&table, 7).read().await, Err(KeyError::DoesNotOpen { .. })));
        let after = node(&table, 8).read().await.expect("keys");
        assert!(before.iter().zip(&after).all(|(one, other)| one.secret == other.secret));
        assert!(node(&table, 9).seal_under(&[10; 32]).await.is_err(), "who cannot open them seals nothing");
    }

    /// Whoever can write to the database, and has no master key.
    async fn check_tampered(change: impl FnOnce(&mut BTreeMap<(String, KeyId), SealedKey>)) {
        let table: Arc<Table> = Arc::default();
        let keys = node(&table, 7);
        ensure(&keys, &SystemEntropy, UnixMillis(0)).await.expect("keys");
        rotate(&keys, KeyKind::Mac, Millis::minutes(10), &SystemEntropy, UnixMillis(0)).await.expect("a key");
        assert_eq!(keys.read().await.expect("keys").len(), 4);
        change(&mut table.0.lock().expect("no panic"));
        assert!(matches!(keys.read().await, Err(KeyError::DoesNotOpen { .. })));
    }

    #[tokio::test]
    async fn a_row_that_was_changed_does_not_open() {
        let mac = |id| ("mac".to_owned(), KeyId(id));
        check_tampered(|keys| keys.get_mut(&mac(2)).expect("a key").active_from = UnixMillis(1)).await;
        check_tampered(|keys| {
            let sealed = keys[&mac(1)].sealed.clone();
            keys.get_mut(&mac(2)).expect("a key").sealed = sealed;
        })
        .await;
        check_tampered(|keys| {
            let mut seal = keys[&mac(1)].clone();
            seal.kind = "seal".to_owned();
            keys.insert(("seal".to_owned(), KeyId(9)), seal);
        })
        .await;
        check_tampered(|keys| keys.get_mut(&mac(1)).expect("a key").sealed[14] ^= 1).await;
        check_tampered(|keys| keys.get_mut(&mac(1)).expect("a key").sealed.truncate(11)).await;
    }

    #[test]
    fn a_master_key_is_not_shown() {
        assert_eq!(
            format!("{:?}", node(&Arc::default(), 7)),
            "SealedKeys(Table(Mutex { data: {}, poisoned: false, .. }))"
        );
    }
}
