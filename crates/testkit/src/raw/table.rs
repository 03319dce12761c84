//! A table of requests and what comes of them, told as a whole.

use std::{fmt::Write, time::Duration};

use super::{Exchange, exchange};

/// One line: what is sent, and which outcome it has to have.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub expected: &'static str,
}

impl Case {
    pub fn new(name: &'static str, bytes: impl AsRef<[u8]>, expected: &'static str) -> Self {
        Self { name, bytes: bytes.as_ref().to_vec(), expected }
    }
}

/// Runs every case on connections of their own, all at once, says the outcome of each with `outcome`
/// (`Exchange::outcome` where the statuses tell enough), and answers the table. Any difference fails with it.
#[track_caller]
pub fn table(address: &str, cases: &[Case], limit: Duration, outcome: impl Fn(&Case, &Exchange) -> String) -> String {
    let exchanges: Vec<Exchange> = std::thread::scope(|scope| {
        let runs: Vec<_> = cases.iter().map(|case| scope.spawn(|| exchange(address, &case.bytes, limit))).collect();
        runs.into_iter().map(|run| run.join().expect("the exchange ends")).collect()
    });
    let (mut text, mut wrong) = (String::from("| case | expected | outcome |\n|---|---|---|\n"), 0);
    for (case, exchange) in cases.iter().zip(&exchanges) {
        let outcome = outcome(case, exchange);
        let differs = outcome != case.expected;
        wrong += usize::from(differs);
        let mark = if differs { " ← differs" } else { "" };
        writeln!(text, "| {} | {} | {outcome}{mark} |", case.name, case.expected).expect("a text can be written to");
    }
    assert_eq!(wrong, 0, "\n{text}");
    text
}
