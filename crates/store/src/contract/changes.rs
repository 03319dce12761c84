//! What a store promises about changes as a whole, about the audit log, and about what is forgotten.

use perennial_protocol::{
    audit::{AuditEvent, AuditKind},
    id::{Sid, Subject},
    login::Pending,
    refresh::Generation,
    session::{AssuranceLevel, Authentication, EndReason, Session},
    time::UnixMillis,
};

use super::{
    foreign::{finish, finish_with, lease, load_foreign, release},
    samples::*,
};
use crate::{AllowanceKey, Change, Write};

pub async fn a_change_of_nothing_is_done(store: &Shared) {
    done(apply(store, Change::default()).await);
}

pub async fn later_writes_of_a_change_see_earlier_ones(store: &Shared) {
    let sid = session(1).sid;
    done(apply(store, [Write::InsertSession(session(1)), rotate(sid, 0), rotate(sid, 1)]).await);
    assert_eq!(load(store, sid).await.rotation, rotation(2));
    stale(apply(store, [end(sid, EndReason::Logout), rotate(sid, 2)]).await);
    stale(apply(store, [Write::InsertSession(session(2)), Write::InsertSession(session(2))]).await);
    assert_eq!(load(store, sid).await.ended, None);
    assert_eq!(store.load_sessions(&[session(2).sid]).await.expect("available"), []);
}

pub async fn a_guard_that_does_not_hold_undoes_every_earlier_write(store: &Shared) {
    prepare(store).await;
    let before = everything(store).await;
    for (number, write) in one_of_each().into_iter().enumerate() {
        stale(apply(store, [write, impossible()]).await);
        assert_eq!(everything(store).await, before, "write {number} of one_of_each was not undone");
    }
    let mut all = one_of_each();
    all.push(impossible());
    stale(apply(store, Change(all)).await);
    assert_eq!(everything(store).await, before);
    // Recovery codes cannot be loaded, but they can be used.
    done(apply(store, [Write::UseRecoveryCode { account: subject(1), hashes: vec![hash(1)] }]).await);
}

pub async fn a_change_of_every_kind_of_write_is_done(store: &Shared) {
    prepare(store).await;
    let before = everything(store).await;
    done(apply(store, Change(one_of_each())).await);
    assert_ne!(everything(store).await, before);
}

async fn prepare(store: &Shared) {
    put(store, &session(1)).await;
    put(store, &Session { subject: subject(1), ..session(2) }).await;
    put_account(store, &account(1)).await;
    let factor = Write::SetSecondFactor { account: subject(1), sealed_secret: vec![1], last_step: 1 };
    let codes = Write::ReplaceRecoveryCodes { account: subject(1), hashes: vec![hash(1)] };
    let insert = [Write::InsertPending(pending(1)), Write::InsertPending(pending(2))];
    done(apply(store, [factor, codes, spend(1, 5, NOW), spend(2, 5, NOW)]).await);
    done(apply(store, insert).await);
    done(apply(store, [Write::InsertAdminKey(admin_key(1, "one"))]).await);
    done(apply(store, [lease(1, 7, 0), lease(2, 7, 0), lease(4, 7, 0)]).await);
    done(apply(store, [finish_with(4, 7, Some(hash(9)))]).await);
}

fn one_of_each() -> Vec<Write> {
    let (sid, account) = (session(1).sid, || subject(1));
    let authentication = Authentication { at: at(3), level: AssuranceLevel::Two, methods: vec![] };
    vec![
        Write::InsertSession(session(3)),
        rotate(sid, 0),
        Write::Confirm { sid, generation: Generation(1) },
        Write::Touch { sid, at: at(50) },
        Write::Reauthenticate { sid, authentication },
        end(sid, EndReason::Logout),
        Write::EndSessionsOf { subject: account(), except: None, at: at(1), reason: EndReason::Revoked },
        Write::InsertAccount(super::samples::account(2)),
        Write::ExpectPassword { account: account(), password_hash: super::samples::account(1).password_hash },
        Write::SetPasswordHash { account: account(), password_hash: "$other".into() },
        Write::SetDisabled { account: account(), disabled: true },
        Write::ReplacePasswordHash { account: account(), from: "$other".into(), to: "$better".into() },
        Write::SetClaims { account: account(), claims: strange_claims() },
        Write::RecordLogin { account: account(), at: at(4) },
        Write::SetSecondFactor { account: account(), sealed_secret: vec![2], last_step: 2 },
        Write::AdvanceSecondFactor { account: account(), step: 3 },
        Write::UseRecoveryCode { account: account(), hashes: vec![hash(1)] },
        Write::ReplaceRecoveryCodes { account: account(), hashes: vec![hash(2)] },
        Write::InsertPending(pending(3)),
        Write::SpendAttempt { token_hash: hash(1), now: NOW },
        Write::ReplaceCode { token_hash: hash(1), code_hash: hash(0xc1), attempts: 9, now: NOW },
        Write::ConsumePending { token_hash: hash(2), now: NOW },
        Write::RemovePendingOf { subject: account() },
        spend(1, 5, NOW),
        spend(3, 5, NOW),
        Write::ClearAllowance { key: AllowanceKey([2; 16]) },
        Write::RefundAllowance { key: AllowanceKey([1; 16]) },
        Write::InsertAdminKey(admin_key(2, "two")),
        Write::UseAdminKey { name: key_name("one"), at: at(6) },
        Write::RevokeAdminKey { name: key_name("one"), at: at(7) },
        lease(3, 7, 0),
        release(2, 7),
        finish(1, 7),
        Write::ShortenForeignResults { successors: vec![hash(9)], until: NOW },
        Write::Audit(event("undone")),
    ]
}

/// All that can be loaded, as text, with the parts that a record does not print.
async fn everything(store: &Shared) -> String {
    let mut sessions = store.load_sessions(&[1, 2, 3].map(|number| session(number).sid)).await.expect("available");
    sessions.sort_by_key(|session| session.sid);
    let mut text = format!("{sessions:?}");
    for account in store.load_accounts(None, 10).await.expect("available") {
        let factor = account.second_factor.map(|factor| (factor.sealed_secret, factor.last_step));
        let fields = (account.email.as_str(), account.password_hash, account.disabled, account.last_login_at, factor);
        text += &format!("{fields:?}{}", account.claims.to_json());
    }
    for key in store.load_admin_keys(10).await.expect("available") {
        text += &format!("{key:?}{:?}{:?}", key.last_used_at, key.revoked_at);
    }
    for number in [1, 2, 3] {
        let pending: Option<Pending> = load_pending(store, &[hash(number)]).await;
        let code = pending.as_ref().map(|pending| pending.step == super::samples::pending(number).step);
        let allowance = store.load_allowance(&AllowanceKey([number; 16])).await.expect("available");
        text += &format!("{pending:?}{code:?}{allowance:?}");
    }
    let mut foreign = load_foreign(store, &[1, 2, 3, 4].map(hash)).await;
    foreign.sort_by_key(|refresh| refresh.token_hash);
    for refresh in foreign {
        text += &format!("{:?}{refresh:?}", refresh.token_hash);
    }
    text + &format!("{:?}", store.load_audit(10).await.expect("available"))
}

pub async fn loads_see_what_was_applied_before_they_began(store: &Shared) {
    let sid = session(1).sid;
    put(store, &session(1)).await;
    for generation in 0..200 {
        done(apply(store, [rotate(sid, generation)]).await);
        assert_eq!(load(store, sid).await.rotation.generation, Generation(generation + 1));
    }
}

pub async fn audit_events_come_newest_first_up_to_the_limit(store: &Shared) {
    assert_eq!(store.load_audit(10).await.expect("available"), []);
    for detail in ["one", "two"] {
        done(apply(store, [Write::Audit(event(detail))]).await);
    }
    done(apply(store, [Write::Audit(event("three")), Write::Audit(event("four"))]).await);
    assert_eq!(details(store, 10).await, ["four", "three", "two", "one"]);
    assert_eq!(details(store, usize::MAX).await, ["four", "three", "two", "one"]);
    assert_eq!(details(store, 2).await, ["four", "three"]);
    assert_eq!(details(store, 0).await, [""; 0]);
}

async fn details(store: &Shared, limit: usize) -> Vec<String> {
    store.load_audit(limit).await.expect("available").into_iter().map(|event| event.detail).collect()
}

pub async fn an_audit_event_reads_back_exactly_as_it_was_written(store: &Shared) {
    let mut events = Vec::new();
    for (number, kind) in (1..).zip(AuditKind::ALL) {
        let session_key = Some(session(number).session_key);
        let detail = String::new();
        events.push(AuditEvent { at: UnixMillis(i64::from(number)), kind, subject: None, session_key, detail });
    }
    let subject = Subject::parse(&"~".repeat(Subject::LENGTH_MAX)).expect("a subject");
    let detail = "'); DROP TABLE audit; -- \"\\\t\r\n\u{202e}🦀\u{10ffff}".to_owned();
    let (at, kind) = (UnixMillis(i64::MAX), AuditKind::StoreBehind);
    events.push(AuditEvent { at, kind, subject: Some(subject), session_key: None, detail });
    done(apply(store, Change(events.iter().cloned().map(Write::Audit).collect())).await);
    events.reverse();
    assert_eq!(store.load_audit(100).await.expect("available"), events);
}

pub async fn sweep_forgets_what_is_over_and_keeps_the_rest(store: &Shared) {
    for (number, ends) in [(1, -1), (2, 0), (3, 100), (4, -1)] {
        put(store, &Session { ends_at: at(ends), ..session(number) }).await;
        put_pending(store, &Pending { ends_at: at(ends), ..pending(number) }).await;
        done(apply(store, [spend(number, 1, at(ends - 60))]).await);
    }
    done(apply(store, [end(session(2).sid, EndReason::Logout), end(session(4).sid, EndReason::Logout)]).await);
    put_account(store, &account(1)).await;
    done(apply(store, [Write::Audit(event("kept"))]).await);

    assert_eq!(store.sweep(NOW, 100).await.expect("available"), 6);
    for (number, stays) in [(1, false), (2, true), (3, true), (4, false)] {
        assert_eq!(left(store, number).await, [stays; 4], "number {number}");
    }
    assert_eq!(load(store, session(2).sid).await.ended, ended(EndReason::Logout));
    assert!(load_account(store, &subject(1)).await.is_some());
    assert_eq!(details(store, 10).await, ["kept"]);
    assert_eq!(store.sweep(NOW, 100).await.expect("available"), 0);
}

/// Whether each of the records of `number` is there: session by sid and by key, pending step, allowance.
async fn left(store: &Shared, number: u8) -> [bool; 4] {
    let sids: &[Sid] = &[session(number).sid];
    [
        !store.load_sessions(sids).await.expect("available").is_empty(),
        store.load_session_by_key(&session(number).session_key).await.expect("available").is_some(),
        load_pending(store, &[hash(number)]).await.is_some(),
        store.load_allowance(&AllowanceKey([number; 16])).await.expect("available").is_some(),
    ]
}

pub async fn sweep_forgets_at_most_so_many_rows_of_each(store: &Shared) {
    for number in 1..=5 {
        put(store, &Session { ends_at: at(-1), ..session(number) }).await;
        done(apply(store, [spend(number, 1, at(-100))]).await);
    }
    put_pending(store, &Pending { ends_at: at(-1), ..pending(1) }).await;
    for (limit, expected) in [(0, 0), (2, 2 + 1 + 2), (2, 2 + 2), (usize::MAX, 1 + 1), (2, 0)] {
        assert_eq!(store.sweep(NOW, limit).await.expect("available"), expected, "limit {limit}");
    }
}

pub async fn the_names_of_a_swept_session_are_free_again(store: &Shared) {
    put(store, &Session { ends_at: at(-1), ..session(1) }).await;
    assert_eq!(store.sweep(NOW, 10).await.expect("available"), 1);
    put(store, &session(1)).await;
    assert_eq!(load(store, session(1).sid).await, session(1));
}
