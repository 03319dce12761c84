//! `perennial backup FILE`: a copy of the store, taken while it runs. Keys are not part of it.

use std::path::Path;

use anyhow::bail;
use perennial_settings::{Mode, Store};

use crate::{say::say, wiring};

pub(crate) fn run(config: Option<&Path>, file: &Path) -> anyhow::Result<()> {
    let settings = wiring::settings(Mode::Serve, config)?;
    match &settings.store {
        Store::Sqlite { path, keys } => {
            wiring::open_sqlite(path)?.backup(file)?;
            say(format_args!("{}: written. Keep the key directory {} with it.", file.display(), keys.display()))?;
            Ok(())
        }
        Store::Postgres { .. } => bail!(
            "the store is a PostgreSQL database, which has its own tools: \
            `pg_dump --format=custom --schema=perennial --file={} URL`. Its keys are sealed, so keep the file of \
            `keys.master_file` too, in another place",
            file.display()
        ),
    }
}
