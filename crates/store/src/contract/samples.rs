//! Records to put into a store under test, and the words the promises are written in.

use std::sync::Arc;

use perennial_protocol::{
    admin_key::{AdminKey, AdminKeyName, AdminScope, AdminSecret},
    audit::{AuditEvent, AuditKind},
    claims::Claims,
    id::{SessionKey, Sid, Subject},
    login::{Account, Email, Pending, PendingStep},
    refresh::{Branch, Generation, Parent, Rotation, Salt},
    session::{AssuranceLevel, Authentication, EndReason, Ended, Session},
    time::{Millis, UnixMillis},
};

use crate::{AllowanceKey, Applied, Change, Store, Write};

/// The store under test.
pub type Shared = Arc<dyn Store>;

/// When everything happens unless a promise says otherwise.
pub const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

/// `NOW`, moved by a number of seconds.
pub(super) fn at(seconds: i64) -> UnixMillis {
    NOW.plus(Millis::seconds(seconds))
}

pub(super) fn hash(number: u8) -> [u8; 32] {
    [number; 32]
}

pub(super) fn subject(number: u8) -> Subject {
    Subject::from_random([number; 12])
}

/// A session of `subject(number)` that lives until `at(100)`; every number is another one.
pub(super) fn session(number: u8) -> Session {
    Session {
        sid: Sid([number; 16]),
        session_key: SessionKey::from_random([number; 12]),
        salt: Salt([number ^ 0xff; 16]),
        subject: subject(number),
        created_at: NOW,
        ends_at: at(100),
        active_at: NOW,
        rotation: Rotation::first(NOW),
        ended: None,
        authentication: Authentication { at: NOW, level: AssuranceLevel::One, methods: vec!["pwd".into()] },
        device: "Firefox on Linux".into(),
        claims: Claims::default(),
    }
}

/// One of many sessions that live for ever.
pub fn numbered_session(number: u32) -> Session {
    let mut sid = [0; 16];
    sid[..4].copy_from_slice(&number.to_be_bytes());
    let mut key = [0; 12];
    key[..4].copy_from_slice(&number.to_be_bytes());
    Session {
        sid: Sid(sid),
        session_key: SessionKey::from_random(key),
        salt: Salt([1; 16]),
        subject: Subject::from_random([1; 12]),
        ends_at: UnixMillis(i64::MAX),
        device: "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0".into(),
        ..session(0)
    }
}

pub(super) fn email(name: &str) -> Email {
    Email::parse(&format!("{name}@example.com")).expect("the samples' addresses are addresses")
}

/// An account without a second factor.
pub(super) fn account(number: u8) -> Account {
    Account {
        id: subject(number),
        email: email(&format!("person{number}")),
        name: "Ada".into(),
        password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".into(),
        disabled: false,
        created_at: NOW,
        last_login_at: None,
        second_factor: None,
        claims: Claims::default(),
    }
}

pub(super) fn claims(text: &str) -> Claims {
    Claims::parse(text).expect("the samples' claims are claims")
}

/// Claims with every kind of value, and texts that could be taken for something else.
pub(super) fn strange_claims() -> Claims {
    claims(r#"{"b":{"c":[null,true,-1,18446744073709551615,0.5,"☂ '); --\u0000\n"]},"a":"","ünï%_":[[]]}"#)
}

pub(super) fn key_name(name: &str) -> AdminKeyName {
    AdminKeyName::parse(name).expect("the samples' names are names")
}

/// A key that nobody has used yet.
pub(super) fn admin_key(number: u8, name: &str) -> AdminKey {
    AdminKey {
        name: key_name(name),
        hash: AdminSecret::from_random([number; 32]).hash(),
        scopes: [AdminScope::SessionsIssue].into(),
        created_at: NOW,
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    }
}

/// A step that waits for the code of a mail: three attempts, two resends, until `at(100)`.
pub(super) fn pending(number: u8) -> Pending {
    let step = PendingStep::VerifyEmail {
        email: email("new"),
        name: "Ada".into(),
        password_hash: "$argon2id$".into(),
        code_hash: hash(0xc0),
        resends_left: 2,
    };
    Pending { token_hash: hash(number), step, attempts_left: 3, ends_at: at(100) }
}

/// A step that waits for a second factor.
pub(super) fn pending_factor(number: u8) -> Pending {
    Pending { step: PendingStep::MfaVerify { subject: subject(number) }, ..pending(number) }
}

pub(super) fn event(detail: &str) -> AuditEvent {
    AuditEvent {
        at: NOW,
        kind: AuditKind::SessionStarted,
        subject: Some(subject(1)),
        session_key: Some(session(1).session_key),
        detail: detail.into(),
    }
}

/// Where a session stands after its row was rotated to `generation`.
pub(super) fn rotation(generation: u32) -> Rotation {
    Rotation {
        generation: Generation(generation),
        parent: Parent::Known(Branch(generation.wrapping_mul(7))),
        ..Rotation::first(at(10))
    }
}

/// The next generation, from `generation` with nothing late, at `at(10)`.
pub(super) fn rotate(sid: Sid, generation: u32) -> Write {
    Write::Rotate {
        sid,
        from_generation: Generation(generation),
        from_late: 0,
        to: rotation(generation + 1),
        active_at: at(10),
    }
}

pub(super) fn end(sid: Sid, reason: EndReason) -> Write {
    Write::EndSession { sid, at: at(5), reason }
}

pub(super) fn ended(reason: EndReason) -> Option<Ended> {
    Some(Ended { at: at(5), reason })
}

/// One use of at most `limit` within 60 seconds.
pub(super) fn spend(number: u8, limit: u32, now: UnixMillis) -> Write {
    Write::SpendAllowance { key: AllowanceKey([number; 16]), limit, window: Millis::seconds(60), now }
}

/// A write whose guard cannot hold.
pub(super) fn impossible() -> Write {
    Write::ConsumePending { token_hash: hash(0xee), now: NOW }
}

pub(super) async fn apply(store: &Shared, change: impl Into<Change>) -> Applied {
    store.apply(change.into()).await.expect("the store is available")
}

#[track_caller]
pub(super) fn done(applied: Applied) {
    assert_eq!(applied, Applied::Done);
}

#[track_caller]
pub(super) fn stale(applied: Applied) {
    assert_eq!(applied, Applied::Stale);
}

pub(super) async fn put(store: &Shared, session: &Session) {
    done(apply(store, [Write::InsertSession(session.clone())]).await);
}

pub(super) async fn put_account(store: &Shared, account: &Account) {
    done(apply(store, [Write::InsertAccount(account.clone())]).await);
}

pub(super) async fn put_pending(store: &Shared, pending: &Pending) {
    done(apply(store, [Write::InsertPending(pending.clone())]).await);
}

pub(super) async fn load(store: &Shared, sid: Sid) -> Session {
    let mut sessions = store.load_sessions(&[sid]).await.expect("the store is available");
    assert_eq!(sessions.len(), 1, "a session is there once");
    sessions.remove(0)
}

pub(super) async fn load_account(store: &Shared, id: &Subject) -> Option<Account> {
    store.load_account(id).await.expect("the store is available")
}

pub(super) async fn load_pending(store: &Shared, hashes: &[[u8; 32]]) -> Option<Pending> {
    store.load_pending(hashes).await.expect("the store is available")
}
