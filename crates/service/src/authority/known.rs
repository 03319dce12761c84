//! The sessions that this node has read or written lately: a good access token of one of them passes without a
//! question to the store.
//!
//! What stands here may be old. Whatever could matter then is looked for in the request and in what the node
//! remembers of ends: a newer refresh token, a second login in the jar, a confirmation that is due.

use std::{iter, sync::Arc, time::Duration};

use perennial_edge::authority::Question;
use perennial_protocol::{
    id::SessionKey,
    refresh::{Delivery, Policy, confirms},
    session::Session,
    time::{Millis, UnixMillis},
    token::AccessClaims,
};
use quick_cache::sync::Cache;

use crate::{
    http::guard::{self, Acting, Proof},
    limits,
    operations::read_session::access_of,
    service::Service,
    visit::Visit,
};

/// Rows as they were seen last.
#[derive(Debug)]
pub struct KnownSessions(Cache<SessionKey, Arc<Session>>);

impl Default for KnownSessions {
    fn default() -> Self {
        Self(Cache::new(limits::KNOWN_SESSIONS))
    }
}

impl KnownSessions {
    pub fn note(&self, session: &Session) {
        self.0.insert(session.session_key.clone(), Arc::new(session.clone()));
    }

    pub fn get(&self, key: &SessionKey) -> Option<Arc<Session>> {
        self.0.get(key)
    }
}

/// A session that is answered from memory.
pub(super) struct AtHand {
    pub(super) session: Arc<Session>,
    /// For so long nothing about the same request would have to be asked.
    pub(super) holds_for: Duration,
}

/// The session of a request that may go on as it is; `None` if anything about it is to be asked.
pub(super) fn at_hand(service: &Service, visit: &Visit, question: Question<'_>) -> Option<AtHand> {
    let (keys, now) = (service.keys(), service.now());
    let claims = access_of(service, &keys, visit, now, |claims| !claims.are_about_to_expire(now))?;
    let session = service.known.get(&claims.sid)?;
    let policy = &service.settings.lifetimes.refresh;
    if service.ends.of_session(&session).is_some() || session.over(policy, now).is_some() || is_older(&session, &claims)
    {
        return None;
    }
    // Another login, something newer than what is known here, or a confirmation that is due: see it all.
    let mut tokens = visit.jar.refresh_tokens(&service.settings.cookies);
    let nothing_new = tokens.all(|token| {
        token.is_some_and(|token| {
            let due = visit.delivery == Delivery::Cookies && confirms(&session, token.generation, policy, now);
            token.sid == session.sid && token.generation <= session.rotation.generation && !due
        })
    });
    if !nothing_new || !may_act(service, visit, question, &session) {
        return None;
    }
    let until = claims.renewed_from().min(confirmation_due(&session, policy));
    Some(AtHand { session, holds_for: until.since(now).max(Millis(0)).into() })
}

/// Whether the token says what the row as it is known here does not yet: it was rotated since, or whose it is was
/// proven anew.
fn is_older(session: &Session, claims: &AccessClaims) -> bool {
    let (proven, proven_at) = (&session.authentication, session.authentication.at.unix_seconds());
    claims.generation > session.rotation.generation.0
        || claims.auth_time > proven_at
        || (claims.auth_time == proven_at && claims.amr != proven.methods)
}

/// When a look at the session would write something again.
fn confirmation_due(session: &Session, policy: &Policy) -> UnixMillis {
    let row = &session.rotation;
    if row.confirmed { session.ends_at } else { row.delivered_at.plus(policy.cooldown) }
}

/// Whether the request may act without a look at anything else. Where this says no, the guard has its say.
fn may_act(service: &Service, visit: &Visit, question: Question<'_>, session: &Session) -> bool {
    let proof = Proof::of_header(service, question.headers);
    let acting = Acting::of(question.method, question.headers);
    guard::admits_from_memory(service, acting, proof, visit, &session.session_key, iter::once(session.sid))
}
