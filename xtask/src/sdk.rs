//! The browser SDK: its steps, fastest first, and the file that the service hands out.
//!
//! Cargo builds nothing with Node. So what is made of the SDK's sources for the service is kept in the repository,
//! written by `codegen` and compared in every run of the checks.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail, ensure};
use clap::Args;

use crate::{process, steps::Steps, tools};

const FOLDER: &str = "sdk";

/// The SDK as one module, as `{base}/sdk.js` serves it.
const SERVED: &str = "crates/service/assets/sdk.js";

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
    for (name, words) in STEPS {
        let _ = steps.take(name, &words.join(" "), || process::run(&mut program(root, words)?));
    }
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
    ensure!(kept == served(root)?, "{SERVED} is not what {FOLDER}/src makes: run `cargo xtask codegen`");
    println!("{SERVED} is up to date");
    Ok(())
}

fn served(root: &Path) -> anyhow::Result<Vec<u8>> {
    let output = program(root, &["node", "scripts/served.ts"])?.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(output.stdout)
}

/// A program of the SDK's packages, or Node itself, in the SDK's folder.
fn program(root: &Path, words: &[&str]) -> anyhow::Result<Command> {
    let folder = root.join(FOLDER);
    let packages = folder.join("node_modules/.bin");
    let Some(node) = tools::node(root).filter(|_| packages.is_dir()) else {
        bail!("no Node {} or no packages: run `cargo xtask setup` first", tools::NODE_MAJOR_MIN);
    };
    let (name, arguments) = words.split_first().context("a command has a name")?;
    let file = if *name == "node" { node.clone() } else { packages.join(name) };
    let mut command = Command::new(file);
    command.current_dir(folder).args(arguments).envs(tools::variables(root)).env("PATH", path_from(&node)?);
    Ok(command)
}

/// The search path with this Node first, because packages start `node` by name.
fn path_from(node: &Path) -> anyhow::Result<std::ffi::OsString> {
    let first = node.parent().map(PathBuf::from);
    let rest = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(first.into_iter().chain(env::split_paths(&rest)))?)
}
