//! Writes to the keys of the admin API.

use perennial_protocol::{
    admin_key::{AdminKey, AdminKeyName},
    time::UnixMillis,
};
use rusqlite::{Connection, Result, params};

use super::execute;
use crate::rows::admin_key_columns;

pub(super) fn insert(db: &Connection, key: &AdminKey) -> Result<usize> {
    const SQL: &str = concat!(
        "INSERT INTO admin_key (",
        admin_key_columns!(),
        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING"
    );
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.name()).collect();
    execute(
        db,
        SQL,
        params![
            key.name.as_str(),
            key.hash,
            serde_json::to_string(&scopes).expect("texts can be written as JSON"),
            key.created_at.0,
            key.expires_at.map(|at| at.0),
            key.last_used_at.map(|at| at.0),
            key.revoked_at.map(|at| at.0),
        ],
    )
}

pub(super) fn revoke(db: &Connection, name: &AdminKeyName, at: UnixMillis) -> Result<usize> {
    execute(
        db,
        "UPDATE admin_key SET revoked_at = ?2 WHERE name = ?1 AND revoked_at IS NULL",
        params![name.as_str(), at.0],
    )
}

pub(super) fn note_use(db: &Connection, name: &AdminKeyName, at: UnixMillis) -> Result<usize> {
    execute(
        db,
        "UPDATE admin_key SET last_used_at = ?2 WHERE name = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)",
        params![name.as_str(), at.0],
    )
}
