//! Forgetting what nobody can ask for any more.
//!
//! Rows that somebody holds are left for the next time, so that nodes which sweep together share the work
//! and wait for nobody.

use perennial_protocol::time::UnixMillis;

use crate::{order::Order, value::values};

const OVER: [&str; 3] = [
    "WITH over AS (
         SELECT sid FROM perennial.session WHERE ends_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED
     ) DELETE FROM perennial.session AS kept USING over WHERE kept.sid = over.sid",
    "WITH over AS (
         SELECT token_hash FROM perennial.pending WHERE ends_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED
     ) DELETE FROM perennial.pending AS kept USING over WHERE kept.token_hash = over.token_hash",
    "WITH over AS (
         SELECT key FROM perennial.allowance WHERE window_ends_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED
     ) DELETE FROM perennial.allowance AS kept USING over WHERE kept.key = over.key",
];

const FOREIGN_OVER: &str = "WITH over AS (
         SELECT token_hash FROM perennial.foreign_refresh WHERE ends_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED
     ) DELETE FROM perennial.foreign_refresh AS kept USING over WHERE kept.token_hash = over.token_hash";

/// Deletes at most `limit` rows of each table.
pub(crate) fn sweep(before: UnixMillis, limit: usize) -> Vec<Order> {
    OVER.into_iter().map(|sql| Order::of_many_rows(sql, values![before.0, limit])).collect()
}

pub(crate) fn sweep_foreign_refreshes(before: UnixMillis, limit: usize) -> Order {
    Order::of_many_rows(FOREIGN_OVER, values![before.0, limit])
}
