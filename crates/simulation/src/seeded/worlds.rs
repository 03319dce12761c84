//! The worlds that are played, and what each must show.

use perennial_protocol::{
    refresh::{Policy, Reuse},
    time::Millis,
};

use super::{
    network::Ask,
    plan::{Expected, Loses, Network, Plan, Temper, Twist},
    properties::{EVICTED, FALSE_ALARM, FOUND, LOGGED_OUT, WRONG_PERSON},
    thief::{Sight, Theft},
};
use crate::exhaustive::rules::BALANCED;

const NEVER: Millis = Millis::ZERO;

/// Holds just below what `config check` prints: the longest without a loss, and with one.
const WITHOUT_LOSS: Millis = BALANCED.tolerated_hold();
const WITH_LOSS: Millis = BALANCED.tolerated_hold_after_a_loss();

const GOOD: Network = Network { hold: Millis::seconds(1), slow: 0, lost: 0, twice: 0, partly: 0 };
const SLOW: Network = Network { hold: WITHOUT_LOSS, slow: 6, ..GOOD };
const BAD: Network = Network { hold: WITH_LOSS, slow: 8, lost: 12, twice: 30, partly: 20 };

const BASE: Plan = Plan {
    name: "",
    expected: Expected::Holds,
    people: 4,
    tabs: 4,
    nodes: 3,
    lasts: Millis::hours(6),
    policy: BALANCED,
    temper: Temper::Calm,
    network: GOOD,
    losses: 0,
    crashes: 0,
    sleeps: NEVER,
    breaks: NEVER,
    switches: NEVER,
    restarts: Millis::minutes(20),
    looks: Millis::minutes(1),
    outages: NEVER,
    loses: Loses::Nothing,
    theft: None,
    twist: Twist::Untouched,
};

/// Every world, those that must hold first.
pub fn all() -> Vec<Plan> {
    [honest(), thieves(), without_safeguards()].concat()
}

pub fn named(name: &str) -> Option<Plan> {
    all().into_iter().find(|plan| plan.name == name)
}

fn honest() -> Vec<Plan> {
    let nervous = Plan { temper: Temper::Nervous, lasts: Millis::hours(2), ..BASE };
    let lossy = Plan { network: BAD, losses: 1, ..nervous };
    let slow = Plan { network: SLOW, ..nervous };
    vec![
        Plan { name: "a day at work", network: SLOW, lasts: Millis::hours(24), ..BASE },
        Plan { name: "slow network", ..slow },
        Plan { name: "bad network", ..lossy },
        Plan { name: "bad network, sleep", sleeps: Millis::minutes(40), lasts: Millis::hours(8), ..lossy },
        Plan {
            name: "crashes",
            crashes: 1,
            breaks: Millis::minutes(5),
            network: Network { hold: WITH_LOSS, slow: 6, ..GOOD },
            ..nervous
        },
        Plan {
            name: "store outages",
            outages: Millis::minutes(5),
            losses: 1,
            network: Network { hold: WITH_LOSS, slow: 8, ..GOOD },
            ..nervous
        },
        Plan {
            name: "store loses rotations",
            loses: Loses::Rotations,
            network: Network { hold: WITH_LOSS, slow: 8, ..GOOD },
            ..nervous
        },
        Plan {
            name: "store loses logouts",
            loses: Loses::Ends,
            switches: Millis::minutes(4),
            restarts: NEVER,
            looks: Millis(500),
            network: Network { hold: WITH_LOSS, slow: 8, ..GOOD },
            ..nervous
        },
        Plan { name: "others log in", switches: Millis::minutes(4), network: SLOW, ..nervous },
        Plan {
            name: "everything",
            switches: Millis::minutes(20),
            sleeps: Millis::minutes(40),
            breaks: Millis::minutes(10),
            outages: Millis::minutes(20),
            restarts: Millis::minutes(5),
            looks: Millis(500),
            crashes: 1,
            people: 8,
            tabs: 6,
            lasts: Millis::hours(4),
            ..lossy
        },
    ]
}

fn thieves() -> Vec<Plan> {
    let plan = Plan { people: 1, lasts: Millis::hours(4), ..BASE };
    let gateway =
        Theft { every: Millis::seconds(150), sight: Sight::Gateway, renews: Ask::Refresh, sleeps: false, renewals: 1 };
    let api = Theft { every: Millis::seconds(60), sight: Sight::Api, renewals: 3, ..gateway };
    let theft = |name, theft: Theft| {
        let lasts = if theft.sleeps { Millis::hours(16) } else { plan.lasts };
        Plan { name, theft: Some(theft), lasts, ..plan }
    };
    let strict = Policy { reuse: Reuse::AtOnce, ..BALANCED };
    vec![
        theft("thief, gateway, explicit", gateway),
        theft("thief, gateway, in flight", Theft { renews: Ask::Page, ..gateway }),
        theft("thief, gateway, sleep", Theft { sleeps: true, renewals: 3, ..gateway }),
        Plan { policy: strict, ..theft("thief, gateway, reuse at once", gateway) },
        theft("thief, API verifies, explicit", api),
        theft("thief, API verifies, in flight", Theft { renews: Ask::Page, ..api }),
        theft("thief, API verifies, sleep", Theft { sleeps: true, ..api }),
    ]
}

fn without_safeguards() -> Vec<Plan> {
    let honest = |name| honest().into_iter().find(|plan| plan.name == name).expect("a world of that name");
    let thief = |name| thieves().into_iter().find(|plan| plan.name == name).expect("a world of that name");
    let fails = |name, twist, property, plan: Plan| Plan { name, twist, expected: Expected::Fails(property), ..plan };
    let short = Policy { cooldown: Millis::seconds(20), ..BALANCED };
    vec![
        Plan {
            policy: short,
            ..fails("without: cooldown beyond overlap", Twist::Untouched, FALSE_ALARM, honest("slow network"))
        },
        fails("without: delay of confirmation", Twist::ConfirmedAtOnce, FALSE_ALARM, honest("crashes")),
        fails("without: window begins anew", Twist::WindowNeverBeginsAnew, FALSE_ALARM, honest("bad network, sleep")),
        fails("without: login rules", Twist::LoginsEndNothing, WRONG_PERSON, honest("others log in")),
        fails("without: names of their own", Twist::NamesWithoutTags, LOGGED_OUT, honest("others log in")),
        fails("without: branches", Twist::BranchesForgotten, FOUND, thief("thief, API verifies, explicit")),
        fails("without: marks", Twist::MarksForgotten, EVICTED, thief("thief, gateway, in flight")),
    ]
}
