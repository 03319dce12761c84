//! The seeded worlds with CI's numbers of seeds, and what shows that their properties can fail.

use std::{ops::Range, rc::Rc};

use perennial_protocol::time::Millis;
use perennial_simulation::seeded::{
    browser::Browser,
    network::{Ask, Sent, at_node},
    person::log_in,
    plan::{Expected, Plan},
    play::{play, play_until_broken},
    world, worlds,
};

/// The seeds that every change is tested with.
const SEEDS: Range<u64> = 1..2;
const THEFTS: Range<u64> = 1..13;

/// How many histories a world without a safeguard may take to show it.
const BROKEN_WITHIN: Range<u64> = 1..41;

#[track_caller]
fn check(chosen: impl Fn(&Plan) -> bool, seeds: Range<u64>) {
    for plan in worlds::all().into_iter().filter(|plan| plan.expected == Expected::Holds && chosen(plan)) {
        let found = play(in_brief(plan), seeds.clone());
        let violation = found.violations.first();
        assert!(violation.is_none(), "{}: {violation:#?}", plan.name);
    }
}

/// Short enough for every change.
fn in_brief(plan: Plan) -> Plan {
    Plan { lasts: Millis(plan.lasts.0 / 2), ..plan }
}

#[test]
fn nobody_honest_is_logged_out_or_taken_for_somebody_else() {
    check(|plan| plan.theft.is_none(), SEEDS);
}

#[test]
fn every_thief_is_found_or_locked_out_in_time() {
    check(|plan| plan.theft.is_some(), THEFTS);
}

#[test]
fn without_a_safeguard_somebody_is_harmed() {
    for plan in worlds::all().into_iter().filter(|plan| plan.expected != Expected::Holds) {
        let broken = play_until_broken(plan, BROKEN_WITHIN);
        assert!(broken.is_some(), "{}: no harm was done", plan.name);
    }
}

#[test]
fn a_seed_is_a_whole_history() {
    let everything = worlds::named("everything").expect("a world");
    let plan = Plan { lasts: Millis::minutes(15), ..everything };
    let [first, again, other] = [7, 7, 8].map(|seed| world::run(plan, seed));
    assert_eq!((first.digest, first.counts), (again.digest, again.counts));
    assert_ne!(first.digest, other.digest);
}

#[test]
fn a_failure_tells_what_led_to_it() {
    let plan = worlds::named("without: cooldown beyond overlap").expect("a world");
    let chronicle = play_until_broken(plan, BROKEN_WITHIN).expect("a failure");
    let last = chronicle.trace.last().expect("a trace");
    assert!(last.contains("VIOLATED: nobody honest is called a thief"), "{last}");
    assert!(chronicle.trace.iter().any(|line| line.contains("ends: reuse")), "{:#?}", chronicle.trace);
}

/// The jar keeps an access token of a login that is over: it came late, after somebody else had logged in.
#[test]
fn a_late_access_token_of_a_former_login_never_speaks_while_the_store_is_away() {
    let plan = worlds::named("store outages").expect("a world");
    let told = world::alone(plan, async |world| {
        let browser = Rc::new(Browser::new("b0".to_owned()));
        log_in(&world, &browser, &world.subjects[0]).await;
        let former = browser.jar();
        log_in(&world, &browser, &world.subjects[1]).await;
        browser.change(world.now(), |jar| jar.add_access_of(&former));
        let ask = async || at_node(&world, "b0", &Sent::now(&world, &browser, Ask::Read, None)).await;
        let up = ask().await;
        world.store.go_down(world.ends_at);
        let down = ask().await;
        browser.change(world.now(), |jar| {
            jar.drop_access();
            jar.add_access_of(&former);
        });
        let alone = ask().await;
        [up, down, alone].map(|answer| answer.shown(&world.subjects).map(ToString::to_string).ok_or(answer.status))
    });
    assert_eq!(told, [Ok("b0.1".to_owned()), Err(503), Err(503)]);
}

#[test]
fn a_good_access_token_passes_while_the_store_is_away() {
    let plan = worlds::named("store outages").expect("a world");
    let told = world::alone(plan, async |world| {
        let browser = Rc::new(Browser::new("b0".to_owned()));
        log_in(&world, &browser, &world.subjects[0]).await;
        world.store.go_down(world.ends_at);
        let answer = at_node(&world, "b0", &Sent::now(&world, &browser, Ask::Read, None)).await;
        answer.shown(&world.subjects).map(ToString::to_string)
    });
    assert_eq!(told.as_deref(), Some("b0.0"));
}

#[test]
fn who_asks_after_a_logout_does_not_share_what_was_decided_before_it() {
    let plan = Plan { nodes: 1, outages: Millis::ZERO, ..worlds::named("store outages").expect("a world") };
    let answered = world::alone(plan, async |world| {
        let (browser, mut answered) = (Rc::new(Browser::new("b0".to_owned())), 0);
        for _ in 0..300 {
            log_in(&world, &browser, &world.subjects[0]).await;
            let proof = browser.jar().csrf(world.now()).map(ToOwned::to_owned);
            let [refresh, log_out] =
                [Ask::Refresh, Ask::LogOut].map(|ask| Sent::now(&world, &browser, ask, proof.clone()));
            let logged_out = async {
                assert_eq!(at_node(&world, "b0", &log_out).await.status, 204);
                at_node(&world, "b0", &refresh).await.status
            };
            let (_, status) = tokio::join!(at_node(&world, "b0", &refresh), logged_out);
            answered += u32::from(status == 200);
        }
        answered
    });
    assert_eq!(answered, 0);
}
