//! The devices a person is logged in on.

use perennial_protocol::{
    id::SessionKey,
    refusal::Refusal,
    session::{Session, status::Verdict},
    time::UnixMillis,
};

use super::read_session::read_session;
use crate::{
    limits,
    outcome::Outcome,
    service::Service,
    visit::{Carried, Visit},
};

/// One line of the list.
#[derive(Debug, Clone)]
pub struct Device {
    pub session_key: SessionKey,
    /// The browser's own words.
    pub device: String,
    pub created_at: UnixMillis,
    pub active_at: UnixMillis,
    pub level: u8,
    pub methods: Vec<String>,
    pub place: Place,
}

/// Whether a device is the one that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Here,
    Elsewhere,
}

pub async fn list_sessions(service: &Service, visit: &Visit, carried: &Carried) -> Outcome<Vec<Device>> {
    let here = authenticated(service, visit, carried).await?;
    devices(service, &here).await
}

/// The live sessions of the person whose session `here` is, newest first.
pub async fn devices(service: &Service, here: &Session) -> Outcome<Vec<Device>> {
    let now = service.now();
    let question = service.store.load_sessions_of(&here.subject, now, limits::DEVICES_MAX);
    let sessions = service.ask(limits::STORE_WAIT, question).await?;
    let policy = &service.settings.lifetimes.refresh;
    let live = sessions.into_iter().filter(|session| session.over(policy, now).is_none());
    Ok(live
        .map(|session| Device {
            place: if session.sid == here.sid { Place::Here } else { Place::Elsewhere },
            session_key: session.session_key,
            device: session.device,
            created_at: session.created_at,
            active_at: session.active_at,
            level: session.authentication.level.number(),
            methods: session.authentication.methods,
        })
        .collect())
}

/// The session of a request with a good access token; a refresh token alone opens nothing but a refresh.
pub async fn authenticated(service: &Service, visit: &Visit, carried: &Carried) -> Outcome<Session> {
    let standing = read_session(service, visit, carried).await?;
    let facts = match (standing.verdict, standing.session) {
        (Verdict::Authenticated, Some(facts)) => facts,
        (Verdict::Ended(reason), _) => return Err(Refusal::SessionEnded(reason).into()),
        _ if visit.bearer.is_some() => return Err(Refusal::InvalidAccessToken.into()),
        _ => return Err(Refusal::NotAuthenticated.into()),
    };
    let question = service.store.load_session_by_key(&facts.key);
    let session = service.ask(limits::STORE_WAIT, question).await?;
    session.ok_or_else(|| Refusal::NotAuthenticated.into())
}
