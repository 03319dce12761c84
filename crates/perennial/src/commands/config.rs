//! `perennial config check|print|reference`.

use std::{path::Path, process::ExitCode};

use perennial_settings::{Configuration, Mode};

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
    for problem in configuration.check() {
        say(format_args!("wrong: {problem}"))?;
    }
    for note in configuration.notes() {
        say(format_args!("note:  {note}"))?;
    }
    if configuration.check().is_empty() {
        say(format_args!("The configuration is fine."))?;
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::FAILURE)
    }
}
