//! The versions of the schema, and the way from one to the next.
//!
//! `PRAGMA user_version` counts the migrations that were applied; each runs once, all that are missing in
//! one exclusive transaction, so that two processes that start together do not meet. The crates that do
//! this accept old versions of rusqlite only, and SQLite's fixes matter more.

use std::path::Path;

use rusqlite::{Connection, Result, TransactionBehavior};

use crate::error::OpenError;

/// Never changed once released; a new version is a new file.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_log_of_ends.sql"),
    include_str!("../migrations/0003_claims_and_admin_keys.sql"),
    include_str!("../migrations/0004_foreign_refresh.sql"),
];

/// Marks the file as ours: `Prnl`.
const APPLICATION_ID: i32 = 0x5072_6e6c;

/// Which versions a migration led from and to; the same one twice when there was nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    pub from: u32,
    pub to: u32,
}

/// Brings the schema to the newest version.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<Migrated, OpenError> {
    let failed = |source| OpenError::Sqlite { path: path.to_owned(), source };
    let known = u32::try_from(MIGRATIONS.len()).expect("the migrations are few");
    let from = check(connection, path)?;
    if from == known {
        return Ok(Migrated { from, to: known });
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive).map_err(failed)?;
    // Another process may have been faster.
    let from = check(&transaction, path)?;
    for migration in MIGRATIONS.iter().skip(from as usize) {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    transaction.pragma_update(None, "user_version", known).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    Ok(Migrated { from, to: known })
}

/// The version of a file that is empty or ours, and not from the future.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<u32, OpenError> {
    let failed = |source| OpenError::Sqlite { path: path.to_owned(), source };
    let found = connection.query_row(
        "SELECT (SELECT count(*) FROM sqlite_schema) = 0, application_id, user_version
         FROM pragma_application_id, pragma_user_version",
        [],
        |row| Ok((row.get::<_, bool>(0)?, row.get::<_, i32>(1)?, row.get::<_, u32>(2)?)),
    );
    match found.map_err(failed)? {
        (true, 0, 0) => Ok(0),
        (_, APPLICATION_ID, version) if version as usize <= MIGRATIONS.len() => Ok(version),
        (_, APPLICATION_ID, found) => {
            let known = u32::try_from(MIGRATIONS.len()).expect("the migrations are few");
            Err(OpenError::Newer { path: path.to_owned(), found, known })
        }
        _ => Err(OpenError::Foreign { path: path.to_owned() }),
    }
}
