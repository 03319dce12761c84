//! The end of every login: a session begins, and every session whose token the jar carried is over.

use std::sync::Arc;

use perennial_protocol::{
    audit::{AuditEvent, AuditKind},
    claims::Claims,
    cookie::Jar,
    id::{SessionKey, Sid, Subject},
    login::{StepName, known},
    refresh::{Rotation, Salt},
    refusal::Refusal,
    session::{Authentication, EndReason, Session, status::Verdict},
    time::UnixMillis,
};
use perennial_store::{Applied, Write};

use super::{
    grant::{self, HandOut},
    operator::Operator,
    person::person,
};
use crate::{
    entropy, limits,
    outcome::{JarChange, Outcome, RefreshState, SessionFacts, Standing, Sweep},
    service::Service,
    visit::{Carried, Visit},
};

/// A login that came to its end.
#[derive(Debug)]
pub struct Beginning {
    pub subject: Subject,
    pub authentication: Authentication,
    pub origin: Origin,
    /// What has to happen together with the new session, such as the end of a pending step.
    pub together_with: Vec<Write>,
}

/// How the session came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A person of our own accounts logged in.
    Login,
    /// The operator asked for it, and said this of whom it speaks for.
    Issued { claims: Claims, by: Operator },
}

/// Starts the session; `None` if something it depends on did not hold any more, and nothing happened.
pub async fn begin(
    service: &Service,
    visit: &Visit,
    carried: &Carried,
    beginning: Beginning,
) -> Outcome<Option<Standing>> {
    let (keys, now) = (service.keys(), service.now());
    let selection = carried.selection(service, &keys, now);
    let Beginning { subject, authentication, origin, together_with: mut writes } = beginning;
    let claims = match &origin {
        Origin::Login => Claims::default(),
        Origin::Issued { claims, .. } => claims.clone(),
    };
    let session = new_session(service, visit, subject, authentication, claims, now)?;

    writes.push(Write::InsertSession(session.clone()));
    for former in selection.genuine.iter().filter(|former| former.ended.is_none()) {
        writes.push(Write::EndSession { sid: former.sid, at: now, reason: EndReason::Logout });
    }
    if origin == Origin::Login {
        writes.push(Write::RecordLogin { account: session.subject.clone(), at: now });
    }
    writes.push(Write::Audit(started(&session, &origin, now)));
    if service.apply(writes).await? == Applied::Stale {
        return Ok(None);
    }

    let closed = selection.genuine.iter().map(|former| former.session_key.clone()).collect();
    let known = (origin == Origin::Login).then(|| {
        let nonce = entropy::bytes(&*service.entropy);
        known::remember(&keys.mac, &session.subject, nonce, visit.jar.known(&service.settings.cookies))
    });
    let facts = SessionFacts::from(&session);
    let person = person(service, &session).await?;
    let grant = grant::tokens(service, &keys, session, &person, HandOut::Both, now);
    Ok(Some(Standing {
        verdict: Verdict::Authenticated,
        session: Some(facts),
        person: Some(person),
        access: Some(Arc::clone(&grant.access.claims)),
        refresh: RefreshState::Good,
        steps: Vec::new(),
        jar: JarChange {
            grant: Some(grant),
            finished_steps: StepName::ALL.to_vec(),
            closed,
            sweep: Sweep::All,
            known,
            ..JarChange::default()
        },
    }))
}

fn new_session(
    service: &Service,
    visit: &Visit,
    subject: Subject,
    authentication: Authentication,
    claims: Claims,
    now: UnixMillis,
) -> Result<Session, Refusal> {
    Ok(Session {
        sid: Sid(entropy::bytes(&*service.entropy)),
        session_key: free_key(service, &visit.jar, now).ok_or(Refusal::InternalError)?,
        salt: Salt(entropy::bytes(&*service.entropy)),
        subject,
        created_at: now,
        ends_at: now.plus(service.settings.lifetimes.absolute),
        active_at: now,
        rotation: Rotation::first(now),
        ended: None,
        authentication,
        device: visit.device.chars().filter(|c| !c.is_control()).take(limits::DEVICE_CHARACTERS_MAX).collect(),
        claims,
    })
}

/// A key whose two characters are free in the jar, so that no late answer of a former session meets it. Those of
/// the moment were nobody's lately, not even of a session that is over and has left the jar.
fn free_key(service: &Service, jar: &Jar, now: UnixMillis) -> Option<SessionKey> {
    let of_the_moment = SessionKey::at(now, entropy::bytes(&*service.entropy));
    std::iter::once(of_the_moment)
        .chain(std::iter::repeat_with(|| SessionKey::from_random(entropy::bytes(&*service.entropy))))
        .take(limits::SESSION_KEY_DRAWS)
        .find(|key| {
            service.settings.cookies.tags == perennial_protocol::cookie::names::Tags::Off
                || jar.is_free(&service.settings.cookies, key)
        })
}

fn started(session: &Session, origin: &Origin, at: UnixMillis) -> AuditEvent {
    let methods = session.authentication.methods.join("+");
    let (kind, detail) = match origin {
        Origin::Login => (AuditKind::SessionStarted, methods),
        Origin::Issued { by, .. } => (AuditKind::SessionIssued, by.note(&methods)),
    };
    AuditEvent::of_session(session, kind, detail, at)
}
