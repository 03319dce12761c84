//! What the decision decided during a search: proof that a world without a violation was not an empty one.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use perennial_protocol::refresh::Decision;

/// Counts, shared by the threads of a search.
#[derive(Debug, Default)]
pub struct Tally {
    pub rotated: AtomicU64,
    pub repeated: AtomicU64,
    pub began_anew: AtomicU64,
    pub access_only: AtomicU64,
    pub went_forward: AtomicU64,
    pub stale: AtomicU64,
    pub theft: AtomicU64,
    pub over: AtomicU64,
    pub confirmed: AtomicU64,
    /// The largest number of renewals of the victim, since the copy, after which a thief was still answered
    /// with tokens.
    pub thief_served: AtomicU8,
}

impl Tally {
    pub fn decided(&self, decision: &Decision) {
        let counter = match decision {
            Decision::Rotate(_) => &self.rotated,
            Decision::Repeat(None) => &self.repeated,
            Decision::Repeat(Some(_)) => &self.began_anew,
            Decision::AccessOnly => &self.access_only,
            Decision::GoForward(_) => &self.went_forward,
            Decision::Stale(_) => &self.stale,
            Decision::Theft => &self.theft,
            Decision::Over(_) | Decision::Invalid => &self.over,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub fn confirmed(&self) {
        self.confirmed.fetch_add(1, Relaxed);
    }

    /// The decisions by name, those that never happened left out.
    pub fn summary(&self) -> Vec<(&'static str, u64)> {
        let counters = [
            ("rotated", &self.rotated),
            ("repeated", &self.repeated),
            ("began anew", &self.began_anew),
            ("access only", &self.access_only),
            ("went forward", &self.went_forward),
            ("confirmed", &self.confirmed),
            ("stale", &self.stale),
            ("theft", &self.theft),
            ("over", &self.over),
        ];
        let read = counters.map(|(name, counter)| (name, counter.load(Relaxed)));
        read.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}
