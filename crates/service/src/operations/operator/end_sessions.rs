//! Sessions that the operator ends: one, or all of a subject.

use perennial_protocol::{
    audit::{AuditEvent, AuditKind},
    id::{SessionKey, Subject},
    refusal::Refusal,
    session::{EndReason, Session},
};
use perennial_store::Write;

use super::Operator;
use crate::{limits, service::Service};

/// The session under this key, ended or not.
pub async fn session(service: &Service, key: &SessionKey) -> Result<Session, Refusal> {
    let found = service.ask(limits::STORE_WAIT, service.store.load_session_by_key(key)).await?;
    found.ok_or(Refusal::NotFound)
}

/// Ends one session; one that has ended stays as it ended.
pub async fn end_one(service: &Service, by: &Operator, key: &SessionKey) -> Result<(), Refusal> {
    let (session, at) = (session(service, key).await?, service.now());
    if session.over(&service.settings.lifetimes.refresh, at).is_some() {
        return Ok(());
    }
    let line = AuditEvent::of_session(&session, AuditKind::SessionEnded, by.note(EndReason::Revoked.name()), at);
    let end = Write::EndSession { sid: session.sid, at, reason: EndReason::Revoked };
    let _ = service.apply(vec![end, Write::Audit(line)]).await?;
    metrics::counter!("perennial_sessions_ended_total", "reason" => "revoked").increment(1);
    Ok(())
}

/// Ends every session of a subject but `except`, which has to be one of them.
pub async fn end_all(
    service: &Service,
    by: &Operator,
    subject: &Subject,
    except: Option<&SessionKey>,
) -> Result<(), Refusal> {
    let except = match except {
        None => None,
        Some(key) => {
            let stays = session(service, key).await?;
            if stays.subject != *subject {
                return Err(Refusal::NotFound);
            }
            Some(stays.sid)
        }
    };
    let (at, reason) = (service.now(), EndReason::Revoked);
    let what = if except.is_some() { "all but one revoked" } else { "all revoked" };
    let line = by.line(service, AuditKind::SessionEnded, Some(subject), what);
    let end = Write::EndSessionsOf { subject: subject.clone(), except, at, reason };
    service.apply(vec![end, line]).await.map(drop)
}
