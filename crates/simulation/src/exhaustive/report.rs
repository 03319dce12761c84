//! The table of a run: one line for each world.

use std::fmt;

use super::{
    search::{End, Findings},
    worlds::{Expected, Scene},
};

/// The heading of the table.
pub const HEADING: &str = concat!(
    "world                                   bounds                                          states  depth  ",
    "search     seconds  outcome",
);

impl fmt::Display for Findings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let search = match self.end {
            End::Complete => "complete",
            End::Violation => "stopped",
            End::Capped => "CAPPED",
        };
        let (name, bounds, seconds) = (self.world.name, self.bounds(), self.took.as_secs_f64());
        let (states, depth) = (self.states, self.depth);
        write!(out, "{name:<38}  {bounds:<44}  {states:>8}  {depth:>5}  {search:<9}  {seconds:>7.2}  ")?;
        let verdict = match (self.world.expected, self.as_expected()) {
            (Expected::Holds, true) => "holds",
            (Expected::Fails(_), true) => "fails, as it must:",
            (_, false) => "UNEXPECTED:",
        };
        write!(out, "{verdict}")?;
        match (self.violated.is_empty(), self.end) {
            (false, _) => write!(out, " {}", self.violated.join("; ")),
            (true, End::Capped) => write!(out, " too many states"),
            (true, _) if !self.as_expected() => write!(out, " no violation"),
            (true, _) => Ok(()),
        }
    }
}

impl Findings {
    fn bounds(&self) -> String {
        match self.world.scene {
            Scene::Honest(bounds) => {
                let (hold, quantum) = (bounds.hold, bounds.quantum);
                let (losses, crashes) = (bounds.losses, bounds.crashes);
                format!("{} in flight, hold {hold}, step {quantum}, lost {losses}, crash {crashes}", bounds.in_flight)
            }
            Scene::Theft(bounds) => {
                let served = bounds.renewals;
                format!("step {}, victim seen every {}, renewals {served}", bounds.quantum, bounds.every)
            }
        }
    }
}
