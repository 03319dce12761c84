//! Refresh: a refresh token is presented, and the decision says what it yields.
//!
//! This is the only refresh there is: the API's, the pages' and the resumed session's all come here.

use std::{sync::Arc, time::Instant};

use perennial_protocol::{
    audit::{AuditEvent, AuditKind},
    cookie::{Chosen, Selection},
    id::Sid,
    refresh::{Asked, Decision, Generation, Request, Rotation, decide, mark},
    refusal::Refusal,
    session::{EndReason, Session, status::Verdict},
    time::{Millis, UnixMillis},
};
use perennial_store::{Applied, Write};

use super::{
    grant::{self, HandOut},
    person::person,
};
use crate::{
    keys::Keys,
    limits,
    outcome::{JarChange, Mark, Outcome, Person, RefreshState, Refused, SessionFacts, Standing},
    service::Service,
    visit::{Carried, Visit, mark_of, others},
};

/// Refreshes the session that answers for the jar.
pub async fn refresh(service: &Service, visit: &Visit, carried: Carried, asked: Asked) -> Outcome<Standing> {
    let started = Instant::now();
    let outcome = decided_and_applied(service, visit, carried, asked).await;
    metrics::histogram!("perennial_refresh_seconds").record(started.elapsed().as_secs_f64());
    if outcome.as_ref().is_err_and(|refused| matches!(refused.refusal, Refusal::AuthUnavailable { .. })) {
        count("unavailable");
    }
    outcome
}

async fn decided_and_applied(
    service: &Service,
    visit: &Visit,
    mut carried: Carried,
    asked: Asked,
) -> Outcome<Standing> {
    for _ in 0..limits::APPLY_ATTEMPT_MAX {
        let (keys, now) = (service.keys(), service.now());
        let selection = carried.selection(service, &keys, now);
        let Some(presented) = selection.chosen.presented() else { return Err(Refusal::NotAuthenticated.into()) };
        let mark = mark_of(service, &keys, &visit.jar, selection.chosen);
        let request = Request { mark, asked, delivery: visit.delivery };
        let decision = decide(presented, request, &service.settings.lifetimes.refresh, now);

        // Everything the answer needs is known before the write: no generation rises without its token.
        let person = match selection.chosen.session() {
            Some(session) => person(service, session).await?,
            None => Person::default(),
        };
        if apply(service, &selection, &decision, now).await? == Applied::Done {
            return answer(service, &keys, &selection, decision, person, now).await;
        }
        carried = Carried::load(service, &visit.jar).await?;
    }
    Err(service.busy().into())
}

/// Writes what the decision asks for, before anything is answered.
async fn apply(
    service: &Service,
    selection: &Selection<'_>,
    decision: &Decision,
    now: UnixMillis,
) -> Result<Applied, Refusal> {
    let Some(session) = selection.chosen.session() else { return Ok(Applied::Done) };
    let event = |kind, detail: String| Write::Audit(AuditEvent::of_session(session, kind, detail, now));
    let mut writes = Vec::new();
    if let Some(to) = decision.write() {
        let Rotation { generation: from_generation, late: from_late, .. } = session.rotation;
        writes.push(Write::Rotate { sid: session.sid, from_generation, from_late, to, active_at: now });
    }
    match decision {
        Decision::Theft => {
            writes.push(Write::EndSession { sid: session.sid, at: now, reason: EndReason::Reuse });
            writes.push(event(AuditKind::ReuseDetected, String::new()));
        }
        Decision::GoForward(next) => {
            writes.push(event(AuditKind::StoreBehind, format!("went forward to {}", next.generation.0)));
        }
        Decision::AccessOnly | Decision::Repeat(None) => writes.extend(touch(service, session, now)),
        Decision::Invalid
        | Decision::Over(_)
        | Decision::Rotate(_)
        | Decision::Repeat(Some(_))
        | Decision::Stale(_) => {}
    }
    if writes.is_empty() {
        return Ok(Applied::Done);
    }
    service.apply_within(service.store.patience(), writes).await
}

/// Moves the idle end forward where nothing else does, a few times per idle span at most.
fn touch(service: &Service, session: &Session, now: UnixMillis) -> Option<Write> {
    let resolution = Millis(service.settings.lifetimes.refresh.idle.0 / limits::TOUCHES_PER_IDLE);
    (now.since(session.active_at) >= resolution).then_some(Write::Touch { sid: session.sid, at: now })
}

async fn answer(
    service: &Service,
    keys: &Keys,
    selection: &Selection<'_>,
    decision: Decision,
    person: Person,
    now: UnixMillis,
) -> Outcome<Standing> {
    count(outcome_name(&decision));
    let granted = match decision {
        Decision::Invalid => return Err(invalid(service, selection.chosen.sid()).await.into()),
        Decision::Over(reason) => return Err(over(selection, reason)),
        Decision::Theft => {
            metrics::counter!("perennial_sessions_ended_total", "reason" => "reuse").increment(1);
            return Err(over(selection, EndReason::Reuse));
        }
        Decision::Stale(generation) => return Err(stale(service, keys, selection, generation, now).await),
        Decision::AccessOnly => (None, HandOut::AccessOnly),
        Decision::GoForward(next) => (Some(next), HandOut::AccessOnly),
        Decision::Rotate(next) => (Some(next), HandOut::Both),
        Decision::Repeat(window) => (window, HandOut::Both),
    };
    let (write, hand_out) = granted;
    let Some(before) = selection.chosen.session() else { return Err(Refusal::InternalError.into()) };
    let mut session = before.clone();
    session.rotation = write.unwrap_or(session.rotation);
    note_conflict(service, selection, now).await;
    let grant = grant::tokens(service, keys, session.clone(), &person, hand_out, now);
    Ok(Standing {
        verdict: Verdict::Authenticated,
        person: Some(person),
        session: Some(SessionFacts::from(&session)),
        access: Some(Arc::clone(&grant.access.claims)),
        refresh: RefreshState::Good,
        steps: Vec::new(),
        jar: JarChange { closed: others(service, selection, &session), grant: Some(grant), ..JarChange::default() },
    })
}

/// A forged token names a session without harming it; too many of them are not answered for a while.
async fn invalid(service: &Service, named: Option<Sid>) -> Refusal {
    match named {
        None => Refusal::InvalidToken,
        Some(sid) => match service.spend(&service.settings.throttle.forged_refresh(sid)).await {
            Err(Refusal::TooManyAttempts { retry_after }) => Refusal::TooManyAttempts { retry_after },
            Ok(()) | Err(_) => Refusal::InvalidToken,
        },
    }
}

/// The session is over, and its cookies go with the answer.
pub fn over(selection: &Selection<'_>, reason: EndReason) -> Refused {
    let closed = selection.genuine.iter().map(|session| session.session_key.clone()).collect();
    let jar = JarChange { ended: Some(reason), closed, ..JarChange::default() };
    Refused { refusal: Refusal::SessionEnded(reason), jar: Box::new(jar) }
}

async fn stale(
    service: &Service,
    keys: &Keys,
    selection: &Selection<'_>,
    generation: Generation,
    now: UnixMillis,
) -> Refused {
    let Some(session) = selection.chosen.session() else { return Refusal::InvalidToken.into() };
    // The audit line is for a person to read later; that it cannot be written changes no answer. What a
    // stolen token can write is limited.
    if service.spend(&service.settings.throttle.forged_refresh(session.sid)).await.is_ok() {
        let line = AuditEvent::of_session(session, AuditKind::StaleRefused, format!("stands at {}", generation.0), now);
        let _ = service.apply(vec![Write::Audit(line)]).await;
    }
    let value = mark::issue(&keys.mac, session.sid, generation);
    let jar = JarChange { mark: Some(Mark { session: session.session_key.clone(), value }), ..JarChange::default() };
    Refused { refusal: Refusal::StaleToken(generation), jar: Box::new(jar) }
}

/// Several live sessions in one jar: the newest wins, and someone should know.
async fn note_conflict(service: &Service, selection: &Selection<'_>, now: UnixMillis) {
    if let (true, Chosen::Genuine { session, .. }) = (selection.live > 1, selection.chosen) {
        let line =
            AuditEvent::of_session(session, AuditKind::JarConflict, format!("{} live sessions", selection.live), now);
        let _ = service.apply(vec![Write::Audit(line)]).await;
    }
}

const fn outcome_name(decision: &Decision) -> &'static str {
    match decision {
        Decision::Invalid => "invalid",
        Decision::Over(_) => "ended",
        Decision::AccessOnly => "cooldown",
        Decision::Rotate(_) => "rotated",
        Decision::Repeat(_) => "replayed",
        Decision::Stale(_) => "stale",
        Decision::Theft => "reuse",
        Decision::GoForward(_) => "behind",
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("perennial_refresh_total", "outcome" => outcome).increment(1);
}
