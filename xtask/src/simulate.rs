//! The seeded worlds of `crates/simulation`, in a release build: a seed that failed is played again by the
//! command that its failure prints.

use std::path::Path;

use clap::Args;

use crate::process;

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds are played in each world.
    #[arg(long, default_value_t = 100)]
    runs: u64,
    /// The world to play; all of them without.
    #[arg(long)]
    world: Option<String>,
}

pub(crate) fn run(root: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let mut command = process::cargo(root);
    command.args(["run", "--quiet", "--release", "--package", "perennial-simulation", "--bin", "simulate", "--"]);
    command.args(["--seed", &arguments.seed.to_string(), "--runs", &arguments.runs.to_string()]);
    if let Some(world) = &arguments.world {
        command.args(["--world", world]);
    }
    process::run(&mut command)
}
