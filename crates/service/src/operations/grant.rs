//! Tokens for a session that was decided to get them.

use perennial_protocol::{
    refresh::{Branch, Generation, RefreshToken},
    session::Session,
    time::UnixMillis,
    token::Transport,
};
use tokio::time::Instant;

use crate::{
    entropy,
    keys::Keys,
    outcome::{Grant, Person},
    service::Service,
};

/// Whether the grant hands out a refresh token too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandOut {
    /// A refresh token of the session's generation on a new branch, and an access token.
    Both,
    AccessOnly,
}

/// Makes the tokens of the session's current generation. What the operator says of its person stands in the
/// access token where that is no cookie.
pub fn tokens(
    service: &Service,
    keys: &Keys,
    session: Session,
    person: &Person,
    hand_out: HandOut,
    now: UnixMillis,
) -> Grant {
    let generation: Generation = session.rotation.generation;
    let refresh = match hand_out {
        HandOut::Both => {
            let branch = Branch(entropy::number(&*service.entropy));
            Some(RefreshToken::issue(&keys.mac, session.sid, &session.salt, generation, branch))
        }
        HandOut::AccessOnly => None,
    };
    let dice = entropy::number(&*service.entropy);
    let expires_at = service.settings.lifetimes.access_expiry(now, session.ends_at, dice);
    let claims = service.access.claims(&*service.entropy, &session, generation, now, expires_at);
    // All cookies together have to stay small, so what stands in one holds ids only.
    let claims = match service.settings.transport {
        Transport::Cookie => claims,
        Transport::Bearer => claims.with(person.claims.overlaid_with(&session.claims)),
    };
    let access = service.access.sign(keys, claims, expires_at.since(now));
    Grant { session, refresh, access, decided_at: Instant::now() }
}
