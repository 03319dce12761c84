//! Writes to refreshes of foreign tokens.

use perennial_protocol::time::UnixMillis;
use perennial_store::{LeaseId, SealedResult};

use crate::{
    order::{Order, Place, Table},
    value::values,
};

pub(super) fn lease(token_hash: &[u8; 32], lease: LeaseId, until: UnixMillis, now: UnixMillis) -> Order {
    Order::guarded(
        "INSERT INTO perennial.foreign_refresh AS kept (token_hash, lease, ends_at) VALUES ($1, $2, $3)
         ON CONFLICT (token_hash) DO UPDATE SET
             lease = excluded.lease, sealed = NULL, successor = NULL, ends_at = excluded.ends_at
         WHERE kept.ends_at <= $4",
        values![token_hash, &lease.0, until.0, now.0],
        place(token_hash),
    )
}

pub(super) fn finish(
    token_hash: &[u8; 32],
    lease: LeaseId,
    (sealed, successor): (&SealedResult, Option<&[u8; 32]>),
    kept_until: UnixMillis,
) -> Order {
    Order::guarded(
        "UPDATE perennial.foreign_refresh SET lease = NULL, sealed = $3, successor = $4, ends_at = $5
         WHERE token_hash = $1 AND lease = $2",
        values![token_hash, &lease.0, sealed.bytes(), successor, kept_until.0],
        place(token_hash),
    )
}

pub(super) fn release(token_hash: &[u8; 32], lease: LeaseId) -> Order {
    Order::regardless(
        "DELETE FROM perennial.foreign_refresh WHERE token_hash = $1 AND lease = $2",
        values![token_hash, &lease.0],
        place(token_hash),
    )
}

pub(super) fn shorten(successors: &[[u8; 32]], until: UnixMillis) -> Order {
    Order::of_many_rows(
        "UPDATE perennial.foreign_refresh SET ends_at = $2 WHERE successor = ANY($1) AND ends_at > $2",
        values![successors, until.0],
    )
}

fn place(token_hash: &[u8; 32]) -> Place {
    Place::new(Table::ForeignRefresh, token_hash)
}
