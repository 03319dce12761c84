//! Programs that run under Node, each in the folder of the JavaScript project whose packages it comes from.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

use crate::{process, steps::Steps, tools};

/// The folders with a manifest and a lock of their own.
pub(crate) const PROJECTS: &[&str] = &["sdk", "examples", "bench/rivals"];

/// Node itself or a program of the project's packages, ready to run in the project's folder.
pub(crate) fn program(root: &Path, project: &str, words: &[&str]) -> anyhow::Result<Command> {
    let folder = root.join(project);
    let packages = folder.join("node_modules/.bin");
    let Some(node) = tools::node(root).filter(|_| packages.is_dir()) else {
        bail!("no Node {} or no packages of {project}: run `cargo xtask setup` first", tools::NODE_MAJOR_MIN);
    };
    let (name, arguments) = words.split_first().context("a command has a name")?;
    let file = if *name == "node" { node.clone() } else { packages.join(name) };
    // Packages start `node` by its name, and each other by theirs.
    let first = [Some(packages), node.parent().map(PathBuf::from)];
    let rest = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(first.into_iter().flatten().chain(env::split_paths(&rest)))?;
    let mut command = Command::new(file);
    command.current_dir(folder).args(arguments).envs(tools::variables(root)).env("PATH", path);
    Ok(command)
}

/// A step for each of these commands, under its name.
pub(crate) fn take(root: &Path, project: &str, commands: &[(&'static str, &[&str])], steps: &mut Steps) {
    for (name, words) in commands {
        let _ = steps.take(name, &words.join(" "), || process::run(&mut program(root, project, words)?));
    }
}
