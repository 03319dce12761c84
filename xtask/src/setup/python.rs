//! A Python environment of the project's own, with the packages that the tests use.
//!
//! The environment is made without pip, which Debian leaves out of it, and filled by the machine's pip.

use std::process::Command;

use anyhow::Context;

use super::Note;
use crate::{process, tools::Folders};

const PACKAGES: &[&str] = &["pyjwt[crypto]==2.15.1", "cryptography==50.0.2", "aiosmtpd==1.4.6", "schemathesis==4.32.5"];

pub(super) fn ensure(folders: &Folders) -> anyhow::Result<()> {
    let note = Note::of(&folders.venv, PACKAGES);
    if note.holds() && process::answer(Command::new(folders.python()).arg("--version")).is_some() {
        return Ok(());
    }
    let venv = ["-m", "venv", "--clear", "--without-pip"];
    process::run(Command::new("python3").args(venv).arg(&folders.venv))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "--python"]).arg(folders.python());
    pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES);
    process::run(&mut pip).context("python packages could not be installed; pip has to be 22.3 or newer")?;
    note.write()
}
