//! Ending one session from the device list. Another person's session looks like none.

use perennial_protocol::{
    audit::{AuditEvent, AuditKind},
    id::SessionKey,
    refusal::Refusal,
    session::{EndReason, Session},
};
use perennial_store::Write;

use super::list_sessions::authenticated;
use crate::{
    limits,
    outcome::{JarChange, Outcome},
    service::Service,
    visit::{Carried, Visit},
};

pub async fn end_session(service: &Service, visit: &Visit, carried: &Carried, key: &str) -> Outcome<JarChange> {
    let here = authenticated(service, visit, carried).await?;
    end_from(service, &here, key).await
}

/// Ends a session of the person whose session `here` is.
pub async fn end_from(service: &Service, here: &Session, key: &str) -> Outcome<JarChange> {
    let key = SessionKey::parse(key).map_err(|_| Refusal::NotFound)?;
    let found = service.ask(limits::STORE_WAIT, service.store.load_session_by_key(&key)).await?;
    let now = service.now();
    let policy = &service.settings.lifetimes.refresh;
    let session = found
        .filter(|session| session.subject == here.subject && session.over(policy, now).is_none())
        .ok_or(Refusal::NotFound)?;

    let line = AuditEvent::of_session(&session, AuditKind::SessionEnded, EndReason::Revoked.name(), now);
    let end = Write::EndSession { sid: session.sid, at: now, reason: EndReason::Revoked };
    let _ = service.apply(vec![end, Write::Audit(line)]).await?;
    metrics::counter!("perennial_sessions_ended_total", "reason" => "revoked").increment(1);
    if session.sid == here.sid {
        return Ok(JarChange {
            closed: vec![session.session_key],
            ended: Some(EndReason::Revoked),
            ..JarChange::default()
        });
    }
    Ok(JarChange::default())
}
