//! What a store promises about sessions.

use std::collections::BTreeSet;

use perennial_protocol::{
    claims::Claims,
    id::{SessionKey, Sid, Subject},
    refresh::{Branch, Generation, Parent, Rotation},
    session::{AssuranceLevel, Authentication, EndReason, Ended, Session},
    time::UnixMillis,
};

use super::samples::*;
use crate::{EndPlace, SessionEnd, Write};

pub async fn a_session_reads_back_exactly_as_it_was_written(store: &Shared) {
    for shape in shapes() {
        put(store, &shape).await;
    }
    for shape in shapes() {
        assert_eq!(load(store, shape.sid).await, shape);
        let by_key = store.load_session_by_key(&shape.session_key).await.expect("available");
        assert_eq!(by_key, Some(shape));
    }
}

fn shapes() -> Vec<Session> {
    let usual = session(1);
    let empty = Session {
        authentication: Authentication { methods: vec![], ..usual.authentication.clone() },
        device: String::new(),
        created_at: UnixMillis(0),
        ends_at: UnixMillis(0),
        active_at: UnixMillis(0),
        rotation: Rotation { parent: Parent::Known(Branch(0)), ..Rotation::first(UnixMillis(0)) },
        ..session(0)
    };
    let largest = Session {
        sid: Sid([0xff; 16]),
        subject: Subject::parse(&"~".repeat(Subject::LENGTH_MAX)).expect("a subject"),
        created_at: UnixMillis(i64::MIN),
        ends_at: UnixMillis(i64::MAX),
        active_at: UnixMillis(-1),
        rotation: Rotation {
            generation: Generation(u32::MAX),
            parent: Parent::Known(Branch(u32::MAX)),
            delivered_at: UnixMillis(i64::MAX),
            late: u8::MAX,
            confirmed: true,
        },
        ended: Some(Ended { at: UnixMillis(i64::MIN), reason: EndReason::Reuse }),
        authentication: Authentication {
            at: UnixMillis(i64::MAX),
            level: AssuranceLevel::Two,
            methods: vec!["pwd".into(), "otp".into()],
        },
        claims: claims(&format!(r#"{{"x":"{}"}}"#, "x".repeat(Claims::BYTES_MAX - 8))),
        ..session(2)
    };
    let strange = Session {
        session_key: SessionKey::parse("-_-_-_-_AZaz09-_").expect("a session key"),
        subject: Subject::parse("%_'\"\\;--").expect("a subject"),
        authentication: Authentication {
            methods: vec![String::new(), "a b".into(), "a,b".into(), "\"'\\\n".into(), "µ ☂ 🦀".into()],
            ..usual.authentication.clone()
        },
        device: "Mózïllä \"5.0\" '; DROP TABLE session; -- \t\r\n \u{202e}🦊\u{10ffff}".into(),
        claims: strange_claims(),
        ..session(3)
    };
    vec![usual, empty, largest, strange]
}

pub async fn every_reason_of_an_end_reads_back(store: &Shared) {
    for (number, reason) in (1..).zip(EndReason::ALL) {
        put(store, &session(number)).await;
        done(apply(store, [end(session(number).sid, reason)]).await);
        assert_eq!(load(store, session(number).sid).await.ended, ended(reason));
    }
}

pub async fn sessions_that_do_not_exist_are_left_out(store: &Shared) {
    put(store, &session(1)).await;
    put(store, &session(2)).await;
    let asked = [session(9).sid, session(2).sid, session(1).sid, session(2).sid];
    let found = store.load_sessions(&asked).await.expect("available");
    let sids: BTreeSet<Sid> = found.iter().map(|session| session.sid).collect();
    assert_eq!((found.len(), sids), (2, BTreeSet::from([session(1).sid, session(2).sid])));
    assert_eq!(store.load_sessions(&[]).await.expect("available"), []);
    assert_eq!(store.load_session_by_key(&session(9).session_key).await.expect("available"), None);
}

pub async fn a_sid_that_is_taken_is_refused(store: &Shared) {
    put(store, &session(1)).await;
    stale(apply(store, [Write::InsertSession(Session { sid: session(1).sid, ..session(2) })]).await);
    assert_eq!(load(store, session(1).sid).await, session(1));
    assert_eq!(store.load_session_by_key(&session(2).session_key).await.expect("available"), None);
}

pub async fn a_session_key_that_is_taken_is_refused(store: &Shared) {
    put(store, &session(1)).await;
    stale(apply(store, [Write::InsertSession(Session { session_key: session(1).session_key, ..session(2) })]).await);
    let owner = store.load_session_by_key(&session(1).session_key).await.expect("available");
    assert_eq!(owner, Some(session(1)));
    assert_eq!(store.load_sessions(&[session(2).sid]).await.expect("available"), []);
}

pub async fn rotate_moves_the_row_and_the_time_of_activity_and_nothing_else(store: &Shared) {
    put(store, &session(1)).await;
    put(store, &session(2)).await;
    let to = Rotation { late: 2, confirmed: true, ..rotation(1) };
    let from_generation = Generation::FIRST;
    let write = Write::Rotate { sid: session(1).sid, from_generation, from_late: 0, to, active_at: at(7) };
    done(apply(store, [write]).await);
    assert_eq!(load(store, session(1).sid).await, Session { rotation: to, active_at: at(7), ..session(1) });
    assert_eq!(load(store, session(2).sid).await, session(2));
}

pub async fn rotate_follows_a_token_that_is_many_generations_ahead(store: &Shared) {
    put(store, &session(1)).await;
    let to = Rotation { generation: Generation(u32::MAX), ..Rotation::first(at(10)) };
    let from_generation = Generation::FIRST;
    let write = Write::Rotate { sid: session(1).sid, from_generation, from_late: 0, to, active_at: at(10) };
    done(apply(store, [write]).await);
    assert_eq!(load(store, session(1).sid).await.rotation, to);
}

pub async fn rotate_needs_a_session(store: &Shared) {
    stale(apply(store, [rotate(session(1).sid, 0)]).await);
    assert_eq!(store.load_sessions(&[session(1).sid]).await.expect("available"), []);
}

pub async fn rotate_needs_the_generation_it_was_decided_for(store: &Shared) {
    put(store, &session(1)).await;
    done(apply(store, [rotate(session(1).sid, 0)]).await);
    let before = load(store, session(1).sid).await;
    stale(apply(store, [rotate(session(1).sid, 0)]).await);
    stale(apply(store, [rotate(session(1).sid, 2)]).await);
    assert_eq!(load(store, session(1).sid).await, before);
}

pub async fn rotate_needs_the_lateness_it_was_decided_for(store: &Shared) {
    let late = Session { rotation: Rotation { late: 1, ..rotation(4) }, ..session(1) };
    put(store, &late).await;
    let again = |from_late| Write::Rotate {
        sid: late.sid,
        from_generation: Generation(4),
        from_late,
        to: Rotation { late: from_late + 1, ..late.rotation },
        active_at: at(20),
    };
    stale(apply(store, [again(0)]).await);
    stale(apply(store, [again(2)]).await);
    assert_eq!(load(store, late.sid).await, late);
    done(apply(store, [again(1)]).await);
    assert_eq!(load(store, late.sid).await.rotation.late, 2);
}

pub async fn an_ended_session_is_never_rotated(store: &Shared) {
    put(store, &session(1)).await;
    done(apply(store, [end(session(1).sid, EndReason::Reuse)]).await);
    let before = load(store, session(1).sid).await;
    stale(apply(store, [rotate(session(1).sid, 0)]).await);
    assert_eq!(load(store, session(1).sid).await, before);
}

pub async fn confirm_holds_at_the_same_generation_only(store: &Shared) {
    put(store, &session(1)).await;
    put(store, &session(2)).await;
    let confirm = |generation| Write::Confirm { sid: session(1).sid, generation: Generation(generation) };
    done(apply(store, [rotate(session(1).sid, 0)]).await);
    done(apply(store, [confirm(0)]).await);
    done(apply(store, [confirm(2)]).await);
    assert!(!load(store, session(1).sid).await.rotation.confirmed);
    done(apply(store, [confirm(1)]).await);
    let confirmed = load(store, session(1).sid).await;
    assert_eq!(confirmed.rotation, Rotation { confirmed: true, ..rotation(1) });
    assert_eq!(confirmed.active_at, at(10));
    assert!(!load(store, session(2).sid).await.rotation.confirmed);
}

pub async fn touch_moves_the_time_of_activity_forward_and_never_back(store: &Shared) {
    put(store, &session(1)).await;
    let touch = |seconds| Write::Touch { sid: session(1).sid, at: at(seconds) };
    done(apply(store, [touch(9)]).await);
    done(apply(store, [touch(3)]).await);
    assert_eq!(load(store, session(1).sid).await, Session { active_at: at(9), ..session(1) });
}

pub async fn the_first_end_of_a_session_stands(store: &Shared) {
    put(store, &session(1)).await;
    put(store, &session(2)).await;
    done(apply(store, [end(session(1).sid, EndReason::Reuse)]).await);
    let later = Write::EndSession { sid: session(1).sid, at: at(9), reason: EndReason::Logout };
    done(apply(store, [later]).await);
    let everywhere =
        Write::EndSessionsOf { subject: subject(1), except: None, at: at(9), reason: EndReason::PasswordChanged };
    done(apply(store, [everywhere]).await);
    assert_eq!(load(store, session(1).sid).await, Session { ended: ended(EndReason::Reuse), ..session(1) });
    assert_eq!(load(store, session(2).sid).await, session(2));
}

pub async fn every_session_of_a_subject_ends_but_for_the_one_that_stays(store: &Shared) {
    for number in [1, 2, 3] {
        put(store, &Session { subject: subject(1), ..session(number) }).await;
    }
    put(store, &session(4)).await;
    let end_but_for =
        |except| Write::EndSessionsOf { subject: subject(1), except, at: at(5), reason: EndReason::PasswordChanged };
    done(apply(store, [end_but_for(Some(session(2).sid))]).await);
    for (number, expected) in [(1, true), (2, false), (3, true), (4, false)] {
        let expected = if expected { ended(EndReason::PasswordChanged) } else { None };
        assert_eq!(load(store, session(number).sid).await.ended, expected, "session {number}");
    }
    done(apply(store, [end_but_for(None)]).await);
    assert_eq!(load(store, session(2).sid).await.ended, ended(EndReason::PasswordChanged));
    assert_eq!(load(store, session(4).sid).await.ended, None);
}

pub async fn reauthenticate_replaces_how_the_person_proved_who_they_are(store: &Shared) {
    put(store, &session(1)).await;
    put(store, &session(2)).await;
    done(apply(store, [reauthenticate(session(1).sid)]).await);
    assert_eq!(load(store, session(1).sid).await, Session { authentication: proof(), ..session(1) });
    assert_eq!(load(store, session(2).sid).await, session(2));
}

pub async fn reauthenticate_needs_a_session_that_has_not_ended(store: &Shared) {
    stale(apply(store, [reauthenticate(session(1).sid)]).await);
    put(store, &session(1)).await;
    done(apply(store, [end(session(1).sid, EndReason::Logout)]).await);
    stale(apply(store, [reauthenticate(session(1).sid)]).await);
    assert_eq!(load(store, session(1).sid).await.authentication, session(1).authentication);
}

fn proof() -> Authentication {
    Authentication { at: at(8), level: AssuranceLevel::Two, methods: vec!["pwd".into(), "otp".into()] }
}

fn reauthenticate(sid: Sid) -> Write {
    Write::Reauthenticate { sid, authentication: proof() }
}

pub async fn writes_without_a_guard_do_nothing_to_a_session_that_does_not_exist(store: &Shared) {
    let sid = session(1).sid;
    done(apply(store, [Write::Confirm { sid, generation: Generation::FIRST }]).await);
    done(apply(store, [Write::Touch { sid, at: at(1) }]).await);
    done(apply(store, [end(sid, EndReason::Logout)]).await);
    let of_nobody = Write::EndSessionsOf { subject: subject(1), except: None, at: NOW, reason: EndReason::Logout };
    done(apply(store, [of_nobody]).await);
    assert_eq!(store.load_sessions(&[sid]).await.expect("available"), []);
}

pub async fn the_sessions_of_a_subject_come_newest_first_up_to_the_limit(store: &Shared) {
    for (number, created) in [(1, 20), (2, 40), (3, 10), (4, 30)] {
        put(store, &Session { subject: subject(1), created_at: at(created), ..session(number) }).await;
    }
    put(store, &Session { created_at: at(50), ..session(5) }).await;
    assert_eq!(sids_of(store, 1, 10).await, [2, 4, 1, 3].map(|number| session(number).sid));
    assert_eq!(sids_of(store, 1, 2).await, [2, 4].map(|number| session(number).sid));
    assert_eq!(sids_of(store, 1, 0).await, []);
    assert_eq!(sids_of(store, 1, usize::MAX).await.len(), 4);
    assert_eq!(sids_of(store, 9, 10).await, []);
}

pub async fn the_sessions_of_a_subject_are_those_that_live(store: &Shared) {
    for (number, ends) in [(1, 100), (2, 1), (3, 0), (4, -1), (5, 100)] {
        put(store, &Session { subject: subject(1), ends_at: at(ends), ..session(number) }).await;
    }
    done(apply(store, [end(session(5).sid, EndReason::Revoked)]).await);
    let living: BTreeSet<Sid> = sids_of(store, 1, 10).await.into_iter().collect();
    assert_eq!(living, BTreeSet::from([session(1).sid, session(2).sid]));
}

pub async fn ends_are_told_in_the_order_of_their_times(store: &Shared) {
    for number in 1..=5 {
        put(store, &session(number)).await;
    }
    for (number, seconds, reason) in [(3, 7, EndReason::Reuse), (1, 9, EndReason::Logout), (5, 7, EndReason::Revoked)] {
        done(apply(store, [Write::EndSession { sid: session(number).sid, at: at(seconds), reason }]).await);
    }
    let all = Write::EndSessionsOf { subject: subject(2), except: None, at: at(8), reason: EndReason::PasswordChanged };
    done(apply(store, [all]).await);
    let told = store.load_ends(EndPlace::before(NOW), 10).await.expect("available");
    let expected = [
        (3, 7, EndReason::Reuse),
        (5, 7, EndReason::Revoked),
        (2, 8, EndReason::PasswordChanged),
        (1, 9, EndReason::Logout),
    ];
    let expected = expected.map(|(number, seconds, reason)| SessionEnd {
        sid: session(number).sid,
        session_key: session(number).session_key,
        ended: Ended { at: at(seconds), reason },
    });
    assert_eq!(told, expected);
}

pub async fn ends_are_told_after_a_place_and_up_to_the_limit(store: &Shared) {
    for number in 1..=5 {
        put(store, &session(number)).await;
        let write =
            Write::EndSession { sid: session(number).sid, at: at(i64::from(number / 2)), reason: EndReason::Logout };
        done(apply(store, [write]).await);
    }
    let told = async |after, limit| {
        let ends = store.load_ends(after, limit).await.expect("available");
        ends.into_iter().map(|end| end.sid.0[0]).collect::<Vec<_>>()
    };
    assert_eq!(told(EndPlace::before(at(1)), 10).await, [2, 3, 4, 5]);
    assert_eq!(told(EndPlace { at: at(1), sid: session(2).sid }, 2).await, [3, 4]);
    assert!(told(EndPlace::before(at(3)), 10).await.is_empty());
    assert!(told(EndPlace::before(UnixMillis(i64::MIN)), 0).await.is_empty());
}

async fn sids_of(store: &Shared, number: u8, limit: usize) -> Vec<Sid> {
    let sessions = store.load_sessions_of(&subject(number), NOW, limit).await.expect("available");
    sessions.into_iter().map(|session| session.sid).collect()
}
