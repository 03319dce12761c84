//! Steps: named pieces of work, each with a heading and a time, and a table of them at the end.
//!
//! A step that fails does not keep the next ones from running: one run shows everything that is wrong.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::bail;

/// The steps that were taken so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    taken: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    took: Duration,
    end: End,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Passed,
    Failed,
}

impl Steps {
    /// Takes a step. What went wrong is printed under it.
    pub(crate) fn take(&mut self, name: &'static str, what: &str, work: impl FnOnce() -> anyhow::Result<()>) -> End {
        println!("\n== {name}: {what}");
        let start = Instant::now();
        let end = match work() {
            Ok(()) => End::Passed,
            Err(error) => {
                println!("{error:#}");
                End::Failed
            }
        };
        let step = Step { name, took: start.elapsed(), end };
        println!("-- {step}");
        self.taken.push(step);
        end
    }

    /// Prints the table; an error if any step failed.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        println!("\n== summary");
        for step in &self.taken {
            println!("{step}");
        }
        let failed: Vec<&str> =
            self.taken.iter().filter(|step| step.end == End::Failed).map(|step| step.name).collect();
        if failed.is_empty() {
            return Ok(());
        }
        bail!("{} of {} steps failed: {}", failed.len(), self.taken.len(), failed.join(", "))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.end {
            End::Passed => "ok",
            End::Failed => "FAILED",
        };
        write!(out, "{:<12} {end:<6} {:>7.1} s", self.name, self.took.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_failed_step_fails_the_whole_and_lets_the_next_one_run() {
        let mut steps = Steps::default();
        assert_eq!(steps.take("one", "fails", || Err(anyhow!("a reason"))), End::Failed);
        assert_eq!(steps.take("two", "passes", || Ok(())), End::Passed);
        let error = steps.finish().expect_err("a step failed");
        assert_eq!(error.to_string(), "1 of 2 steps failed: one");
    }

    #[test]
    fn steps_that_all_pass_are_a_success() {
        let mut steps = Steps::default();
        let _ = steps.take("one", "passes", || Ok(()));
        assert!(steps.finish().is_ok());
    }
}
