//! `perennial migrate`: brings the store up to date and creates missing keys.

use std::path::Path;

use perennial_service::{entropy::SystemEntropy, keys};
use perennial_settings::{Mode, Store};
use perennial_store_postgres::PostgresStore;
use perennial_store_sqlite::SqliteStore;

use crate::{say::say, wiring};

pub(crate) async fn run(config: Option<&Path>) -> anyhow::Result<()> {
    let settings = wiring::settings(Mode::Serve, config)?;
    let (store, kept_in, from, to) = match &settings.store {
        Store::Sqlite { path, keys } => {
            let migrated = SqliteStore::migrate(path)?;
            (path.display().to_string(), keys.display().to_string(), migrated.from, migrated.to)
        }
        Store::Postgres { url, .. } => {
            let migrated = PostgresStore::migrate(url.expose()).await?;
            (PostgresStore::place(url.expose())?, "in the database".to_owned(), migrated.from, migrated.to)
        }
    };
    say(format_args!("store {store}: version {from} -> {to}"))?;
    let wiring::Keeping { keys, clock } = wiring::open_keys(&settings).await?;
    let count = keys::ensure(&*keys, &SystemEntropy, clock.now()).await?.len();
    say(format_args!("keys {kept_in}: {count} in place"))?;
    Ok(())
}
