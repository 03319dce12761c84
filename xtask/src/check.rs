//! Everything that CI runs, fastest first.

use std::{collections::BTreeMap, path::Path, process::Command};

use anyhow::{Context, bail};

use crate::{
    examples, layers, process, runner, sdk, setup,
    steps::{End, Steps},
    style, tools,
};

/// The README's test command: prepares the machine, then checks.
pub(crate) fn test(root: &Path) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    let _ = steps.take("setup", "the tools that the tests need", || setup::run(root));
    every_step(root, steps)
}

pub(crate) fn check(root: &Path) -> anyhow::Result<()> {
    every_step(root, Steps::default())
}

fn every_step(root: &Path, mut steps: Steps) -> anyhow::Result<()> {
    let cargo = |words: &str| process::run(process::cargo(root).args(words.split(' ')));

    let _ = steps.take("format", "cargo fmt --all --check", || cargo("fmt --all --check"));
    let _ = steps.take("layers", "edges between crates", || layers::run(root));
    let _ = steps.take("style", "the rules of STYLE.md", || style::run(root));
    sdk::take(root, &mut steps);
    examples::check(root, &mut steps);
    let _ = steps.take("interop", "the libraries that judge our tokens", || interop(root));
    let lint = "clippy --workspace --all-targets -- -D warnings";
    let _ = steps.take("lint", &format!("cargo {lint}"), || cargo(lint));
    // The tests start the binary, and some of them measure time: nothing may compile beside them.
    let build = "build --workspace --all-targets";
    let built = steps.take("build", &format!("cargo {build}"), || cargo(build));
    let _ = steps.take("tests", runner::name(root), || match built {
        End::Passed => runner::run(root),
        End::Failed => bail!("not run, because not everything could be built"),
    });
    examples::use_them(root, &mut steps);
    steps.finish()
}

/// Shows that the programs which judge our tokens accept good ones and refuse bad ones. The tests of
/// `crates/perennial` then hand them tokens of the running server.
pub(crate) fn interop(root: &Path) -> anyhow::Result<()> {
    let variables: BTreeMap<_, _> = tools::variables(root).into_iter().collect();
    let tool = |name| variables.get(name).with_context(|| format!("no {name}: run `cargo xtask setup` first"));
    let _ = (tool(tools::NODE)?, tool(tools::NODE_MODULES)?);
    let mut command = Command::new(tool(tools::PYTHON)?);
    command.current_dir(root).envs(&variables).arg("tests/interop/check_verifiers.py");
    process::run(&mut command)
}
