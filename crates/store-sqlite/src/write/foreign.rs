//! Writes to refreshes of foreign tokens.

use perennial_protocol::time::UnixMillis;
use perennial_store::{LeaseId, SealedResult};
use rusqlite::{Connection, Result, params};

use super::execute;

pub(super) fn lease(
    db: &Connection,
    token_hash: &[u8; 32],
    lease: LeaseId,
    until: UnixMillis,
    now: UnixMillis,
) -> Result<usize> {
    execute(
        db,
        "INSERT INTO foreign_refresh (token_hash, lease, ends_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (token_hash) DO UPDATE SET
             lease = excluded.lease, sealed = NULL, successor = NULL, ends_at = excluded.ends_at
         WHERE ends_at <= ?4",
        params![token_hash, lease.0, until.0, now.0],
    )
}

pub(super) fn finish(
    db: &Connection,
    token_hash: &[u8; 32],
    lease: LeaseId,
    (sealed, successor): (&SealedResult, Option<&[u8; 32]>),
    kept_until: UnixMillis,
) -> Result<usize> {
    execute(
        db,
        "UPDATE foreign_refresh SET lease = NULL, sealed = ?3, successor = ?4, ends_at = ?5
         WHERE token_hash = ?1 AND lease = ?2",
        params![token_hash, lease.0, sealed.bytes(), successor, kept_until.0],
    )
}

pub(super) fn release(db: &Connection, token_hash: &[u8; 32], lease: LeaseId) -> Result<usize> {
    execute(db, "DELETE FROM foreign_refresh WHERE token_hash = ?1 AND lease = ?2", params![token_hash, lease.0])
}

pub(super) fn shorten(db: &Connection, successors: &[[u8; 32]], until: UnixMillis) -> Result<usize> {
    let mut rows = 0;
    for successor in successors {
        rows += execute(
            db,
            "UPDATE foreign_refresh SET ends_at = ?2 WHERE successor = ?1 AND ends_at > ?2",
            params![successor, until.0],
        )?;
    }
    Ok(rows)
}
