//! Forgetting what nobody can ask for any more.

use perennial_protocol::time::UnixMillis;
use rusqlite::{Connection, Result, params};

use super::execute;
use crate::load::row_count;

/// Sessions and what leads to them.
pub(crate) const OVER: &[&str] = &[
    "DELETE FROM session WHERE sid IN (SELECT sid FROM session WHERE ends_at < ?1 LIMIT ?2)",
    "DELETE FROM pending WHERE token_hash IN (SELECT token_hash FROM pending WHERE ends_at < ?1 LIMIT ?2)",
    "DELETE FROM allowance WHERE key IN (SELECT key FROM allowance WHERE window_ends_at < ?1 LIMIT ?2)",
];

pub(crate) const FOREIGN_OVER: &[&str] = &["DELETE FROM foreign_refresh WHERE token_hash IN
         (SELECT token_hash FROM foreign_refresh WHERE ends_at < ?1 LIMIT ?2)"];

/// Deletes at most `limit` rows of each table, and answers how many went.
pub(crate) fn sweep(db: &Connection, over: &[&str], before: UnixMillis, limit: usize) -> Result<usize> {
    let mut rows = 0;
    for sql in over {
        rows += execute(db, sql, params![before.0, row_count(limit)])?;
    }
    Ok(rows)
}
