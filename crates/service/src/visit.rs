//! A request as the operations see it: who comes from where with which cookies, and the sessions behind
//! them.

use std::net::IpAddr;

use perennial_protocol::{
    cookie::{Chosen, Jar, Selection, jar::CarriedRefresh, select},
    id::{SessionKey, Sid},
    refresh::{Delivery, Generation, mark},
    refusal::Refusal,
    session::Session,
    time::UnixMillis,
    token::BearerToken,
};

use crate::{keys::Keys, service::Service};

/// What a request tells about its sender.
#[derive(Debug, Clone)]
pub struct Visit {
    pub jar: Jar,
    /// The access token of the `Authorization` header, where that is how it travels.
    pub bearer: Option<BearerToken>,
    pub address: IpAddr,
    /// The browser's own description.
    pub device: String,
    pub delivery: Delivery,
}

/// The refresh tokens of a jar and the sessions that the store knows for them.
#[derive(Debug, Clone)]
pub struct Carried {
    tokens: Vec<CarriedRefresh>,
    sessions: Vec<Session>,
}

impl Carried {
    /// Loads the sessions behind a jar's refresh tokens: one question to the store, none for a jar without.
    pub async fn load(service: &Service, jar: &Jar) -> Result<Self, Refusal> {
        let tokens = jar.refresh(&service.settings.cookies);
        let mut sids: Vec<Sid> = tokens.iter().filter_map(|carried| carried.token.map(|token| token.sid)).collect();
        sids.sort_unstable();
        sids.dedup();
        let mut sessions = if sids.is_empty() {
            Vec::new()
        } else {
            service.ask(service.store.patience(), service.store.load_sessions(&sids)).await?
        };
        service.ends.mark(&mut sessions);
        Ok(Self { tokens, sessions })
    }

    /// Which of them answers for the jar.
    pub fn selection(&self, service: &Service, keys: &Keys, now: UnixMillis) -> Selection<'_> {
        select(&self.tokens, &self.sessions, &keys.mac, &service.settings.lifetimes.refresh, now)
    }

    /// Every sid that a well-shaped token names, proven or not.
    pub fn named_sids(&self) -> impl Iterator<Item = Sid> {
        self.tokens.iter().filter_map(|carried| carried.token.map(|token| token.sid))
    }
}

/// The highest generation that a stale mark of this jar speaks of for the chosen session.
pub fn mark_of(service: &Service, keys: &Keys, jar: &Jar, chosen: Chosen<'_>) -> Option<Generation> {
    let sid = chosen.session()?.sid;
    jar.stale(&service.settings.cookies).filter_map(|(_, value)| mark::read(&keys.mac, sid, value)).max()
}

/// The other sessions of the jar: older than the one that answers, or over. One whose cookies have the
/// names of the one that answers is left out: what would be cleared is not known to be its own.
pub fn others(service: &Service, selection: &Selection<'_>, session: &Session) -> Vec<SessionKey> {
    let name = |session: &Session| service.settings.cookies.refresh_of(&session.session_key);
    let other = selection.genuine.iter().filter(|other| other.sid != session.sid && name(other) != name(session));
    other.map(|other| other.session_key.clone()).collect()
}
