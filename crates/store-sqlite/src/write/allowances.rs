//! Writes to allowances.

use perennial_protocol::time::{Millis, UnixMillis};
use perennial_store::AllowanceKey;
use rusqlite::{Connection, Result, params};

use super::execute;

pub(super) fn spend(db: &Connection, key: AllowanceKey, limit: u32, window: Millis, now: UnixMillis) -> Result<usize> {
    execute(
        db,
        "INSERT INTO allowance (key, used, window_ends_at) SELECT ?1, 1, ?4 WHERE ?2 > 0
         ON CONFLICT (key) DO UPDATE SET
             used = CASE WHEN window_ends_at > ?3 THEN used + 1 ELSE 1 END,
             window_ends_at = CASE WHEN window_ends_at > ?3 THEN window_ends_at ELSE excluded.window_ends_at END
         WHERE window_ends_at <= ?3 OR used < ?2",
        params![key.0, limit, now.0, now.plus(window).0],
    )
}

pub(super) fn clear(db: &Connection, key: AllowanceKey) -> Result<usize> {
    execute(db, "DELETE FROM allowance WHERE key = ?1", params![key.0])
}

pub(super) fn refund(db: &Connection, key: AllowanceKey) -> Result<usize> {
    execute(db, "UPDATE allowance SET used = used - 1 WHERE key = ?1 AND used > 0", params![key.0])
}
