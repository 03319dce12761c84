//! The embedded store: one SQLite file.
//!
//! One thread writes and makes many changes durable with one wait for the disk (`writer`); a few
//! connections read on the thread that asks (`readers`). Several processes may open the same file: the
//! running server, and a command beside it. Everything that is SQL is in `migrations/`, `load` and `write`.

mod backup;
mod connection;
mod error;
mod limits;
mod load;
mod migration;
mod readers;
mod rows;
mod store;
mod write;
mod writer;

use std::path::{Path, PathBuf};

pub use error::{BackupError, OpenError};
pub use migration::Migrated;

use readers::Readers;
use rusqlite::Connection;
use writer::Writer;

/// A store in one SQLite file. Dropping it finishes the writes that are queued, and waits for them.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    readers: Readers,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the database, creates it where there is none, and brings it to the newest version.
    ///
    /// A new file can be read by its owner alone, and so can the directories that are created for it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let (path, connection, _) = open_newest(path.as_ref())?;
        let failed = |source| OpenError::Sqlite { path: path.clone(), source };
        connection::set_up_writer(&connection).map_err(failed)?;
        let readers = Readers::open(&path).map_err(failed)?;
        let writer = Writer::start(connection).map_err(OpenError::Thread)?;
        Ok(Self { path, readers, writer })
    }

    /// Brings the database to the newest version, as `open` does, and tells from which one.
    pub fn migrate(path: impl AsRef<Path>) -> Result<Migrated, OpenError> {
        open_newest(path.as_ref()).map(|(_, _, migrated)| migrated)
    }

    /// Copies everything that was applied so far into the new file `path`, while the store is in use.
    /// This takes as long as copying the file does, and blocks the thread.
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<(), BackupError> {
        backup::backup(&self.path, path.as_ref())
    }

    /// How many transactions were committed so far. Next to the number of changes, it tells how many of
    /// them share one.
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.readers.close();
    }
}

fn open_newest(path: &Path) -> Result<(PathBuf, Connection, Migrated), OpenError> {
    let path = connection::create_file(path)?;
    let failed = |source| OpenError::Sqlite { path: path.clone(), source };
    let mut connection = connection::open_writer(&path).map_err(failed)?;
    // Nothing is changed in a file that is not ours.
    migration::check(&connection, &path)?;
    if !connection::use_log(&connection).map_err(failed)? {
        return Err(OpenError::NoSharedMemory { path });
    }
    let migrated = migration::migrate(&mut connection, &path)?;
    if migrated.from != migrated.to {
        tracing::info!(from = migrated.from, to = migrated.to, "the database was brought to a new version");
    }
    Ok((path, connection, migrated))
}
