//! Keys in a directory: one JSON file a key, readable by its owner only.
//!
//! A file is written whole under another name and then renamed, so that a reader never sees half a key.
//! Nothing is ever overwritten.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use perennial_protocol::{key::KeyId, time::UnixMillis};
use perennial_store::Applied;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{KeyError, KeyKind, KeyRecord, KeyStore};

/// A directory of key files.
#[derive(Debug, Clone)]
pub struct KeyDirectory {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    kind: KeyKind,
    id: u16,
    active_from: UnixMillis,
    secret: Zeroizing<String>,
}

const EXTENSION: &str = "key";

impl KeyDirectory {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn read_all(&self) -> Result<Vec<KeyRecord>, KeyError> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.refused(error)),
        };
        let mut records = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| self.refused(error))?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                records.push(self.read_file(&path)?);
            }
        }
        records.sort_by_key(|record| (record.kind, record.id));
        Ok(records)
    }

    fn write_file(&self, record: &KeyRecord) -> io::Result<Applied> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        let file = KeyFile {
            kind: record.kind,
            id: record.id.0,
            active_from: record.active_from,
            secret: Zeroizing::new(URL_SAFE_NO_PAD.encode(&*record.secret)),
        };
        let text = Zeroizing::new(serde_json::to_string(&file)?);
        let path = self.file(record.kind, record.id);
        let unfinished = path.with_extension(format!("unfinished-{}", std::process::id()));
        let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        // A hard link fails where a rename would overwrite: two processes never make the same number.
        let linked = fs::hard_link(&unfinished, &path);
        fs::remove_file(&unfinished)?;
        match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(Applied::Stale),
            linked => linked?,
        }
        fs::File::open(&self.path)?.sync_all()?;
        Ok(Applied::Done)
    }

    fn read_file(&self, path: &Path) -> Result<KeyRecord, KeyError> {
        let text = Zeroizing::new(fs::read_to_string(path).map_err(|error| self.refused(error))?);
        let refused = |reason: String| KeyError::NotAKeyFile { path: path.display().to_string(), reason };
        // serde's message could quote what it read; the position is enough to find the damage.
        let file: KeyFile = serde_json::from_str(&text)
            .map_err(|error| refused(format!("line {}, column {}", error.line(), error.column())))?;
        let secret =
            URL_SAFE_NO_PAD.decode(&*file.secret).map_err(|_| refused("its secret is not base64url".to_owned()))?;
        Ok(KeyRecord {
            kind: file.kind,
            id: KeyId(file.id),
            active_from: file.active_from,
            secret: Zeroizing::new(secret),
        })
    }

    fn file(&self, kind: KeyKind, id: KeyId) -> PathBuf {
        self.path.join(format!("{}-{}.{EXTENSION}", kind.name(), id.0))
    }

    fn refused(&self, error: io::Error) -> KeyError {
        KeyError::Directory { path: self.path.display().to_string(), error }
    }
}

#[async_trait]
impl KeyStore for KeyDirectory {
    async fn read(&self) -> Result<Vec<KeyRecord>, KeyError> {
        self.read_all()
    }

    async fn insert(&self, record: &KeyRecord) -> Result<Applied, KeyError> {
        self.write_file(record).map_err(|error| self.refused(error))
    }

    async fn remove(&self, kind: KeyKind, id: KeyId) -> Result<(), KeyError> {
        fs::remove_file(self.file(kind, id)).map_err(|error| self.refused(error))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use perennial_protocol::time::Millis;

    use super::*;
    use crate::{
        entropy::SystemEntropy,
        keys::{Keys, ensure, rotate},
    };

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("perennial-keys-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[tokio::test]
    async fn missing_keys_are_made_once_and_read_back() {
        let scratch = Scratch::new("once");
        let directory = KeyDirectory::new(&scratch.0);
        let first = ensure(&directory, &SystemEntropy, UnixMillis(5)).await.expect("keys");
        let second = ensure(&directory, &SystemEntropy, UnixMillis(9)).await.expect("keys");
        assert_eq!(format!("{first:?}"), format!("{second:?}"));
        assert_eq!(first.len(), 3);
        assert!(first.iter().zip(&second).all(|(one, other)| one.secret == other.secret));
        Keys::at(&second, UnixMillis(9)).expect("usable");
    }

    #[tokio::test]
    async fn key_files_are_for_their_owner_only() {
        let scratch = Scratch::new("mode");
        ensure(&KeyDirectory::new(&scratch.0), &SystemEntropy, UnixMillis(5)).await.expect("keys");
        let mode = |path: &Path| fs::metadata(path).expect("exists").permissions().mode() & 0o777;
        assert_eq!(mode(&scratch.0), 0o700);
        for entry in fs::read_dir(&scratch.0).expect("a directory") {
            assert_eq!(mode(&entry.expect("an entry").path()), 0o600);
        }
    }

    #[tokio::test]
    async fn a_rotated_key_comes_into_use_after_its_lead() {
        let scratch = Scratch::new("rotate");
        let directory = KeyDirectory::new(&scratch.0);
        ensure(&directory, &SystemEntropy, UnixMillis(0)).await.expect("keys");
        let made = rotate(&directory, KeyKind::Signing, Millis::minutes(10), &SystemEntropy, UnixMillis(0))
            .await
            .expect("a key");
        assert_eq!((made.id, made.active_from), (KeyId(2), UnixMillis(600_000)));
        let records = directory.read().await.expect("keys");
        assert_eq!(Keys::at(&records, UnixMillis(599_999)).expect("keys").signing.kid, "es256-1");
        assert_eq!(Keys::at(&records, UnixMillis(600_000)).expect("keys").signing.kid, "es256-2");
    }

    #[tokio::test]
    async fn a_damaged_file_is_named_and_its_content_is_not_shown() {
        let scratch = Scratch::new("damaged");
        let directory = KeyDirectory::new(&scratch.0);
        ensure(&directory, &SystemEntropy, UnixMillis(0)).await.expect("keys");
        fs::write(scratch.0.join("mac-1.key"), r#"{"kind":"mac","secret":"c2VjcmV0"}"#).expect("written");
        let refusal = directory.read().await.expect_err("damaged").to_string();
        assert!(refusal.contains("mac-1.key") && !refusal.contains("c2VjcmV0"), "{refusal}");
    }
}
