//! Where sessions and accounts are kept, and where the keys are: the one follows from the other.

use std::{fs, path::PathBuf};

use zeroize::Zeroizing;

use super::Resolver;
use crate::{
    master::{MAKE_MASTER, Master},
    schema,
    settings::{DatabaseUrl, Store},
};

impl Resolver<'_> {
    pub(super) fn store(&mut self) -> Option<Store> {
        let schema::Store { url, url_file } = &self.schema.store;
        if url_file.is_empty() {
            return self.store_at("store.url", url);
        }
        let key = "store.url_file";
        if *url != schema::Store::default().url {
            self.refuse("store.url", "is set beside `store.url_file`: keep one of them");
            return None;
        }
        let read =
            fs::read_to_string(url_file).map_err(|error| format!("names {url_file}, which cannot be read: {error}"));
        let text = Zeroizing::new(self.parsed(key, read)?);
        self.store_at(key, text.trim())
    }

    fn store_at(&mut self, key: &str, url: &str) -> Option<Store> {
        match url.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() && !path.starts_with(':') => {
                Some(Store::Sqlite { path: PathBuf::from(path), keys: self.keys_folder()? })
            }
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Some(Store::Postgres { url: DatabaseUrl(url.to_owned()), master: self.master()? })
            }
            _ => {
                self.refuse(
                    key,
                    "names no store: write \"sqlite:PATH\", such as \"sqlite:perennial-data/perennial.db\", \
                    or \"postgres://user:password@host:5432/database\"",
                );
                None
            }
        }
    }

    /// On one node, the keys are files.
    fn keys_folder(&mut self) -> Option<PathBuf> {
        let schema::Keys { dir, master_file } = &self.schema.keys;
        if !master_file.is_empty() {
            let rest = "belongs to PostgreSQL; with SQLite the keys are files in `keys.dir`: remove it";
            self.refuse("keys.master_file", rest);
        }
        if dir.is_empty() {
            self.refuse("keys.dir", "is empty: write the folder of the keys");
            return None;
        }
        Some(PathBuf::from(dir))
    }

    /// For many nodes, the keys are in the database, and what opens them is not.
    fn master(&mut self) -> Option<Master> {
        let key = "keys.master_file";
        let path = &self.schema.keys.master_file;
        if path.is_empty() {
            let rest = "is empty, but with PostgreSQL the keys are sealed in the database under a key that is not in \
                it: name a file with 32 random bytes in base64, the same on every node";
            self.refuse(key, format!("{rest} ({MAKE_MASTER})"));
            return None;
        }
        self.parsed(key, Master::read(path))
    }
}
