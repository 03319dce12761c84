//! The keys in use at a moment, made from the records that exist.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, EncodingKey};
use perennial_protocol::{
    key::{KeyId, MacKey, MacRing},
    time::UnixMillis,
};

use super::{KeyError, KeyKind, KeyRecord};

/// The keys in use at a moment.
#[derive(Debug)]
pub struct Keys {
    pub mac: MacRing,
    /// The one that signs now.
    pub signing: Arc<SigningKey>,
    /// All that verify, the future ones included: they are published before they sign.
    pub verifying: BTreeMap<String, Arc<SigningKey>>,
    pub seal: SealRing,
}

/// An ES256 key pair under its public `kid`.
pub struct SigningKey {
    pub kid: String,
    pub encoding: EncodingKey,
    pub decoding: DecodingKey,
    /// The public key's coordinates in base64url, as a JWK carries them (RFC 7518 §6.2.1).
    pub x: String,
    pub y: String,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SigningKey({})", self.kid)
    }
}

impl SigningKey {
    fn new(record: &KeyRecord) -> Result<Self, KeyError> {
        let damaged = |_| KeyError::Damaged { kind: record.kind.name(), id: record.id.0 };
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &record.secret).map_err(damaged)?;
        let point = pair.public_key().as_ref();
        // An uncompressed point: 0x04, 32 bytes of x, 32 bytes of y (SEC 1 §2.3.3).
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..65]));
        let decoding = DecodingKey::from_ec_components(&x, &y)
            .map_err(|_| KeyError::Damaged { kind: record.kind.name(), id: record.id.0 })?;
        Ok(Self {
            kid: format!("es256-{}", record.id.0),
            encoding: EncodingKey::from_ec_der(&record.secret),
            decoding,
            x,
            y,
        })
    }
}

/// A key for secrets at rest.
pub struct SealKey {
    id: KeyId,
    key: LessSafeKey,
}

impl fmt::Debug for SealKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SealKey({})", self.id.0)
    }
}

/// Seals with the current key and opens with any: key id (u16), nonce, ciphertext and tag.
#[derive(Debug)]
pub struct SealRing {
    current: SealKey,
    others: Vec<SealKey>,
}

/// What was sealed cannot be opened: another key, another owner, or damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed secret cannot be opened with the keys at hand")]
pub struct CannotOpen;

impl SealRing {
    /// Seals `secret` for `owner`; it opens for nobody else.
    pub fn seal(&self, nonce: [u8; NONCE_LEN], owner: &str, secret: &[u8]) -> Vec<u8> {
        let mut sealed = secret.to_vec();
        self.current
            .key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(owner.as_bytes()), &mut sealed)
            .expect("a secret of a few bytes is far below the limit of AES-GCM");
        [&self.current.id.0.to_be_bytes()[..], &nonce, &sealed].concat()
    }

    pub fn open(&self, owner: &str, sealed: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, CannotOpen> {
        let (id, rest) = sealed.split_first_chunk::<2>().ok_or(CannotOpen)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>().ok_or(CannotOpen)?;
        let id = KeyId(u16::from_be_bytes(*id));
        let key = std::iter::once(&self.current).chain(&self.others).find(|key| key.id == id).ok_or(CannotOpen)?;
        let mut bytes = zeroize::Zeroizing::new(rest.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length =
            key.key.open_in_place(nonce, Aad::from(owner.as_bytes()), &mut bytes).map_err(|_| CannotOpen)?.len();
        bytes.truncate(length);
        Ok(bytes)
    }
}

impl Keys {
    /// The keys in use at `now`: of each kind the newest that is active signs, all verify.
    pub fn at(records: &[KeyRecord], now: UnixMillis) -> Result<Self, KeyError> {
        let (mac, mac_others) = split(records, KeyKind::Mac, now)?;
        let (signing, signing_others) = split(records, KeyKind::Signing, now)?;
        let (seal, seal_others) = split(records, KeyKind::Seal, now)?;

        let signing = Arc::new(SigningKey::new(signing)?);
        let mut verifying = BTreeMap::from([(signing.kid.clone(), Arc::clone(&signing))]);
        for record in signing_others {
            let key = SigningKey::new(record)?;
            verifying.insert(key.kid.clone(), Arc::new(key));
        }
        Ok(Self {
            mac: MacRing::new(mac_key(mac)?, mac_others.into_iter().map(mac_key).collect::<Result<_, _>>()?),
            signing,
            verifying,
            seal: SealRing {
                current: seal_key(seal)?,
                others: seal_others.into_iter().map(seal_key).collect::<Result<_, _>>()?,
            },
        })
    }
}

/// The record that is current at `now`, and the others of its kind. Where none is active yet, the one that
/// will be first serves.
fn split(records: &[KeyRecord], kind: KeyKind, now: UnixMillis) -> Result<(&KeyRecord, Vec<&KeyRecord>), KeyError> {
    let of_kind = || records.iter().filter(|record| record.kind == kind);
    let current = of_kind()
        .filter(|record| record.active_from <= now)
        .max_by_key(|record| (record.active_from, record.id))
        .or_else(|| of_kind().min_by_key(|record| (record.active_from, record.id)))
        .ok_or(KeyError::Missing(kind.name()))?;
    Ok((current, of_kind().filter(|record| record.id != current.id).collect()))
}

fn mac_key(record: &KeyRecord) -> Result<MacKey, KeyError> {
    let secret: &[u8; MacKey::LENGTH] = record
        .secret
        .as_slice()
        .try_into()
        .map_err(|_| KeyError::Damaged { kind: record.kind.name(), id: record.id.0 })?;
    Ok(MacKey::new(record.id, secret))
}

fn seal_key(record: &KeyRecord) -> Result<SealKey, KeyError> {
    let key = UnboundKey::new(&AES_256_GCM, &record.secret)
        .map_err(|_| KeyError::Damaged { kind: record.kind.name(), id: record.id.0 })?;
    Ok(SealKey { id: record.id, key: LessSafeKey::new(key) })
}

/// The keys in use, replaced as a whole when a new key appears or becomes current.
#[derive(Debug, Clone)]
pub struct Keyring(Arc<RwLock<Arc<Keys>>>);

impl Keyring {
    pub fn new(keys: Keys) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(keys))))
    }

    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn replace(&self, keys: Keys) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn records() -> Vec<KeyRecord> {
        let pkcs8 = || {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key pair");
            pair.to_pkcs8v1().expect("a document").as_ref().to_vec()
        };
        let record = |kind, id, active_from, secret: Vec<u8>| KeyRecord {
            kind,
            id: KeyId(id),
            active_from: UnixMillis(active_from),
            secret: Zeroizing::new(secret),
        };
        vec![
            record(KeyKind::Mac, 1, 0, vec![1; 32]),
            record(KeyKind::Mac, 2, 100, vec![2; 32]),
            record(KeyKind::Signing, 1, 0, pkcs8()),
            record(KeyKind::Signing, 2, 100, pkcs8()),
            record(KeyKind::Seal, 1, 0, vec![3; 32]),
            record(KeyKind::Seal, 2, 100, vec![4; 32]),
        ]
    }

    #[test]
    fn a_key_is_published_before_it_signs() {
        let keys = Keys::at(&records(), UnixMillis(99)).expect("keys");
        assert_eq!((keys.mac.current(), keys.signing.kid.as_str()), (KeyId(1), "es256-1"));
        assert_eq!(keys.verifying.keys().collect::<Vec<_>>(), ["es256-1", "es256-2"]);
        let keys = Keys::at(&records(), UnixMillis(100)).expect("keys");
        assert_eq!((keys.mac.current(), keys.signing.kid.as_str()), (KeyId(2), "es256-2"));
        assert_eq!(keys.verifying.keys().collect::<Vec<_>>(), ["es256-1", "es256-2"]);
    }

    #[test]
    fn what_was_sealed_opens_for_its_owner_even_after_a_rotation() {
        let records = records();
        let sealed = Keys::at(&records, UnixMillis(0)).expect("keys").seal.seal([9; 12], "ada", b"secret");
        let later = Keys::at(&records, UnixMillis(100)).expect("keys");
        assert_eq!(later.seal.open("ada", &sealed).expect("opens").as_slice(), b"secret");
        assert_eq!(later.seal.open("eve", &sealed).map(|_| ()), Err(CannotOpen));
        for length in 0..sealed.len() {
            assert_eq!(later.seal.open("ada", &sealed[..length]).map(|_| ()), Err(CannotOpen));
        }
    }

    #[test]
    fn a_kind_without_a_key_is_named() {
        let records: Vec<KeyRecord> = records().into_iter().filter(|record| record.kind != KeyKind::Seal).collect();
        let refusal = Keys::at(&records, UnixMillis(0)).expect_err("no seal key").to_string();
        assert!(refusal.contains("no seal key"), "{refusal}");
    }
}
