//! Writes to allowances.

use perennial_protocol::time::{Millis, UnixMillis};
use perennial_store::AllowanceKey;

use crate::{
    order::{Order, Place, Table},
    value::values,
};

pub(super) fn spend(key: AllowanceKey, limit: u32, window: Millis, now: UnixMillis) -> Order {
    Order::guarded(
        "INSERT INTO perennial.allowance AS kept (key, used, window_ends_at) SELECT $1, 1, $4 WHERE $2::bigint > 0
         ON CONFLICT (key) DO UPDATE SET
             used = CASE WHEN kept.window_ends_at > $3 THEN kept.used + 1 ELSE 1 END,
             window_ends_at =
                 CASE WHEN kept.window_ends_at > $3 THEN kept.window_ends_at ELSE excluded.window_ends_at END
         WHERE kept.window_ends_at <= $3 OR kept.used < $2",
        values![&key.0, limit, now.0, now.plus(window).0],
        place(key),
    )
}

pub(super) fn clear(key: AllowanceKey) -> Order {
    Order::regardless("DELETE FROM perennial.allowance WHERE key = $1", values![&key.0], place(key))
}

pub(super) fn refund(key: AllowanceKey) -> Order {
    Order::regardless(
        "UPDATE perennial.allowance SET used = used - 1 WHERE key = $1 AND used > 0",
        values![&key.0],
        place(key),
    )
}

fn place(key: AllowanceKey) -> Place {
    Place::new(Table::Allowance, key.0)
}
