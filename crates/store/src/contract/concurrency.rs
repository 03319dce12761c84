//! What a store promises when many ask at once.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Waker},
};

use perennial_protocol::{
    id::Sid,
    login::{Account, Pending},
    refresh::Generation,
    session::{EndReason, Session},
};

use super::{
    foreign::{finish, finish_with, finished, lease, load_foreign, release},
    samples::*,
};
use crate::{Applied, Change, Write};

const CALLERS: u8 = 50;

/// Applies the change of each caller, all at once, and counts those that were done.
async fn winners(store: &Shared, change: impl Fn(u8) -> Change) -> usize {
    let ask = |caller| {
        let (store, change) = (Shared::clone(store), change(caller));
        tokio::spawn(async move { apply(&store, change).await })
    };
    let asked: Vec<_> = (0..CALLERS).map(ask).collect();
    let mut count = 0;
    for answer in asked {
        count += usize::from(answer.await.expect("the caller did not panic") == Applied::Done);
    }
    count
}

pub async fn one_of_many_rotations_of_a_generation_wins(store: &Shared) {
    put(store, &session(1)).await;
    for generation in 0..5 {
        assert_eq!(winners(store, |_| [rotate(session(1).sid, generation)].into()).await, 1);
        assert_eq!(load(store, session(1).sid).await.rotation, rotation(generation + 1));
    }
}

pub async fn one_of_many_acceptances_of_a_step_wins(store: &Shared) {
    put_account(store, &account(1)).await;
    done(apply(store, [Write::SetSecondFactor { account: subject(1), sealed_secret: vec![], last_step: 0 }]).await);
    for step in 1..5 {
        let advance = |_| [Write::AdvanceSecondFactor { account: subject(1), step }].into();
        assert_eq!(winners(store, advance).await, 1);
    }
}

pub async fn one_of_many_takers_of_the_last_attempt_wins(store: &Shared) {
    put_pending(store, &Pending { attempts_left: 1, ..pending(1) }).await;
    put_pending(store, &Pending { attempts_left: 7, ..pending(2) }).await;
    let spend = |number| Write::SpendAttempt { token_hash: hash(number), now: NOW };
    assert_eq!(winners(store, |_| [spend(1)].into()).await, 1);
    assert_eq!(winners(store, |_| [spend(2)].into()).await, 7);
}

pub async fn one_of_many_consumers_of_a_step_wins(store: &Shared) {
    put_pending(store, &pending(1)).await;
    assert_eq!(winners(store, |_| [Write::ConsumePending { token_hash: hash(1), now: NOW }].into()).await, 1);
}

pub async fn one_of_many_users_of_a_recovery_code_wins(store: &Shared) {
    put_account(store, &account(1)).await;
    let hashes = vec![hash(1), hash(2)];
    done(apply(store, [Write::ReplaceRecoveryCodes { account: subject(1), hashes }]).await);
    let use_it = |_| [Write::UseRecoveryCode { account: subject(1), hashes: vec![hash(9), hash(1)] }].into();
    assert_eq!(winners(store, use_it).await, 1);
}

pub async fn one_of_many_accounts_with_one_address_is_inserted(store: &Shared) {
    let insert = |number| [Write::InsertAccount(Account { email: email("same"), ..account(number) })].into();
    assert_eq!(winners(store, insert).await, 1);
    assert_eq!(store.load_accounts(None, 100).await.expect("available").len(), 1);
}

pub async fn an_allowance_is_never_overspent(store: &Shared) {
    assert_eq!(winners(store, |_| [spend(1, 10, NOW)].into()).await, 10);
}

pub async fn one_of_many_takers_of_a_lease_wins(store: &Shared) {
    assert_eq!(winners(store, |caller| [lease(1, caller, 0)].into()).await, 1);
    let found = load_foreign(store, &[hash(1)]).await;
    // Whoever won is the one who can finish, and everybody reads what came of it.
    assert_eq!(winners(store, |caller| [finish(1, caller)].into()).await, 1);
    assert!(found.len() == 1 && found != [finished(1)]);
    let read = |_| {
        let store = Shared::clone(store);
        tokio::spawn(async move { load_foreign(&store, &[hash(1)]).await })
    };
    for reader in (0..CALLERS).map(read).collect::<Vec<_>>() {
        assert!(reader.await.expect("the reader did not panic") == [finished(1)]);
    }
    assert_eq!(winners(store, |caller| [lease(1, caller, 1)].into()).await, 0);
}

/// Two keys are in use, and not everybody thinks of the same one first.
pub async fn one_of_many_takers_of_a_lease_under_several_hashes_wins(store: &Shared) {
    let lease_both = |caller: u8, seconds| {
        let mut both = [lease(1, caller, seconds), lease(2, caller, seconds)];
        both.rotate_left(usize::from(caller % 2));
        // With the lease of a token goes the result of its predecessor.
        let shorten = Write::ShortenForeignResults { successors: vec![hash(1), hash(2)], until: at(50) };
        Change(both.into_iter().chain([shorten]).collect())
    };
    done(apply(store, [lease(3, 0, 0), finish_with(3, 0, Some(hash(2)))]).await);
    assert_eq!(winners(store, |caller| lease_both(caller, 0)).await, 1);
    assert_eq!(load_foreign(store, &[hash(3)]).await[0].ends_at, at(50));
    assert_eq!(winners(store, |caller| lease_both(caller, 29)).await, 0);
    let settle = |caller| [finish(1, caller), release(2, caller)].into();
    assert_eq!(winners(store, settle).await, 1);
    assert!(load_foreign(store, &[hash(1), hash(2)]).await == [finished(1)]);
}

pub async fn a_lease_that_ran_out_has_one_more_winner(store: &Shared) {
    done(apply(store, [lease(1, 100, 0)]).await);
    assert_eq!(winners(store, |caller| [lease(1, caller, 30)].into()).await, 1);
    stale(apply(store, [finish(1, 100)]).await);
    assert_eq!(winners(store, |caller| [finish(1, caller)].into()).await, 1);
}

pub async fn an_end_and_a_rotation_leave_an_ended_session(store: &Shared) {
    for number in 1..10 {
        put(store, &session(number)).await;
        let sid = session(number).sid;
        let change = |caller| [if caller == 25 { end(sid, EndReason::Revoked) } else { rotate(sid, 0) }].into();
        // The end is always done; a rotation is done unless the end came before it.
        assert!((1..=2).contains(&winners(store, change).await));
        assert_eq!(load(store, sid).await.ended, ended(EndReason::Revoked));
        stale(apply(store, [rotate(sid, 1)]).await);
    }
}

pub async fn a_stale_change_harms_none_of_those_around_it(store: &Shared) {
    let change = |number| {
        let mut writes = vec![Write::InsertSession(session(number)), Write::Audit(event(&number.to_string()))];
        writes.extend((number % 2 == 1).then(impossible));
        Change(writes)
    };
    assert_eq!(winners(store, change).await, usize::from(CALLERS / 2));
    let all: Vec<Sid> = (0..CALLERS).map(|number| session(number).sid).collect();
    let mut found = store.load_sessions(&all).await.expect("available");
    found.sort_by_key(|session| session.sid);
    let expected: Vec<Session> = (0..CALLERS).filter(|number| number % 2 == 0).map(session).collect();
    assert_eq!(found, expected);
    assert_eq!(store.load_audit(100).await.expect("available").len(), expected.len());
}

pub async fn many_sessions_rotate_beside_each_other(store: &Shared) {
    let rounds = 20;
    assert_eq!(winners(store, |number| [Write::InsertSession(session(number))].into()).await, usize::from(CALLERS));
    let rotate_often = |number| {
        let store = Shared::clone(store);
        tokio::spawn(async move {
            for generation in 0..rounds {
                done(apply(&store, [rotate(session(number).sid, generation)]).await);
                assert_eq!(load(&store, session(number).sid).await.rotation, rotation(generation + 1));
            }
        })
    };
    for caller in (0..CALLERS).map(rotate_often).collect::<Vec<_>>() {
        caller.await.expect("every rotation was done and seen");
    }
}

pub async fn a_caller_that_goes_away_breaks_nothing(store: &Shared) {
    for number in 1..=CALLERS {
        let change = [Write::InsertSession(session(number)), rotate(session(number).sid, 0)];
        let mut answer = pin!(store.apply(change.into()));
        let _ = answer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    put(store, &session(200)).await;
    done(apply(store, [rotate(session(200).sid, 0)]).await);
    for number in 1..=CALLERS {
        // Nobody knows whether it happened, but it did not happen by half.
        for session in store.load_sessions(&[session(number).sid]).await.expect("available") {
            assert_eq!(session.rotation.generation, Generation(1));
        }
    }
}
