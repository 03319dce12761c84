//! The worlds with CI's bounds, searched to the end, and the search itself under test.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

use perennial_simulation::exhaustive::{
    honest::Honest,
    rules::Rules,
    search::{counterexample, search},
    thief::Theft,
    worlds::{self, Effort, Scene, World},
};
use stateright::Model;

const NETWORK: &[&str] =
    &["slow network", "slow network, four in flight", "prefetches", "duplicates, lost confirmations"];
const LOST: &[&str] = &["one answer lost", "one answer lost, two in flight", "two answers lost"];
const STORE: &[&str] = &["store rolls back", "races of nodes"];
const NODES: &[&str] = &["two nodes, answers lost", "two nodes, crash", "two nodes, store rolls back"];
const ENDS: &[&str] = &["two nodes, store loses ends"];
const SETTINGS: &[&str] = &["reuse at once", "reuse at once, crash", "cooldown 20s, overlap 10s"];
const GATEWAY: &[&str] = &[
    "thief, gateway",
    "thief, gateway, jitter",
    "thief, gateway, rare requests",
    "thief, gateway, victim sleeps",
    "thief, gateway, reuse at once",
];
const VERIFIED: &[&str] = &["thief, API verifies", "thief, API verifies, jitter", "thief, API verifies, victim sleeps"];
const HONEST_EDGES: &[&str] = &[
    "edge: held for 60s",
    "edge: held for 45s, four in flight",
    "edge: one answer lost, held for 45s",
    "edge: two answers lost, held for 30s",
    "edge: three answers lost",
    "edge: crash, held for 45s",
    "edge: crash, held for 30s",
    "edge: crash and lost answer",
    "edge: store rolls back, held for 45s",
];
const THIEF_EDGES: &[&str] = &["edge: thief, gateway, one renewal less", "edge: thief, API verifies, one less"];
const LOGOUTS: &[&str] =
    &["without: cooldown beyond overlap", "without: window begins anew", "without: delay of confirmation"];
const RESURRECTIONS: &[&str] =
    &["without: sight of the end", "without: memory of ends", "without: end in the write's condition"];
const SURVIVALS: &[&str] = &["without: branches, gateway", "without: branches, API verifies", "without: rotation"];
const EVICTIONS: &[&str] = &["without: marks, gateway", "without: marks, API verifies"];

const SINGLE: &[&str] = &["crash", "logout"];
const ALL: &[&[&str]] = &[
    NETWORK,
    LOST,
    STORE,
    NODES,
    ENDS,
    SETTINGS,
    GATEWAY,
    VERIFIED,
    HONEST_EDGES,
    THIEF_EDGES,
    LOGOUTS,
    RESURRECTIONS,
    SURVIVALS,
    EVICTIONS,
    SINGLE,
];

fn world(name: &str) -> World {
    let found = worlds::all(Effort::Quick).into_iter().find(|world| world.name == name);
    found.unwrap_or_else(|| panic!("no world is called {name}"))
}

#[track_caller]
fn check(names: &[&str]) {
    for name in names {
        let findings = search(world(name));
        assert!(findings.as_expected(), "{findings}\n{:#?}", counterexample(findings.world));
    }
}

#[test]
fn nobody_is_logged_out_by_a_network_that_is_slow_reorders_and_repeats() {
    check(NETWORK);
}

#[test]
fn nobody_is_logged_out_when_answers_are_lost() {
    check(LOST);
}

#[test]
fn nobody_is_logged_out_when_the_browser_crashes_once_a_generation() {
    check(&["crash"]);
}

#[test]
fn nobody_is_logged_out_when_the_store_loses_its_last_write_or_nodes_race() {
    check(STORE);
}

#[test]
fn nobody_is_logged_out_when_two_nodes_interleave_and_more_fails() {
    check(NODES);
}

#[test]
fn an_end_that_the_store_lost_is_final_once_a_node_wrote_it_again() {
    check(ENDS);
}

#[test]
fn nobody_is_logged_out_under_the_other_named_settings() {
    check(SETTINGS);
}

#[test]
fn a_logout_is_final_whatever_was_still_under_way() {
    check(&["logout"]);
}

#[test]
fn a_thief_is_found_or_locked_out_where_every_request_is_seen() {
    check(GATEWAY);
}

#[test]
fn a_thief_is_found_or_locked_out_where_the_api_verifies_tokens_itself() {
    check(VERIFIED);
}

#[test]
fn a_little_more_than_what_is_tolerated_logs_somebody_out() {
    check(HONEST_EDGES);
}

#[test]
fn a_thief_can_stay_as_long_as_the_bound_says() {
    check(THIEF_EDGES);
}

#[test]
fn without_a_safeguard_of_delivery_somebody_is_logged_out() {
    check(LOGOUTS);
}

#[test]
fn without_a_safeguard_of_the_end_a_session_is_resurrected() {
    check(RESURRECTIONS);
}

#[test]
fn without_branches_or_rotation_a_thief_stays() {
    check(SURVIVALS);
}

#[test]
fn without_marks_the_victim_is_evicted_and_the_thief_stays() {
    check(EVICTIONS);
}

#[test]
fn every_world_is_searched_by_a_test() {
    let worlds: BTreeSet<_> = worlds::all(Effort::Quick).iter().map(|world| world.name).collect();
    let tested: BTreeSet<_> = ALL.concat().into_iter().collect();
    assert_eq!(tested, worlds);
}

#[test]
fn every_decision_is_taken_in_worlds_that_hold() {
    let names = ["one answer lost", "crash", "store rolls back", "thief, gateway", "logout"];
    let taken: BTreeSet<_> =
        names.iter().flat_map(|name| search(world(name)).decisions).map(|(name, _)| name).collect();
    let every =
        ["rotated", "repeated", "began anew", "access only", "went forward", "confirmed", "stale", "theft", "over"];
    assert_eq!(taken, every.into());
}

#[test]
fn a_counterexample_is_told_step_by_step() {
    let lines = counterexample(world("without: sight of the end")).expect("a counterexample");
    assert!(lines[0].ends_with("an ended session stays ended"), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("a logout with RT(0, branch 1) is answered")), "{lines:#?}");
}

#[test]
fn states_that_count_as_one_have_one_future() {
    one_future(world("one answer lost, two in flight"));
    one_future(world("prefetches"));
    one_future(world("logout"));
    one_future(world("two nodes, store loses ends"));
    one_future(world("edge: crash and lost answer"));
    one_future(world("edge: store rolls back, held for 45s"));
    one_future(world("thief, gateway, jitter"));
    one_future(world("without: branches, API verifies"));
}

fn one_future(world: World) {
    let rules = Rules::new(world.policy, world.twist);
    match world.scene {
        Scene::Honest(bounds) => compare_futures(world.name, &Honest { rules, bounds }),
        Scene::Theft(bounds) => compare_futures(world.name, &Theft { rules, bounds }),
    }
}

/// Walks the world without merging the states that it compares: whenever two histories lead to what counts
/// as one state, both must go on to the same states and agree on every property.
fn compare_futures<M: Model<State: Hash + Clone>>(name: &str, model: &M) {
    const WALKED_MAX: usize = 200_000;
    let properties = model.properties();
    let mut futures: HashMap<u64, (BTreeSet<u64>, Vec<bool>)> = HashMap::new();
    let mut ahead: VecDeque<_> = model.init_states().into();
    let (mut walked, mut merged) = (0, 0);
    while let Some(state) = ahead.pop_front() {
        walked += 1;
        if walked > WALKED_MAX {
            break;
        }
        let next = model.next_states(&state);
        let future = next.iter().map(hash).collect();
        let verdicts = properties.iter().map(|property| (property.condition)(model, &state)).collect();
        if let Some(known) = futures.get(&hash(&state)) {
            merged += 1;
            assert_eq!(*known, (future, verdicts), "{name}: two futures of one state");
        } else {
            futures.insert(hash(&state), (future, verdicts));
            ahead.extend(next);
        }
    }
    assert!(merged > 1000, "{name}: only {merged} states met twice");
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
