//! What can go wrong, in the words of the port and for a person at start.
//!
//! A message of the database is passed on without its details: those quote rows.

use std::{error::Error as _, io, path::PathBuf};

use perennial_store::StoreError;
use tokio_postgres::{
    Error,
    error::{Severity, SqlState},
};

/// Why there is no store. None of it shows the password of the URL.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("the database URL is not understood: {0}")]
    Url(String),
    #[error("cannot read the certificates of `sslrootcert` in {}: {source}", path.display())]
    Certificates { path: PathBuf, source: io::Error },
    #[error("TLS cannot be used: {0}")]
    Tls(String),
    #[error("cannot reach the database at {place}: {reason}")]
    Unreachable { place: String, reason: String },
    #[error(
        "the database at {place} is of version {found}, and this program knows versions up to {known}: run the program that wrote it, or a newer one"
    )]
    Newer { place: String, found: u32, known: u32 },
    #[error("the schema `perennial` at {place} belongs to another program: name another database")]
    Foreign { place: String },
    #[error("the server at {place} is PostgreSQL {found}, and 13 is the oldest that serves: upgrade it")]
    TooOld { place: String, found: String },
    #[error("cannot bring the database at {place} to the newest version: {reason}")]
    Migration { place: String, reason: String },
}

/// A value that is in the database, but is none of ours.
#[derive(Debug, thiserror::Error)]
#[error("{0} holds a value that nothing writes")]
pub(crate) struct Unreadable(pub(crate) &'static str);

impl From<Unreadable> for StoreError {
    fn from(error: Unreadable) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// Why a statement failed, by what is known afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The database undid it because of what others did at the same time: it may be tried again.
    Collided(String),
    /// Somebody held a row for longer than a statement waits: nothing was written.
    Held(String),
    /// The database refused it: nothing was written, and trying again would not help.
    Refused(String),
    /// The server is no primary any more: another one may be.
    ReadOnly(String),
    /// The database is damaged.
    Damaged(String),
    /// There was no answer: it may or may not have happened.
    Unknown(String),
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let text = reason(error);
        let Some(answer) = error.as_db_error() else { return Self::Unknown(text) };
        // What ends the connection may come in place of any answer.
        if matches!(answer.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) {
            return Self::Unknown(text);
        }
        match *answer.code() {
            SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => Self::Collided(text),
            SqlState::LOCK_NOT_AVAILABLE => Self::Held(text),
            SqlState::READ_ONLY_SQL_TRANSACTION => Self::ReadOnly(text),
            SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => Self::Damaged(text),
            // Nobody knows what a statement did whose completion is unknown.
            SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN | SqlState::TRANSACTION_RESOLUTION_UNKNOWN => {
                Self::Unknown(text)
            }
            _ => Self::Refused(text),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Collided(text)
            | Failure::Held(text)
            | Failure::Refused(text)
            | Failure::ReadOnly(text)
            | Failure::Unknown(text) => Self::Unavailable(text),
            Failure::Damaged(text) => Self::Corrupt(text),
        }
    }
}

/// The reason of an error in one line.
pub(crate) fn reason(error: &Error) -> String {
    if let Some(answer) = error.as_db_error() {
        return format!("{} ({})", answer.message(), answer.code().code());
    }
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

pub(crate) fn unavailable(why: impl Into<String>) -> StoreError {
    StoreError::Unavailable(why.into())
}
