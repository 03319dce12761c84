//! Writes to the keys of the admin API.

use perennial_protocol::{
    admin_key::{AdminKey, AdminKeyName},
    time::UnixMillis,
};

use crate::{
    order::{Order, Place, Table},
    rows::admin_key_columns,
    value::values,
};

pub(super) fn insert(key: &AdminKey) -> Order {
    const SQL: &str = concat!(
        "INSERT INTO perennial.admin_key (",
        admin_key_columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING"
    );
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.name()).collect();
    let values = values![
        key.name.as_str(),
        &key.hash,
        serde_json::to_string(&scopes).expect("texts can be written as JSON"),
        key.created_at.0,
        key.expires_at.map(|at| at.0),
        key.last_used_at.map(|at| at.0),
        key.revoked_at.map(|at| at.0),
    ];
    Order::guarded(SQL, values, place(&key.name))
}

pub(super) fn revoke(name: &AdminKeyName, at: UnixMillis) -> Order {
    Order::guarded(
        "UPDATE perennial.admin_key SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL",
        values![name.as_str(), at.0],
        place(name),
    )
}

pub(super) fn note_use(name: &AdminKeyName, at: UnixMillis) -> Order {
    Order::regardless(
        "UPDATE perennial.admin_key SET last_used_at = $2
         WHERE name = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
        values![name.as_str(), at.0],
        place(name),
    )
}

fn place(name: &AdminKeyName) -> Place {
    Place::new(Table::AdminKey, name.as_str())
}
