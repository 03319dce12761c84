//! Refresh: a refresh token is presented, and the decision says what it yields.
//!
//! This is the only refresh there is: the API's, the pages' and the resumed session's all come here.

use std::{sync::Arc, time::Instant};

use perennial_protocol::{
    audit::{AuditEvent, AuditKind},
    cookie::{Chosen, Selection},
    id::Sid,
    refresh::{Asked, Branch, Decision, Delivery, Generation, Request, Rotation, decide, mark},
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
    flights::Role,
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
        let decide = || decide(presented, request, &service.settings.lifetimes.refresh, now);
        let landed = match selection.chosen {
            Chosen::Genuine { session, token } => {
                let over = session.over(&service.settings.lifetimes.refresh, now);
                let same = Presentation { sid: session.sid, token: (token.generation, token.branch), request, over };
                let shared = service.refreshes.share(same, land(service, session, decide(), now)).await;
                let landed = shared.outcome?;
                if let Some(landed) = &landed {
                    count_landed(&landed.decision, shared.role);
                }
                landed
            }
            Chosen::Nothing | Chosen::Forged(_) | Chosen::Unknown(_) => {
                let refused = decide();
                count(outcome_name(&refused));
                return Err(refuse(service, &keys, &selection, refused, now).await);
            }
        };
        if let Some(landed) = landed {
            return answer(service, &keys, visit, &selection, landed, now).await;
        }
        carried = Carried::load(service, &visit.jar).await?;
    }
    Err(service.busy().into())
}

/// What makes two requests the same to the decision: those under way at once share one, and one write.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Presentation {
    sid: Sid,
    token: (Generation, Branch),
    request: Request,
    /// What was decided while the session lived is not for who has seen it end.
    over: Option<EndReason>,
}

/// A decision that was written, with what its answers need.
#[derive(Debug, Clone)]
pub struct Landed {
    decision: Decision,
    /// The row that it was decided on.
    session: Session,
    person: Person,
}

/// Loads what the answer needs and applies the decision; nothing where another writer was faster. Everything is
/// known before the write, so no generation rises without its token.
async fn land(
    service: &Service,
    session: &Session,
    decision: Decision,
    now: UnixMillis,
) -> Result<Option<Landed>, Refusal> {
    let person = person(service, session).await?;
    Ok(match apply(service, session, &decision, now).await? {
        Applied::Done => Some(Landed { decision, session: session.clone(), person }),
        Applied::Stale => None,
    })
}

/// Writes what the decision asks for, before anything is answered.
async fn apply(service: &Service, session: &Session, decision: &Decision, now: UnixMillis) -> Result<Applied, Refusal> {
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
    visit: &Visit,
    selection: &Selection<'_>,
    landed: Landed,
    now: UnixMillis,
) -> Outcome<Standing> {
    let Landed { decision, mut session, person } = landed;
    let hand_out = match decision {
        Decision::AccessOnly | Decision::GoForward(_) => HandOut::AccessOnly,
        Decision::Rotate(_) | Decision::Repeat(_) => HandOut::Both,
        Decision::Invalid | Decision::Over(_) | Decision::Stale(_) | Decision::Theft => {
            return Err(refuse(service, keys, selection, decision, now).await);
        }
    };
    session.rotation = decision.write().unwrap_or(session.rotation);
    note_conflict(service, selection, now).await;
    let delivered = visit.delivery != Delivery::Never;
    let grant = delivered.then(|| grant::tokens(service, keys, session.clone(), &person, hand_out, now));
    Ok(Standing {
        verdict: Verdict::Authenticated,
        person: Some(person),
        session: Some(SessionFacts::from(&session)),
        access: grant.as_ref().map(|grant| Arc::clone(&grant.access.claims)),
        refresh: RefreshState::Good,
        steps: Vec::new(),
        jar: JarChange { closed: others(service, selection, &session), grant, ..JarChange::default() },
    })
}

async fn refuse(
    service: &Service,
    keys: &Keys,
    selection: &Selection<'_>,
    decision: Decision,
    now: UnixMillis,
) -> Refused {
    match decision {
        Decision::Invalid => invalid(service, selection.chosen.sid()).await.into(),
        Decision::Over(reason) => over(selection, reason),
        Decision::Theft => over(selection, EndReason::Reuse),
        Decision::Stale(generation) => stale(service, keys, selection, generation, now).await,
        Decision::AccessOnly | Decision::GoForward(_) | Decision::Rotate(_) | Decision::Repeat(_) => {
            Refusal::InternalError.into()
        }
    }
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

/// Whoever only waited for a rotation was answered with its outcome once more.
fn count_landed(decision: &Decision, role: Role) {
    match (decision, role) {
        (Decision::Rotate(_), Role::Followed) => count("replayed"),
        (Decision::Theft, Role::Led) => {
            metrics::counter!("perennial_sessions_ended_total", "reason" => "reuse").increment(1);
            count(outcome_name(decision));
        }
        (decision, _) => count(outcome_name(decision)),
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("perennial_refresh_total", "outcome" => outcome).increment(1);
}
