//! What can go wrong, in the words of the port and for a person at start.

use std::{io, path::PathBuf};

use perennial_store::StoreError;
use rusqlite::{Error, ErrorCode};

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot create {}: {source}", path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error(
        "{} is of version {found}, and this program knows versions up to {known}: run the program that wrote it, or a newer one",
        path.display()
    )]
    Newer { path: PathBuf, found: u32, known: u32 },
    #[error("{} is a database of another program: name another file", path.display())]
    Foreign { path: PathBuf },
    #[error("{} is on a file system without the locks and shared memory that SQLite needs: name a local path", path.display())]
    NoSharedMemory { path: PathBuf },
    #[error("cannot open {}: {source}", path.display())]
    Sqlite { path: PathBuf, source: Error },
    #[error("cannot start the thread that writes: {0}")]
    Thread(io::Error),
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{} exists already: name a new file", .0.display())]
    Exists(PathBuf),
    #[error("cannot write {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("cannot copy the database: {0}")]
    Sqlite(#[from] Error),
}

/// A value that is in the database, but is none of ours.
#[derive(Debug, thiserror::Error)]
#[error("{0} holds a value that nothing writes")]
pub(crate) struct Unreadable(pub(crate) &'static str);

/// An error of SQLite as the port tells it: a row that cannot be read, or nothing is known.
pub(crate) fn store_error(error: &Error) -> StoreError {
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => StoreError::Corrupt(error.to_string()),
        _ => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(error.to_string()),
            _ => StoreError::Unavailable(error.to_string()),
        },
    }
}
