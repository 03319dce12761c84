//! The parts of the Rust toolchain that a minimal installation leaves out.

use std::{path::Path, process::Command};

use anyhow::bail;

use crate::process;

/// The cargo command of each component.
const COMPONENTS: &[(&str, &str)] = &[("rustfmt", "fmt"), ("clippy", "clippy")];

pub(super) fn ensure(root: &Path) -> anyhow::Result<()> {
    let is_there = |command: &str| process::answer(process::cargo(root).args([command, "--version"])).is_some();
    let missing: Vec<&str> =
        COMPONENTS.iter().filter(|(_, command)| !is_there(command)).map(|(name, _)| *name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if process::find(&["rustup"]).is_none() {
        bail!("{names} missing: install them beside your Rust, with rustup by `rustup component add {names}`");
    }
    process::run(Command::new("rustup").args(["component", "add"]).args(missing))
}
