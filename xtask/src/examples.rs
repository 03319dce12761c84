//! The applications of `examples/`: their code is checked, then each is tried in a real browser with the binary that
//! was built.

use std::path::Path;

use crate::{metadata::Metadata, node, process, steps::Steps};

const PROJECT: &str = "examples";

/// What an application starts instead of what cargo would build for it.
const BINARY: &str = "PERENNIAL_BIN";

/// They are typed by the SDK as it was built.
const CHECKS: &[(&str, &[&str])] =
    &[("apps lint", &["biome", "ci", "--colors=off", "."]), ("apps types", &["tsc", "--pretty", "false"])];

pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    check(root, &mut steps);
    process::run(process::cargo(root).args(["build", "--quiet", "--package", "perennial"]))?;
    use_them(root, &mut steps);
    steps.finish()
}

pub(crate) fn check(root: &Path, steps: &mut Steps) {
    node::take(root, PROJECT, CHECKS, steps);
}

pub(crate) fn use_them(root: &Path, steps: &mut Steps) {
    let _ = steps.take("apps", "each application in a real browser", || {
        let binary = Metadata::read(root)?.target_directory.join("debug/perennial");
        process::run(node::program(root, PROJECT, &["node", "test.mjs"])?.env(BINARY, binary))
    });
}
