//! Repair: an upstream that says the token is bad gets another one, once.
//!
//! Any other refusal is the person's to hear and passes untouched. A body that was not kept cannot be sent
//! again, so its sender is told to.

use axum::body::Body;
use http::{Response, header};
use hyper::body::Incoming;
use perennial_edge::authority::Pass;
use perennial_protocol::{
    refusal::Refusal,
    route::{ExpiredRule, Refused401},
};

use super::{accept::Accepted, forward};
use crate::{
    Gateway, limits,
    upstream::{Outgoing, body, encoding},
};

/// The answer that the client gets.
pub(crate) struct Repaired {
    pub(crate) answer: Response<Body>,
    pub(crate) replayed: bool,
}

pub(crate) async fn repair(
    gateway: &Gateway,
    accepted: &Accepted<'_>,
    body: &mut Outgoing,
    pass: &mut Pass,
    answer: Response<Incoming>,
) -> Result<Repaired, Refusal> {
    let as_it_is = |answer| Ok(Repaired { answer, replayed: false });
    let Some(identity) = pass.identity.clone() else { return as_it_is(answer.map(Body::new)) };
    let (answer, token_is_bad) = read_refusal(accepted, answer).await;
    if answer.status().is_success() {
        identity.token.note_accepted();
    }
    // A fresh token that was refused says that the refusal is not about the token.
    if !token_is_bad || identity.token.was_refused_fresh() {
        return as_it_is(answer);
    }
    let renewed = match gateway.authority.renew(&identity, accepted.route.audience.as_deref()).await {
        Ok(renewed) => pass.identity.insert(renewed).token.clone(),
        // Unknown is not no: the upstream's own answer is the best there is.
        Err(Refusal::AuthUnavailable { .. }) => return as_it_is(answer),
        Err(refusal) => return Err(refusal),
    };
    if !body.can_be_sent_again() {
        // The next request goes with the new token, and hears what is said to that.
        renewed.note_refused_fresh();
        return Err(Refusal::RetryWithBody);
    }
    let answer = forward::send(gateway, accepted, body, pass).await?;
    let (answer, still_bad) = read_refusal(accepted, answer).await;
    if still_bad {
        renewed.note_refused_fresh();
    }
    Ok(Repaired { answer, replayed: true })
}

/// The answer, and whether it says that the token is bad. A body that had to be read for that is put back.
async fn read_refusal(accepted: &Accepted<'_>, answer: Response<Incoming>) -> (Response<Body>, bool) {
    let (head, body) = answer.into_parts();
    let status = head.status.as_u16();
    let challenge = head.headers.get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    if (Refused401 { status, www_authenticate: challenge }).says_invalid_token() {
        return (Response::from_parts(head, Body::new(body)), true);
    }
    let answer = Response::from_parts(head, body);
    match &accepted.route.expired {
        Some(rule) => says_expired(rule, answer).await,
        None => (answer.map(Body::new), false),
    }
}

/// The answer, and whether it meets the rule.
pub(crate) async fn says_expired(rule: &ExpiredRule, answer: Response<Incoming>) -> (Response<Body>, bool) {
    let status = answer.status().as_u16();
    if !rule.asks_for_body(status) {
        return (answer.map(Body::new), rule.matches(status, &[]));
    }
    let (head, body) = answer.into_parts();
    let (seen, body) = body::beginning(body, limits::REFUSAL_BYTES_MAX, limits::SMALL_BODY_WAIT).await;
    let matches = rule.matches(status, &encoding::decoded(&head.headers, &seen));
    (Response::from_parts(head, body), matches)
}
