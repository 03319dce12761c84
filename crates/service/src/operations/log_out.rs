//! Logout: the session is dead before the answer leaves.
//!
//! It needs no valid access token, and it is right however often it is asked for. It ends every session
//! whose refresh token the jar carries, of any generation.

use std::collections::BTreeSet;

use perennial_protocol::{
    audit::{AuditEvent, AuditKind},
    login::StepName,
    session::{EndReason, Session},
    token::Transport,
};
use perennial_store::Write;

use super::{list_sessions::authenticated, read_session::access_of};
use crate::{
    limits,
    outcome::{JarChange, Outcome, Sweep},
    service::Service,
    visit::{Carried, Visit},
};

/// Whose sessions end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    ThisJar,
    /// Every session of the person who is logged in here.
    EveryDevice,
}

pub async fn log_out(service: &Service, visit: &Visit, carried: &Carried, scope: Scope) -> Outcome<JarChange> {
    // Where the access token is a bearer, the refresh token ends its own session and opens nothing else.
    if (scope, service.settings.transport) == (Scope::EveryDevice, Transport::Bearer) {
        authenticated(service, visit, carried).await?;
    }
    let (keys, now) = (service.keys(), service.now());
    let selection = carried.selection(service, &keys, now);
    let mut sessions: Vec<Session> = selection.genuine.iter().map(|session| (*session).clone()).collect();
    if let Some(claims) = access_of(service, &keys, visit, now, |_| true) {
        let alone = service.store.load_session_by_key(&claims.sid);
        sessions.extend(service.ask(limits::STORE_WAIT, alone).await?);
    }
    let policy = &service.settings.lifetimes.refresh;
    let live: Vec<&Session> = sessions.iter().filter(|session| session.over(policy, now).is_none()).collect();

    let mut writes = Vec::new();
    for session in &live {
        writes.push(Write::EndSession { sid: session.sid, at: now, reason: EndReason::Logout });
        writes.push(Write::Audit(AuditEvent::of_session(
            session,
            AuditKind::SessionEnded,
            EndReason::Logout.name(),
            now,
        )));
    }
    if scope == Scope::EveryDevice {
        let subjects: BTreeSet<_> = live.iter().map(|session| &session.subject).collect();
        writes.extend(subjects.into_iter().map(|subject| Write::EndSessionsOf {
            subject: subject.clone(),
            except: None,
            at: now,
            reason: EndReason::Logout,
        }));
    }
    if !writes.is_empty() {
        metrics::counter!("perennial_sessions_ended_total", "reason" => "logout").increment(live.len() as u64);
        let _ = service.apply(writes).await?;
    }
    Ok(JarChange {
        closed: sessions.into_iter().map(|session| session.session_key).collect(),
        sweep: Sweep::All,
        finished_steps: StepName::ALL.to_vec(),
        ended: Some(EndReason::Logout),
        ..JarChange::default()
    })
}
