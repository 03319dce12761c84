//! Keys in the database, as whoever holds the master key sealed them: every node reads the same ones.
//!
//! What is in them is not known here, and which of them are good is decided elsewhere.

use async_trait::async_trait;
use perennial_protocol::key::KeyId;
use perennial_store::{Applied, Result, SealedKey, SealedKeyStore};
use tokio_postgres::Row;

use crate::{
    PostgresStore,
    error::Unreadable,
    load,
    order::{self, Order, Place, Table},
    rows::Columns,
    value::values,
};

#[async_trait]
impl SealedKeyStore for PostgresStore {
    async fn load_keys(&self) -> Result<Vec<SealedKey>> {
        const SQL: &str = "SELECT kind, id, active_from, sealed FROM perennial.sealed_key ORDER BY kind, id";
        load::many(&self.readers, SQL, values![], sealed_key).await
    }

    async fn insert_key(&self, key: &SealedKey) -> Result<Applied> {
        self.write_keys(vec![Order::guarded(
            "INSERT INTO perennial.sealed_key (kind, id, active_from, sealed) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
            values![&key.kind, key.id.0, key.active_from.0, &key.sealed],
            place(&key.kind, key.id),
        )])
        .await
    }

    async fn replace_keys(&self, keys: &[SealedKey]) -> Result<Applied> {
        let replace = |key: &SealedKey| {
            Order::guarded(
                "UPDATE perennial.sealed_key SET sealed = $4 WHERE kind = $1 AND id = $2 AND active_from = $3",
                values![&key.kind, key.id.0, key.active_from.0, &key.sealed],
                place(&key.kind, key.id),
            )
        };
        self.write_keys(keys.iter().map(replace).collect()).await
    }

    async fn remove_key(&self, kind: &str, id: KeyId) -> Result<Applied> {
        self.write_keys(vec![Order::guarded(
            "DELETE FROM perennial.sealed_key WHERE kind = $1 AND id = $2",
            values![kind, id.0],
            place(kind, id),
        )])
        .await
    }
}

impl PostgresStore {
    async fn write_keys(&self, orders: Vec<Order>) -> Result<Applied> {
        order::check(&orders)?;
        self.carry_out(orders, Vec::new()).await
    }
}

fn place(kind: &str, id: KeyId) -> Place {
    Place::new(Table::SealedKey, format!("{kind} {:05}", id.0))
}

fn sealed_key(row: &Row) -> std::result::Result<SealedKey, Unreadable> {
    let mut columns = Columns::of("sealed_key", row);
    Ok(SealedKey {
        kind: columns.next()?,
        id: KeyId(columns.number()?),
        active_from: columns.time()?,
        sealed: columns.next()?,
    })
}
