//! Brings a fresh machine to the point where every test can run.
//!
//! Each part looks first and installs only what is missing, with the package manager that is usual for it.
//! What it may not install it names, with the command that does.

mod components;
mod node;
mod packages;
mod python;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::bail;

use crate::tools::{self, Folders};

pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let folders = Folders::of(root);
    let parts = [
        ("rust components", components::ensure(root)),
        ("system packages", packages::ensure()),
        ("python packages", python::ensure(&folders)),
        ("node and its packages", node::ensure(root, &folders)),
    ];
    for (name, place) in tools::variables(root) {
        println!("{name}={}", place.display());
    }
    let failed: Vec<String> =
        parts.into_iter().filter_map(|(name, done)| done.err().map(|error| format!("{name}: {error:#}"))).collect();
    if failed.is_empty() {
        return Ok(());
    }
    bail!("{}", failed.join("\n"))
}

/// A note in a folder of what was installed there, so that a change of the list installs anew.
#[derive(Debug)]
struct Note {
    file: PathBuf,
    list: String,
}

impl Note {
    fn of(folder: &Path, list: &[&str]) -> Self {
        Self { file: folder.join(".installed"), list: list.join("\n") }
    }

    fn holds(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|list| list == self.list)
    }

    fn write(&self) -> anyhow::Result<()> {
        Ok(fs::write(&self.file, &self.list)?)
    }
}
