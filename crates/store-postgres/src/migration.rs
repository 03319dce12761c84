//! The versions of the schema, and the way from one to the next.
//!
//! Each migration runs once. All that are missing run in one transaction, under a lock that nodes which
//! start together take one after the other; the table `perennial.migration` tells which were applied.
//! Everything lives in the schema `perennial`, so that the tables of an app may stand beside it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deadpool_postgres::ClientWrapper;
use tokio::time::timeout;
use tokio_postgres::Error;

use crate::{
    connection,
    error::{ConnectError, reason},
    limits,
    target::Target,
};

/// Never changed once released; a new version is a new file.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_log_of_ends.sql"),
    include_str!("../migrations/0003_claims_and_admin_keys.sql"),
    include_str!("../migrations/0004_foreign_refresh.sql"),
];

/// The lock of whoever migrates: `Prnl`.
const LOCK: i64 = 0x5072_6e6c;

/// The oldest server whose SQL is spoken here.
const OLDEST_SERVER: i32 = 130_000;

/// Which versions a migration led from and to; the same one twice when there was nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    pub from: u32,
    pub to: u32,
}

/// Brings the schema to the newest version.
pub(crate) async fn migrate(target: &Target) -> Result<Migrated, ConnectError> {
    let unreachable = |reason| ConnectError::Unreachable { place: target.place(), reason };
    let connection = connection::open(target).await.map_err(unreachable)?;
    let migration = Migration { place: target.place(), client: &connection.client };
    let silent = |_| ConnectError::Unreachable { place: target.place(), reason: "it says nothing".into() };
    let from = timeout(limits::OPEN_WAIT, migration.check()).await.map_err(silent)??;
    let migrated = timeout(limits::MIGRATION_WAIT, migration.run(from)).await.map_err(silent)??;
    if migrated.from != migrated.to {
        tracing::info!(from = migrated.from, to = migrated.to, "the database was brought to a new version");
    }
    Ok(migrated)
}

struct Migration<'a> {
    place: String,
    client: &'a ClientWrapper,
}

impl Migration<'_> {
    /// The version of a database that can serve.
    async fn check(&self) -> Result<u32, ConnectError> {
        self.check_server().await?;
        self.check_schema().await
    }

    async fn run(&self, from: u32) -> Result<Migrated, ConnectError> {
        let to = u32::try_from(MIGRATIONS.len()).expect("the migrations are few");
        if from == to {
            return Ok(Migrated { from, to });
        }
        let waits =
            [("lock_timeout", limits::MIGRATION_LOCK_WAIT), ("statement_timeout", limits::MIGRATION_STATEMENT_WAIT)];
        for (name, wait) in waits {
            self.command(&format!("SET {name} = {}", wait.as_millis())).await?;
        }
        // A connection that is closed without a commit leaves nothing behind.
        self.command(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})")).await?;
        // Another node may have been faster.
        let from = self.check_schema().await?;
        if from == 0 {
            self.found().await?;
        }
        for (version, migration) in (1_u32..).zip(MIGRATIONS).skip(from as usize) {
            self.command(migration).await?;
            let at = since_epoch().as_millis();
            let note = format!("INSERT INTO perennial.migration (version, applied_at) VALUES ({version}, {at})");
            self.command(&note).await?;
        }
        self.command("COMMIT").await?;
        Ok(Migrated { from, to })
    }

    /// What the migrations themselves stand on. Who may not create a schema can be given one that is empty.
    async fn found(&self) -> Result<(), ConnectError> {
        let schema = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'perennial'";
        let schema = self.client.query_opt(schema, &[]).await;
        if schema.map_err(|error| self.failed(&error))?.is_none() {
            self.command("CREATE SCHEMA perennial").await?;
        }
        self.command("CREATE TABLE perennial.migration (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)").await
    }

    async fn check_server(&self) -> Result<(), ConnectError> {
        let version = "SELECT current_setting('server_version_num')::int4, current_setting('server_version')";
        let row = self.client.query_one(version, &[]).await.map_err(|error| self.failed(&error))?;
        let (number, found): (i32, String) = (row.get(0), row.get(1));
        let place = self.place.clone();
        if number < OLDEST_SERVER { Err(ConnectError::TooOld { place, found }) } else { Ok(()) }
    }

    /// The version of a schema that is empty or ours, and not from the future.
    async fn check_schema(&self) -> Result<u32, ConnectError> {
        let tables = "SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = 'perennial'";
        let tables = self.client.query(tables, &[]).await.map_err(|error| self.failed(&error))?;
        if tables.is_empty() {
            return Ok(0);
        }
        if !tables.iter().any(|row| row.get::<_, &str>(0) == "migration") {
            return Err(ConnectError::Foreign { place: self.place.clone() });
        }
        let version = "SELECT coalesce(max(version), 0)::int8 FROM perennial.migration";
        let row = self.client.query_one(version, &[]).await.map_err(|error| self.failed(&error))?;
        let known = u32::try_from(MIGRATIONS.len()).expect("the migrations are few");
        match u32::try_from(row.get::<_, i64>(0)) {
            Ok(version) if version <= known => Ok(version),
            Ok(found) => Err(ConnectError::Newer { place: self.place.clone(), found, known }),
            Err(_) => Err(ConnectError::Foreign { place: self.place.clone() }),
        }
    }

    async fn command(&self, sql: &str) -> Result<(), ConnectError> {
        self.client.batch_execute(sql).await.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &Error) -> ConnectError {
        ConnectError::Migration { place: self.place.clone(), reason: reason(error) }
    }
}

/// For people who look at the table; nothing is decided by it.
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
