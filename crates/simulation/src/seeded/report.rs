//! The tables of a run.

use std::collections::BTreeMap;

use perennial_protocol::time::Millis;

use super::{
    plan::{Expected, Plan},
    thief::{End, Fate},
    world::Chronicle,
};

/// What every history of one world came to.
#[derive(Debug)]
pub struct Findings {
    pub plan: Plan,
    pub runs: usize,
    pub counts: BTreeMap<&'static str, u64>,
    pub fates: Vec<Fate>,
    /// The histories with a violation, by seed.
    pub violations: Vec<Chronicle>,
}

impl Findings {
    pub fn of(plan: Plan, chronicles: Vec<Chronicle>) -> Self {
        let mut counts = BTreeMap::new();
        for (what, count) in chronicles.iter().flat_map(|chronicle| &chronicle.counts) {
            *counts.entry(*what).or_default() += count;
        }
        let runs = chronicles.len();
        let fates = chronicles.iter().filter_map(|chronicle| chronicle.fate).collect();
        let violations = chronicles.into_iter().filter(|chronicle| chronicle.violation.is_some()).collect();
        Self { plan, runs, counts, fates, violations }
    }

    pub fn as_expected(&self) -> bool {
        match self.plan.expected {
            Expected::Holds => self.violations.is_empty(),
            Expected::Fails(property) => self.broken(property) > 0,
        }
    }

    /// How many histories broke this property first.
    pub fn broken(&self, property: &str) -> usize {
        let broke = |chronicle: &&Chronicle| chronicle.violation.as_ref().is_some_and(|it| it.property == property);
        self.violations.iter().filter(broke).count()
    }

    fn count(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    fn outcome(&self) -> String {
        let broken = self.violations.len();
        match (self.plan.expected, self.as_expected()) {
            (Expected::Holds, true) => "holds".to_owned(),
            (Expected::Fails(property), true) => format!("fails in {broken}, as it must: {property}"),
            (_, false) => format!("UNEXPECTED: {broken} violations"),
        }
    }
}

/// The columns of what befell honest people.
const FAULTS: &[(&str, &[&str])] = &[
    ("requests", &["refreshes", "other requests"]),
    ("refreshes", &["refreshes"]),
    ("rotations", &["rotations"]),
    ("lost", &["requests lost", "answers lost", "a write happens and is not acknowledged"]),
    ("twice", &["requests that arrived twice"]),
    ("in part", &["answers kept in part"]),
    ("crashes", &["crashes that rolled a jar back", "other crashes"]),
    ("rolled back", &["crashes that rolled a jar back"]),
    ("sleeps", &["sleeps"]),
    ("restarts", &["node restarts"]),
    ("outages", &["store outages"]),
    ("store loses", &["the store loses its last write"]),
    ("logins", &["logins"]),
    ("logouts", &["logouts"]),
];

/// The table of worlds without a thief, in Markdown.
pub fn honest(findings: &[&Findings]) -> Vec<String> {
    use super::properties::{FALSE_ALARM, LOGGED_OUT, WRONG_PERSON};

    let names: Vec<&str> = FAULTS.iter().map(|(name, _)| *name).collect();
    let heading = format!(
        "| world | runs | hours | {} | false alarms | logged out | wrong person | outcome |",
        names.join(" | ")
    );
    let rule = format!("|---|{}---|", "--:|".repeat(FAULTS.len() + 5));
    let line = |found: &&Findings| {
        let sums = FAULTS.iter().map(|(_, kinds)| kinds.iter().map(|kind| found.count(kind)).sum::<u64>().to_string());
        let hours = found.plan.lasts.whole_seconds() / 3600 * i64::try_from(found.runs).unwrap_or(0);
        format!(
            "| {} | {} | {hours} | {} | {} | {} | {} | {} |",
            found.plan.name,
            found.runs,
            sums.collect::<Vec<_>>().join(" | "),
            found.broken(FALSE_ALARM),
            found.broken(LOGGED_OUT),
            found.broken(WRONG_PERSON),
            found.outcome()
        )
    };
    [heading, rule].into_iter().chain(findings.iter().map(line)).collect()
}

/// The table of thieves, in Markdown.
pub fn thieves(findings: &[&Findings]) -> Vec<String> {
    let heading = "| world | runs | found | locked out | undetected | found after p50 | p100 | access p50 | p100 | \
                   evictions | outcome |";
    let rule = format!("|---|{}---|", "--:|".repeat(9));
    let line = |found: &&Findings| {
        let ends = [End::Found, End::LockedOut, End::Undetected]
            .map(|end| found.fates.iter().filter(|fate| fate.end == end).count().to_string());
        let after = spread(found.fates.iter().filter(|fate| fate.end == End::Found).map(|fate| fate.after));
        let access = spread(found.fates.iter().map(|fate| fate.access));
        let (name, runs, ends) = (found.plan.name, found.runs, ends.join(" | "));
        let evictions = found.broken(super::properties::EVICTED);
        format!("| {name} | {runs} | {ends} | {after} | {access} | {evictions} | {} |", found.outcome())
    };
    [heading.to_owned(), rule].into_iter().chain(findings.iter().map(line)).collect()
}

/// The median and the maximum, in minutes.
fn spread(spans: impl Iterator<Item = Millis>) -> String {
    let mut spans: Vec<Millis> = spans.collect();
    spans.sort_unstable();
    let minutes =
        |span: Option<&Millis>| span.map_or("–".to_owned(), |span| format!("{} min", span.0.div_euclid(60_000)));
    format!("{} | {}", minutes(spans.get(spans.len() / 2)), minutes(spans.last()))
}
