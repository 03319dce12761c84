//! The applications of `examples/`, each with the binary that was built, in a real browser.

use std::path::Path;

use crate::{metadata::Metadata, node, process};

const PROJECT: &str = "examples";

/// What an application starts instead of what cargo would build for it.
const BINARY: &str = "PERENNIAL_BIN";

pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    process::run(process::cargo(root).args(["build", "--quiet", "--package", "perennial"]))?;
    process::run(&mut node::program(root, PROJECT, &["tsc", "--pretty", "false"])?)?;
    let binary = Metadata::read(root)?.target_directory.join("debug/perennial");
    process::run(node::program(root, PROJECT, &["node", "test.mjs"])?.env(BINARY, binary))
}
