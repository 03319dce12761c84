//! Tokens for upstreams: signed once for a session and an audience, and used until half of their life is over.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
    time::Instant,
};

use perennial_edge::authority::{ForwardedToken, Identity};
use perennial_protocol::{
    id::SessionKey,
    refusal::Refusal,
    session::Session,
    time::{Millis, UnixMillis},
    token::AccessClaims,
};
use quick_cache::{Equivalent, sync::Cache};
use serde_json::{Map, Value};

use super::moment_in;
use crate::{credentials::access::signed, limits, operations::person::person, outcome::Person, service::Service};

/// The tokens in use.
#[derive(Debug)]
pub struct ForwardedTokens(Cache<ForWhom, Arc<Forwarded>>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct ForWhom {
    session: SessionKey,
    /// A person who was proven anew gets another one at once.
    proven_at: UnixMillis,
    audience: Option<String>,
}

/// The same, borrowed for a look.
struct Wanted<'w> {
    session: &'w SessionKey,
    proven_at: UnixMillis,
    audience: Option<&'w str>,
}

impl<'w> Wanted<'w> {
    fn by(session: &'w Session, audience: Option<&'w str>) -> Self {
        Self { session: &session.session_key, proven_at: session.authentication.at, audience }
    }

    fn owned(&self) -> ForWhom {
        let audience = self.audience.map(str::to_owned);
        ForWhom { session: self.session.clone(), proven_at: self.proven_at, audience }
    }
}

impl Hash for Wanted<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.session.hash(state);
        self.proven_at.hash(state);
        self.audience.hash(state);
    }
}

impl Equivalent<ForWhom> for Wanted<'_> {
    fn equivalent(&self, kept: &ForWhom) -> bool {
        *self.session == kept.session && self.proven_at == kept.proven_at && self.audience == kept.audience.as_deref()
    }
}

/// A token, and what it says of the person.
#[derive(Debug)]
struct Forwarded {
    identity: Identity,
    person: Person,
    /// From now on another one is made.
    renewed_from: Instant,
}

impl Default for ForwardedTokens {
    fn default() -> Self {
        Self(Cache::new(limits::KNOWN_SESSIONS))
    }
}

impl ForwardedTokens {
    /// Forgets this token. Another one that somebody had made meanwhile stays.
    pub fn forget(&self, session: &Session, audience: Option<&str>, token: &ForwardedToken) {
        let wanted = Wanted::by(session, audience);
        if self.0.get(&wanted).is_some_and(|kept| kept.identity.token.is(token)) {
            self.0.remove(&wanted);
        }
    }
}

/// Whose session it is, with a token for an upstream. While the store cannot be asked, what was known of the
/// person last is said again.
pub(super) async fn identity(
    service: &Service,
    session: &Session,
    audience: Option<&str>,
) -> Result<Identity, Refusal> {
    let wanted = Wanted::by(session, audience);
    let kept = service.forwarded.0.get(&wanted);
    if let Some(kept) = kept.as_ref().filter(|kept| Instant::now() < kept.renewed_from) {
        return Ok(kept.identity.clone());
    }
    let person = match person(service, session).await {
        Ok(person) => person,
        Err(Refusal::AuthUnavailable { .. }) => kept.map_or_else(
            || Person { id: session.subject.as_str().to_owned(), ..Person::default() },
            |kept| kept.person.clone(),
        ),
        Err(refusal) => return Err(refusal),
    };
    let identity = made(service, session, &person, audience);
    let life = identity.token.expires_at.saturating_duration_since(Instant::now());
    let forwarded = Forwarded { identity: identity.clone(), person, renewed_from: Instant::now() + life / 2 };
    service.forwarded.0.insert(wanted.owned(), Arc::new(forwarded));
    Ok(identity)
}

fn made(service: &Service, session: &Session, person: &Person, audience: Option<&str>) -> Identity {
    let now = service.now();
    // A token tells its end in whole seconds, and is not to end before it is thought to.
    let expires_at = UnixMillis(now.plus(service.settings.forwarded_ttl).plus(Millis(999)).unix_seconds() * 1000);
    let expires_at = expires_at.min(session.ends_at);
    let claims = service.access.claims(&*service.entropy, session, session.rotation.generation, now, expires_at);
    let claims = claims.with(person.claims.overlaid_with(&session.claims)).forwarded(audience);
    Identity {
        session: session.session_key.clone(),
        subject: session.subject.as_str().to_owned(),
        email: person.email.clone(),
        name: person.name.clone(),
        token: token(service, &claims, expires_at.since(now)),
        ends_at: moment_in(session.ends_at.since(now)),
    }
}

/// While the store cannot be asked and the session is not known: what a good access token says, for as long
/// as a forwarded token lives and the access token says it.
pub(super) fn identity_by_claims(service: &Service, access: &AccessClaims, audience: Option<&str>) -> Identity {
    let now = service.now();
    let left = UnixMillis(access.exp * 1000).since(now);
    let lives = left.min(service.settings.forwarded_ttl);
    let shorter = AccessClaims { exp: now.plus(lives).unix_seconds(), ..access.clone() };
    let claims = shorter.with(Map::new()).forwarded(audience);
    Identity {
        session: access.sid.clone(),
        subject: access.sub.as_str().to_owned(),
        email: None,
        name: None,
        token: token(service, &claims, lives),
        ends_at: moment_in(left),
    }
}

fn token(service: &Service, claims: &Map<String, Value>, lives: Millis) -> Arc<ForwardedToken> {
    Arc::new(ForwardedToken::new(signed(&service.keys(), claims), moment_in(lives)))
}
