//! `perennial migrate`: brings the store up to date and creates missing keys.

use std::path::Path;

use perennial_service::{
    clock::{Clock, SystemClock},
    entropy::SystemEntropy,
};
use perennial_settings::{Mode, Store};
use perennial_store_sqlite::SqliteStore;

use crate::{say::say, wiring};

pub(crate) fn run(config: Option<&Path>) -> anyhow::Result<()> {
    let settings = wiring::settings(Mode::Serve, config)?;
    let Store::Sqlite { path } = &settings.store;
    let migrated = SqliteStore::migrate(path)?;
    let keys = wiring::key_directory(&settings).ensure(&SystemEntropy, SystemClock.now())?;
    say(format_args!("store {}: version {} -> {}", path.display(), migrated.from, migrated.to))?;
    say(format_args!("keys {}: {} in place", settings.keys.dir.display(), keys.len()))?;
    Ok(())
}
