//! `cargo xtask`: what the project runs on itself, typed and without an installation.
//!
//! This file reads the command line and nothing else. `check` is everything that CI runs; `test` brings a
//! fresh machine to the point where that can run, and runs it.

#![expect(clippy::print_stdout, reason = "a command speaks on its standard output")]

mod check;
mod examples;
mod layers;
mod metadata;
mod node;
mod process;
mod runner;
mod sdk;
mod setup;
mod simulate;
mod steps;
mod style;
mod tools;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Parser, Subcommand};

/// What the project runs on itself.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Clone, Subcommand)]
enum Order {
    /// Prepare this machine, then run every check and every test.
    Test,
    /// Run every check and every test, fastest first, with the tools that are there.
    Check,
    /// Install the tools that the tests need and this machine lacks.
    Setup,
    /// Compare the edges between crates with the table of allowed ones.
    Layers,
    /// Check the rules of STYLE.md that a machine can check.
    Style,
    /// Check that the foreign libraries accept good tokens and refuse bad ones.
    Interop,
    /// Check, test, build and try the browser SDK.
    Sdk,
    /// Try the applications of `examples/` in a real browser.
    Examples,
    /// Write the files that are made of the SDK's sources and kept in the repository.
    Codegen(sdk::Codegen),
    /// Play the seeded worlds over the real service, and print what they came to.
    Simulate(simulate::Arguments),
}

fn main() -> ExitCode {
    match run(Arguments::parse().order) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(order: Order) -> anyhow::Result<()> {
    let root = root()?;
    match order {
        Order::Test => check::test(&root),
        Order::Check => check::check(&root),
        Order::Setup => setup::run(&root),
        Order::Layers => layers::run(&root),
        Order::Style => style::run(&root),
        Order::Interop => check::interop(&root),
        Order::Sdk => sdk::run(&root),
        Order::Examples => examples::run(&root),
        Order::Codegen(order) => sdk::codegen(&root, &order),
        Order::Simulate(arguments) => simulate::run(&root, &arguments),
    }
}

/// The directory of the workspace.
fn root() -> anyhow::Result<PathBuf> {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    let parent = PathBuf::from(here).parent().map(PathBuf::from);
    parent.context("the xtask crate lies in the workspace's directory")
}
