//! Runs the tests of the workspace: by cargo-nextest where it is installed, else by cargo itself.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};

use crate::{process, tools};

/// Runs every test, and tells each where the tools are.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let mut command = process::cargo(root);
    command.envs(tools::variables(root));
    if let Some(memory) = memory_for_scratch() {
        command.env("TMPDIR", memory);
    }
    if has_nextest(root) {
        return process::run(command.args(["nextest", "run", "--workspace", "--no-fail-fast"]));
    }
    println!("cargo-nextest is not installed, so cargo runs the tests");
    command.args(["test", "--workspace", "--no-fail-fast"]).stdout(Stdio::piped());
    let mut child = command.spawn().context("cargo cannot be started")?;
    let output = child.stdout.take().context("the output of cargo is read here")?;
    let mut total = Total::default();
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        total.add(&line);
    }
    let status = child.wait()?;
    println!("{} passed, {} failed", total.passed, total.failed);
    ensure!(status.success(), "tests failed ({status})");
    Ok(())
}

/// A file system in memory with room for what tests write. They kill processes and never the machine, so nothing
/// is lost there that a disk would keep; and a disk that is busy with other tests makes no server late.
fn memory_for_scratch() -> Option<&'static str> {
    const MEMORY: &str = "/dev/shm";
    const ROOM_KIB: u64 = 4 * 1024 * 1024;
    let told = process::answer(Command::new("df").args(["--output=avail", "-k", MEMORY]))?;
    let free: u64 = told.lines().last()?.trim().parse().ok()?;
    (free >= ROOM_KIB).then_some(MEMORY)
}

/// The name of what will run the tests.
pub(crate) fn name(root: &Path) -> &'static str {
    if has_nextest(root) { "cargo nextest run --workspace" } else { "cargo test --workspace" }
}

fn has_nextest(root: &Path) -> bool {
    process::answer(process::cargo(root).args(["nextest", "--version"])).is_some()
}

/// The sum of the lines that cargo prints, one for each binary of tests.
#[derive(Debug, Default, PartialEq, Eq)]
struct Total {
    passed: u64,
    failed: u64,
}

impl Total {
    /// Adds `test result: ok. 3 passed; 0 failed; ..`, and nothing for any other line.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Total;

    #[test]
    fn the_lines_of_all_binaries_add_up() {
        let mut total = Total::default();
        for line in [
            "running 4 tests",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test one_thing ... FAILED",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        ] {
            total.add(line);
        }
        assert_eq!(total, Total { passed: 5, failed: 1 });
    }
}
