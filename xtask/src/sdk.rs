//! The browser SDK: its steps, fastest first, and the file that the service hands out.
//!
//! Cargo builds nothing with Node. So what is made of the SDK's sources for the service is kept in the repository,
//! written by `codegen` and compared in every run of the checks.

use std::{fs, path::Path};

use anyhow::ensure;
use clap::Args;

use crate::{node, process, steps::Steps};

const PROJECT: &str = "sdk";

/// The SDK as one module, as `{base}/sdk.js` serves it.
const SERVED: &str = "crates/service/assets/sdk.js";

/// What the machine in Rust makes of random histories is written down, for the package's tests to compare.
const HISTORIES: &str = "test -p perennial-client --test machine";

/// The checks of the package, and the commands that make them.
const STEPS: &[(&str, &[&str])] = &[
    ("sdk lint", &["biome", "ci", "--colors=off", "."]),
    ("sdk types", &["tsc", "--pretty", "false"]),
    ("sdk tests", &["node", "--test", "test/**/*.test.ts"]),
    ("sdk build", &["node", "scripts/build.ts"]),
    ("sdk size", &["node", "scripts/size.ts"]),
    ("sdk pack", &["node", "scripts/pack.ts"]),
    ("sdk publint", &["publint", "--strict", "../target/sdk/package.tgz"]),
    ("sdk attw", &["attw", "--quiet", "--profile", "esm-only", "../target/sdk/package.tgz"]),
    ("sdk app", &["node", "scripts/app.ts"]),
];

pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    take(root, &mut steps);
    steps.finish()
}

pub(crate) fn take(root: &Path, steps: &mut Steps) {
    let _ = steps.take("codegen", "the file that the service hands out is of these sources", || compare(root));
    let _ = steps.take("sdk histories", &format!("cargo {HISTORIES}"), || {
        process::run(process::cargo(root).args(HISTORIES.split(' ')))
    });
    node::take(root, PROJECT, STEPS, steps);
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Codegen {
    /// Write nothing, and fail if something would change.
    #[arg(long)]
    check: bool,
}

/// Writes what is made of the SDK's sources, or says that it is not up to date.
pub(crate) fn codegen(root: &Path, order: &Codegen) -> anyhow::Result<()> {
    if order.check {
        return compare(root);
    }
    fs::write(root.join(SERVED), served(root)?)?;
    println!("{SERVED} is written");
    Ok(())
}

fn compare(root: &Path) -> anyhow::Result<()> {
    let kept = fs::read(root.join(SERVED)).unwrap_or_default();
    ensure!(kept == served(root)?, "{SERVED} is not what {PROJECT}/src makes: run `cargo xtask codegen`");
    println!("{SERVED} is up to date");
    Ok(())
}

fn served(root: &Path) -> anyhow::Result<Vec<u8>> {
    let output = node::program(root, PROJECT, &["node", "scripts/served.ts"])?.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(output.stdout)
}
