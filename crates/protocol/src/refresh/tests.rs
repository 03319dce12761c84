//! The table of the refresh decision, row by row, and its invariants.
//!
//! A case reads like the table: the row (`at 5, parent a, age 200s, confirmed`), the request
//! (`presents 4/a, mark 5`), the answer (`repeat anew`). Branches are letters.

use proptest::prelude::*;

use super::{decision::LATE_MAX, *};
use crate::{
    claims::Claims,
    id::{SessionKey, Sid, Subject},
    session::{AssuranceLevel, Authentication, EndReason, Ended, Session},
    time::{Millis, UnixMillis},
};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn policy() -> Policy {
    Policy {
        rotation: Rotate::On,
        cooldown: Millis::seconds(120),
        overlap: Millis::seconds(30),
        reuse: Reuse::Prove,
        idle: Millis::days(7),
    }
}

fn session(rotation: Rotation) -> Session {
    Session {
        sid: Sid([1; 16]),
        session_key: SessionKey::from_random([2; 12]),
        salt: Salt([3; 16]),
        subject: Subject::from_random([4; 12]),
        created_at: UnixMillis(NOW.0 - Millis::days(1).0),
        ends_at: NOW.plus(Millis::days(29)),
        active_at: rotation.delivered_at,
        rotation,
        ended: None,
        authentication: Authentication { at: NOW, level: AssuranceLevel::One, methods: vec!["pwd".into()] },
        device: String::new(),
        claims: Claims::default(),
    }
}

/// A branch by its letter, so that cases can be read.
fn branch(letter: &str) -> Branch {
    Branch(u32::from(letter.bytes().next().expect("a letter")))
}

fn span(text: &str) -> Millis {
    text.parse().expect("a duration")
}

#[derive(Debug)]
struct Case {
    policy: Policy,
    session: Session,
    token: (Generation, Branch),
    request: Request,
}

/// Reads `at 5, parent a, age 200s, confirmed, late 1 | presents 4/a, mark 5, explicitly, undeliverable`.
fn parse(case: &str) -> Case {
    let mut settings = policy();
    let mut row = Rotation::first(NOW);
    let mut ended = None;
    let mut token = (Generation(0), branch("?"));
    let mut request = Request { mark: None, asked: Asked::InPassing, delivery: Delivery::Cookies };
    for clause in case.split([',', '|']).map(str::trim) {
        match clause.split_once(' ').unwrap_or((clause, "")) {
            ("at", number) => row.generation = Generation(number.parse().expect("a generation")),
            ("parent", "unknown") => row.parent = Parent::Unknown,
            ("parent", letter) => row.parent = Parent::Known(branch(letter)),
            ("age", age) => row.delivered_at = UnixMillis(NOW.0 - span(age).0),
            ("late", count) => row.late = count.parse().expect("a count"),
            ("confirmed", _) => row.confirmed = true,
            ("ended", reason) => {
                ended = Some(Ended { at: NOW, reason: EndReason::from_name(reason).expect("a reason") });
            }
            ("rotation", "off") => settings.rotation = Rotate::Off,
            ("reuse", "at_once") => settings.reuse = Reuse::AtOnce,
            ("presents", pair) => {
                let (generation, letter) = pair.split_once('/').expect("generation/branch");
                token = (Generation(generation.parse().expect("a generation")), branch(letter));
            }
            ("mark", number) => request.mark = Some(Generation(number.parse().expect("a generation"))),
            ("explicitly", _) => request.asked = Asked::Explicitly,
            ("undeliverable", _) => request.delivery = Delivery::Nothing,
            (other, _) => panic!("unknown clause `{other}`"),
        }
    }
    let session = Session { ended, ..session(row) };
    Case { policy: settings, session, token, request }
}

/// Writes a decision as the table does.
fn words(decision: &Decision) -> String {
    let parent = |row: &Rotation| match row.parent {
        Parent::Known(Branch(letter)) => char::from_u32(letter).expect("a letter").to_string(),
        Parent::Unknown => "unknown".to_owned(),
    };
    match decision {
        Decision::Invalid => "invalid".to_owned(),
        Decision::Over(reason) => format!("over {}", reason.name()),
        Decision::AccessOnly => "access only".to_owned(),
        Decision::Rotate(next) => format!("rotate to {}, parent {}", next.generation.0, parent(next)),
        Decision::Repeat(None) => "repeat".to_owned(),
        Decision::Repeat(Some(next)) => format!("repeat anew, late {}", next.late),
        Decision::Stale(told) => format!("stale, mark {}", told.0),
        Decision::Theft => "theft".to_owned(),
        Decision::GoForward(next) => format!("go forward to {}, parent {}", next.generation.0, parent(next)),
    }
}

fn run(case: &Case) -> Decision {
    let (generation, branch) = case.token;
    decide(Presented::Genuine { session: &case.session, generation, branch }, case.request, &case.policy, NOW)
}

#[track_caller]
fn check(case: &str, expected: &str) {
    assert_eq!(words(&run(&parse(case))), expected, "{case}");
}

#[test]
fn row_1_a_forged_token_is_invalid() {
    let request = Request { mark: None, asked: Asked::Explicitly, delivery: Delivery::Cookies };
    assert_eq!(decide(Presented::Forged, request, &policy(), NOW), Decision::Invalid);
}

#[test]
fn row_2_a_token_of_no_session_is_over_for_an_unknown_reason() {
    let request = Request { mark: None, asked: Asked::Explicitly, delivery: Delivery::Cookies };
    assert_eq!(decide(Presented::Unknown, request, &policy(), NOW), Decision::Over(EndReason::Unknown));
}

#[test]
fn row_3_a_token_of_a_session_that_is_over_gets_its_reason_and_never_counts_as_theft() {
    check("at 5, ended logout | presents 5/a", "over logout");
    check("at 5, ended reuse | presents 4/a, mark 5", "over reuse");
    check("at 5, ended revoked | presents 0/z, mark 5, explicitly, reuse at_once", "over revoked");
    check("at 5, age 7d | presents 5/a", "over expired_idle");
}

#[test]
fn row_3_the_absolute_end_comes_before_the_idle_end() {
    let mut case = parse("at 5, age 7d | presents 5/a");
    case.session.ends_at = NOW;
    assert_eq!(run(&case), Decision::Over(EndReason::ExpiredAbsolute));
}

#[test]
fn row_4_a_token_rests_for_the_cooldown_after_its_delivery() {
    check("at 5, age 0s | presents 5/a", "access only");
    check("at 5, age 119999ms | presents 5/a", "access only");
    check("at 5, age 120s | presents 5/a", "rotate to 6, parent a");
    check("at 5, age 3d, rotation off | presents 5/a", "access only");
}

#[test]
fn row_4_a_clock_that_stepped_back_rests_too() {
    let mut case = parse("at 5 | presents 5/a");
    case.session.rotation.delivered_at = NOW.plus(Millis::seconds(30));
    assert_eq!(run(&case), Decision::AccessOnly);
}

#[test]
fn row_5_the_current_token_rotates_and_its_branch_becomes_the_parent() {
    check("at 5, parent a, age 15m, confirmed, late 2 | presents 5/b", "rotate to 6, parent b");
    let rotated = run(&parse("at 5, age 15m, confirmed, late 2 | presents 5/b")).write().expect("a write");
    assert_eq!((rotated.delivered_at, rotated.late, rotated.confirmed), (NOW, 0, false));
}

#[test]
fn row_6_the_parent_gets_the_current_generation_again() {
    check("at 5, parent a, age 1s | presents 4/a", "repeat");
    check("at 5, parent a, age 1s, confirmed | presents 4/a", "repeat");
    check("at 5, parent a, age 6d | presents 4/a", "repeat anew, late 1");
    check("at 5, parent a, age 30s, late 1 | presents 4/a", "repeat anew, late 2");
    check("at 5, parent a, age 6d, late 2 | presents 4/a", "repeat");
    check("at 5, parent unknown, age 1s | presents 4/z", "repeat");
}

#[test]
fn row_7_a_confirmed_generation_outdates_its_parent_once_the_overlap_is_over() {
    check("at 5, parent a, age 29999ms, confirmed | presents 4/a", "repeat");
    check("at 5, parent a, age 30s, confirmed | presents 4/a", "stale, mark 5");
}

#[test]
fn row_8_another_branch_of_the_predecessor_and_every_ancestor_are_stale() {
    check("at 5, parent a, age 0s | presents 4/b", "stale, mark 5");
    check("at 5, parent a, age 0s | presents 3/a", "stale, mark 5");
    check("at 5, parent unknown, age 0s | presents 3/a", "stale, mark 5");
}

#[test]
fn a_stale_token_with_a_newer_mark_is_theft() {
    check("at 5, parent a, age 0s | presents 4/b, mark 5", "theft");
    check("at 6, parent a, age 0s | presents 4/b, mark 5", "theft");
    check("at 5, parent a, age 30s, confirmed | presents 4/a, mark 5", "theft");
    check("at 5, parent a, age 0s | presents 3/a, mark 4", "theft");
}

#[test]
fn a_mark_that_is_no_newer_than_the_token_proves_nothing() {
    check("at 5, parent a, age 0s | presents 4/b, mark 4", "stale, mark 5");
    check("at 5, parent a, age 0s | presents 4/b, mark 0", "stale, mark 5");
}

#[test]
fn a_mark_never_harms_a_token_that_is_answered() {
    check("at 5, age 15m | presents 5/a, mark 5", "rotate to 6, parent a");
    check("at 5, parent a, age 0s | presents 4/a, mark 5", "repeat");
}

#[test]
fn reuse_at_once_convicts_the_first_explicit_refresh_and_nothing_else() {
    check("at 5, parent a, age 0s, reuse at_once | presents 4/b, explicitly", "theft");
    check("at 5, parent a, age 0s, reuse at_once | presents 4/b", "stale, mark 5");
    check("at 5, parent a, age 0s, reuse at_once | presents 4/a, explicitly", "repeat");
}

#[test]
fn row_9_a_token_from_the_future_moves_the_store_forward() {
    check("at 5, parent a, age 0s | presents 6/c", "go forward to 6, parent unknown");
    check("at 5, parent a, age 0s | presents 9/c, undeliverable", "go forward to 9, parent unknown");
}

#[test]
fn an_answer_that_delivers_no_cookie_neither_rotates_nor_writes() {
    check("at 5, age 15m | presents 5/a, undeliverable", "access only");
    check("at 5, parent a, age 15m | presents 4/a, undeliverable", "access only");
    check("at 5, parent a, age 0s | presents 4/b, undeliverable", "stale, mark 5");
}

#[test]
fn row_k_a_token_confirms_once_it_comes_back_after_the_cooldown() {
    let confirmed = |case: &str| {
        let case = parse(case);
        confirms(&case.session, case.token.0, &case.policy, NOW)
    };
    assert!(confirmed("at 5, age 120s | presents 5/a"));
    assert!(!confirmed("at 5, age 119999ms | presents 5/a"));
    assert!(!confirmed("at 5, age 1d | presents 4/a"));
    assert!(!confirmed("at 5, age 1d | presents 6/a"));
    assert!(!confirmed("at 5, age 1d, confirmed | presents 5/a"));
}

prop_compose! {
    fn any_case()(
        at in 0_u32..6, parent in prop::option::of(0_u32..3), age in -10_000_i64..1_000_000, late in 0_u8..=LATE_MAX,
        confirmed: bool, over in prop::option::of(0_usize..EndReason::ALL.len()), presented in 0_u32..8,
        held in 0_u32..3, mark in prop::option::of(0_u32..8), explicit: bool, delivers: bool, off: bool, at_once: bool,
    ) -> Case {
        let row = Rotation {
            generation: Generation(at),
            parent: parent.map_or(Parent::Unknown, |branch| Parent::Known(Branch(branch))),
            delivered_at: UnixMillis(NOW.0 - age),
            late,
            confirmed,
        };
        let ended = over.map(|index| Ended { at: NOW, reason: EndReason::ALL[index] });
        Case {
            policy: Policy {
                rotation: if off { Rotate::Off } else { Rotate::On },
                reuse: if at_once { Reuse::AtOnce } else { Reuse::Prove },
                ..policy()
            },
            session: Session { ended, ..session(row) },
            token: (Generation(presented), Branch(held)),
            request: Request {
                mark: mark.map(Generation),
                asked: if explicit { Asked::Explicitly } else { Asked::InPassing },
                delivery: if delivers { Delivery::Cookies } else { Delivery::Nothing },
            },
        }
    }
}

proptest! {
    #[test]
    fn a_generation_never_falls_and_rises_by_one_unless_the_store_was_behind(case in any_case()) {
        let before = case.session.rotation.generation;
        if let Some(next) = run(&case).write() {
            prop_assert!(next.generation >= before);
            prop_assert!(next.generation <= before.next() || case.token.0 == next.generation);
        }
    }

    #[test]
    fn a_session_that_is_over_gets_no_token_and_no_write(case in any_case()) {
        if case.session.ended.is_some() {
            prop_assert!(matches!(run(&case), Decision::Over(_)));
        }
    }

    #[test]
    fn theft_needs_a_dead_token_and_proof(case in any_case()) {
        if run(&case) == Decision::Theft {
            prop_assert!(case.token.0 < case.session.rotation.generation);
            let proven = case.request.mark.is_some_and(|mark| mark > case.token.0);
            let at_once = case.policy.reuse == Reuse::AtOnce && case.request.asked == Asked::Explicitly;
            prop_assert!(proven || at_once);
        }
    }

    #[test]
    fn a_write_keeps_the_row_within_its_bounds(case in any_case()) {
        if let Some(next) = run(&case).write() {
            prop_assert!(next.late <= LATE_MAX);
            prop_assert_eq!(next.delivered_at, NOW);
        }
    }

    #[test]
    fn fifty_requests_at_once_with_the_current_token_make_one_generation(case in any_case()) {
        let mut session = Session { ended: None, ..case.session };
        session.active_at = NOW;
        let token = session.rotation.generation;
        let request = Request { mark: None, asked: Asked::Explicitly, delivery: Delivery::Cookies };
        for _ in 0..50 {
            let presented = Presented::Genuine { session: &session, generation: token, branch: Branch(1) };
            let decision = decide(presented, request, &case.policy, NOW);
            let answered = matches!(decision, Decision::AccessOnly | Decision::Rotate(_) | Decision::Repeat(_));
            prop_assert!(answered, "{:?}", decision);
            if let Some(next) = decision.write() {
                session.rotation = next;
            }
        }
        prop_assert!(session.rotation.generation <= token.next());
    }
}
