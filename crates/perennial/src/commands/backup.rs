//! `perennial backup FILE`: a copy of the store, taken while it runs. Keys are not part of it.

use std::path::Path;

use perennial_settings::Mode;

use crate::{say::say, wiring};

pub(crate) fn run(config: Option<&Path>, file: &Path) -> anyhow::Result<()> {
    let settings = wiring::settings(Mode::Serve, config)?;
    wiring::open_store(&settings)?.backup(file)?;
    say(format_args!("{}: written. Keep the key directory {} with it.", file.display(), settings.keys.dir.display()))?;
    Ok(())
}
