//! `/admin/gateway`: the questions of a gateway that is a process of its own.
//!
//! They are those of the port between the two, and their form is the port's. Who may ask them is told the tokens
//! of everybody who comes by, so their keys have a scope of their own.

use axum::response::Response;
use perennial_edge::authority::{
    Denial, Identity, Pass, Question, SessionAuthority,
    wire::{Asked, EndSaid, IdentitySaid, Judged},
};
use perennial_protocol::{admin_key::AdminScope, refusal::Refusal, time::UnixMillis};
use serde::Deserialize;
use serde_json::{Value, json};

use super::request::{AdminRequest, answer};
use crate::{ends::told_since, limits};

/// `POST judge`: whose a request is.
pub(super) async fn judge(request: AdminRequest) -> Response {
    answer(run_judge(&request).await)
}

async fn run_judge(request: &AdminRequest) -> Result<Option<Value>, Refusal> {
    request.may(AdminScope::Gateway)?;
    let asked: Asked = request.json()?;
    let unreadable = || Refusal::InvalidRequest("The method or a header is none that HTTP knows.".into());
    let (method, headers) = asked.head().ok_or_else(unreadable)?;
    let question = Question {
        method: &method,
        target: &asked.target,
        headers: &headers,
        peer: asked.peer,
        delivery: asked.delivery,
        requirement: asked.requirement,
        audience: asked.audience.as_deref(),
    };
    said(&Judged::from(request.service.judge(question).await))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    identity: IdentitySaid,
    audience: Option<String>,
}

/// `POST renew`: another forwarded token in place of one that an upstream refused.
pub(super) async fn renew(request: AdminRequest) -> Response {
    answer(run_renew(&request).await)
}

async fn run_renew(request: &AdminRequest) -> Result<Option<Value>, Refusal> {
    request.may(AdminScope::Gateway)?;
    let Refused { identity, audience } = request.json()?;
    let refused = Identity::from(identity);
    // Whoever has the gateway's key alone is told nothing of sessions whose requests never came by.
    if !request.service.access.was_forwarded(&request.service.keys(), refused.token.expose(), &refused.session) {
        return Err(Refusal::InvalidRequest("The token is none that was forwarded for this session.".into()));
    }
    let renewed = request.service.renew(&refused, audience.as_deref()).await;
    let judged = renewed.map(|identity| Pass { identity: Some(identity), ..Pass::default() }).map_err(Denial::from);
    said(&Judged::from(judged))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Since {
    /// As an earlier answer said it; without it, everything that can still matter.
    since_ms: Option<i64>,
}

/// `GET ends`: the sessions that were ended since a moment. One that is committed late appears at its own time,
/// so the moment lies a little in the past.
pub(super) async fn ends(request: AdminRequest) -> Response {
    answer(run_ends(&request).await)
}

async fn run_ends(request: &AdminRequest) -> Result<Option<Value>, Refusal> {
    request.may(AdminScope::Gateway)?;
    let (service, Since { since_ms }) = (&request.service, request.query()?);
    let now = service.now();
    let oldest = now.0 - limits::ENDS_KEPT.max(service.settings.lifetimes.access_longest()).0;
    let from = UnixMillis(since_ms.unwrap_or(oldest).max(oldest));
    let told = service.ask(limits::ENDS_WAIT, told_since(&*service.store, from)).await?;
    let ends: Vec<EndSaid> = told
        .into_iter()
        .map(|end| EndSaid { session: end.session_key, reason: end.ended.reason, at_ms: end.ended.at.0 })
        .collect();
    Ok(Some(json!({ "ends": ends, "next_since_ms": now.0 - limits::ENDS_SETTLE.0 })))
}

fn said(value: &impl serde::Serialize) -> Result<Option<Value>, Refusal> {
    serde_json::to_value(value).map(Some).map_err(|_| Refusal::InternalError)
}
