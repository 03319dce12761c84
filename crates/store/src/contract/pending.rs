//! What a store promises about logins that are not finished.

use perennial_protocol::{
    id::{Sid, Subject},
    login::{Email, Pending, PendingStep},
    time::UnixMillis,
};

use super::samples::*;
use crate::{Applied, Write};

pub async fn a_pending_step_reads_back_exactly_as_it_was_written(store: &Shared) {
    for shape in shapes() {
        put_pending(store, &shape).await;
    }
    for shape in shapes() {
        same(load_pending(store, &[shape.token_hash]).await.as_ref(), &shape);
    }
}

/// A step tells only its name when it is printed, so a difference is named by its part.
#[track_caller]
fn same(found: Option<&Pending>, expected: &Pending) {
    let found = found.expect("the step is there");
    assert_eq!(found.token_hash, expected.token_hash);
    assert_eq!((found.attempts_left, found.ends_at), (expected.attempts_left, expected.ends_at));
    assert!(found.step == expected.step, "another {:?} than the one that was written", expected.step);
}

fn shapes() -> Vec<Pending> {
    let mail = |email: &str, text: &str, number| PendingStep::VerifyEmail {
        email: Email::parse(email).expect("an address"),
        name: text.into(),
        password_hash: text.into(),
        code_hash: hash(number),
        resends_left: number,
    };
    let setup = |sealed_secret, within| PendingStep::MfaSetup { subject: subject(1), sealed_secret, within };
    let longest = Subject::parse(&"~".repeat(Subject::LENGTH_MAX)).expect("a subject");
    let steps = [
        mail("a@b", "", 0),
        mail("öländ+☂@exämple.com", "'); DROP TABLE pending; -- \"\\\t\r\n\u{202e}🦀", u8::MAX),
        setup(vec![], None),
        setup((0..=255).collect(), Some(Sid([0; 16]))),
        PendingStep::MfaVerify { subject: longest },
    ];
    let mut shapes = Vec::new();
    for (number, step) in (1..).zip(steps) {
        let few = Pending { token_hash: hash(number), step, attempts_left: 0, ends_at: UnixMillis(i64::MIN) };
        let (attempts_left, ends_at) = (u8::MAX, UnixMillis(i64::MAX));
        shapes.push(Pending { token_hash: hash(number + 100), attempts_left, ends_at, ..few.clone() });
        shapes.push(few);
    }
    shapes
}

pub async fn a_token_hash_that_is_taken_is_refused(store: &Shared) {
    put_pending(store, &pending(1)).await;
    stale(apply(store, [Write::InsertPending(pending_factor(1))]).await);
    same(load_pending(store, &[hash(1)]).await.as_ref(), &pending(1));
}

pub async fn a_pending_step_is_found_under_the_first_hash_that_is_known(store: &Shared) {
    put_pending(store, &pending(1)).await;
    put_pending(store, &pending_factor(2)).await;
    same(load_pending(store, &[hash(9), hash(2), hash(1)]).await.as_ref(), &pending_factor(2));
    same(load_pending(store, &[hash(1), hash(2)]).await.as_ref(), &pending(1));
    assert!(load_pending(store, &[hash(9), hash(8)]).await.is_none());
    assert!(load_pending(store, &[]).await.is_none());
}

pub async fn attempts_are_spent_down_to_the_last(store: &Shared) {
    put_pending(store, &pending(1)).await;
    put_pending(store, &pending(2)).await;
    for attempts_left in [2, 1, 0] {
        done(spend_attempt(store, 0).await);
        same(load_pending(store, &[hash(1)]).await.as_ref(), &Pending { attempts_left, ..pending(1) });
    }
    stale(spend_attempt(store, 0).await);
    same(load_pending(store, &[hash(1)]).await.as_ref(), &Pending { attempts_left: 0, ..pending(1) });
    same(load_pending(store, &[hash(2)]).await.as_ref(), &pending(2));
}

pub async fn an_attempt_needs_a_step_whose_time_is_not_over(store: &Shared) {
    stale(spend_attempt(store, 0).await);
    put_pending(store, &pending(1)).await;
    done(spend_attempt(store, 99).await);
    stale(spend_attempt(store, 100).await);
    stale(spend_attempt(store, 101).await);
    same(load_pending(store, &[hash(1)]).await.as_ref(), &Pending { attempts_left: 2, ..pending(1) });
}

pub async fn a_new_code_takes_one_resend_and_gives_new_attempts(store: &Shared) {
    put_pending(store, &pending(1)).await;
    put_pending(store, &pending(2)).await;
    done(spend_attempt(store, 0).await);
    for resends in [1, 0] {
        done(replace_code(store, 0).await);
        let mut expected = Pending { attempts_left: 5, ..pending(1) };
        if let PendingStep::VerifyEmail { code_hash, resends_left, .. } = &mut expected.step {
            (*code_hash, *resends_left) = (hash(0xc1), resends);
        }
        same(load_pending(store, &[hash(1)]).await.as_ref(), &expected);
    }
    stale(replace_code(store, 0).await);
    same(load_pending(store, &[hash(2)]).await.as_ref(), &pending(2));
}

pub async fn a_new_code_needs_a_step_whose_time_is_not_over(store: &Shared) {
    stale(replace_code(store, 0).await);
    put_pending(store, &pending(1)).await;
    stale(replace_code(store, 100).await);
    stale(replace_code(store, 101).await);
    same(load_pending(store, &[hash(1)]).await.as_ref(), &pending(1));
    done(replace_code(store, 99).await);
}

pub async fn a_new_code_needs_a_step_that_waits_for_one(store: &Shared) {
    put_pending(store, &pending_factor(1)).await;
    stale(replace_code(store, 0).await);
    same(load_pending(store, &[hash(1)]).await.as_ref(), &pending_factor(1));
}

pub async fn a_step_is_consumed_once(store: &Shared) {
    put_pending(store, &pending(1)).await;
    put_pending(store, &pending(2)).await;
    done(consume(store, 0).await);
    assert!(load_pending(store, &[hash(1)]).await.is_none());
    stale(consume(store, 0).await);
    same(load_pending(store, &[hash(2)]).await.as_ref(), &pending(2));
}

pub async fn the_steps_of_one_person_are_removed_and_no_others(store: &Shared) {
    let set_up = PendingStep::MfaSetup { subject: subject(1), sealed_secret: vec![1], within: None };
    let setting_up = Pending { step: set_up, ..pending(4) };
    let mine = Pending { token_hash: hash(5), ..pending_factor(1) };
    for step in [pending(1), pending_factor(2), setting_up, mine] {
        put_pending(store, &step).await;
    }
    done(apply(store, [Write::RemovePendingOf { subject: subject(1) }]).await);
    done(apply(store, [Write::RemovePendingOf { subject: subject(9) }]).await);
    for (number, stays) in [(1, true), (2, true), (4, false), (5, false)] {
        assert_eq!(load_pending(store, &[hash(number)]).await.is_some(), stays, "step {number}");
    }
}

pub async fn a_step_can_be_consumed_with_its_last_attempt(store: &Shared) {
    put_pending(store, &Pending { attempts_left: 1, ..pending(1) }).await;
    let spend = Write::SpendAttempt { token_hash: hash(1), now: NOW };
    done(apply(store, [spend, Write::ConsumePending { token_hash: hash(1), now: NOW }]).await);
    assert!(load_pending(store, &[hash(1)]).await.is_none());
}

pub async fn a_step_whose_time_is_over_is_not_consumed_and_can_still_be_loaded(store: &Shared) {
    put_pending(store, &pending(1)).await;
    stale(consume(store, 100).await);
    stale(consume(store, 101).await);
    same(load_pending(store, &[hash(1)]).await.as_ref(), &pending(1));
    done(consume(store, 99).await);
}

async fn spend_attempt(store: &Shared, seconds: i64) -> Applied {
    apply(store, [Write::SpendAttempt { token_hash: hash(1), now: at(seconds) }]).await
}

async fn replace_code(store: &Shared, seconds: i64) -> Applied {
    let write = Write::ReplaceCode { token_hash: hash(1), code_hash: hash(0xc1), attempts: 5, now: at(seconds) };
    apply(store, [write]).await
}

async fn consume(store: &Shared, seconds: i64) -> Applied {
    apply(store, [Write::ConsumePending { token_hash: hash(1), now: at(seconds) }]).await
}
