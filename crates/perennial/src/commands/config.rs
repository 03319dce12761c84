//! `perennial config check|print|reference`.

use std::{path::Path, process::ExitCode};

use perennial_settings::{Configuration, Mode, Settings, Store};
use perennial_store_postgres::PostgresStore;

use crate::{cli::ConfigCommand, say::say, wiring};

pub(crate) fn run(config: Option<&Path>, command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    if matches!(command, ConfigCommand::Reference) {
        say(format_args!("{}", perennial_settings::reference().trim_end()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let configuration = Configuration::load(&wiring::sources(Mode::Serve, config));
    if matches!(command, ConfigCommand::Print) {
        say(format_args!("{}", configuration.print().trim_end()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut wrong: Vec<String> = configuration.check().iter().map(ToString::to_string).collect();
    let notes = configuration.notes();
    if let Ok(Settings { store: Store::Postgres { url, .. }, .. }) = configuration.settings() {
        wrong.extend(PostgresStore::place(url.expose()).err().map(|error| error.to_string()));
    }
    for problem in &wrong {
        say(format_args!("wrong: {problem}"))?;
    }
    for note in notes {
        say(format_args!("note:  {note}"))?;
    }
    if wrong.is_empty() {
        say(format_args!("The configuration is fine."))?;
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::FAILURE)
    }
}
