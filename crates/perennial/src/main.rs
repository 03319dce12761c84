//! The binary: reads the command line and the configuration, wires the service to its parts, runs it.

mod admin;
mod cli;
mod commands;
mod database_clock;
mod dev;
mod front;
mod node;
mod say;
mod telemetry;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(error) if say::nobody_reads(&error) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let config = cli.config.as_deref();
    match cli.command {
        Command::Dev(options) => dev::run(config, options).await?,
        Command::Serve => commands::serve::run(config).await?,
        Command::Gateway => commands::gateway::run(config).await?,
        Command::Migrate => commands::migrate::run(config).await?,
        Command::Keys(command) => commands::keys::run(config, &command).await?,
        Command::AdminKey(command) => commands::admin_key::run(config, command).await?,
        Command::User(command) => commands::user::run(config, command).await?,
        Command::Session(command) => commands::session::run(config, command).await?,
        Command::Backup { file } => commands::backup::run(config, &file)?,
        Command::Config(command) => return commands::config::run(config, &command),
    }
    Ok(ExitCode::SUCCESS)
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("perennial: {error:#}");
    ExitCode::FAILURE
}
