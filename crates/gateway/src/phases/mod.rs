//! The way of a request through the gateway, one phase after the other.
//!
//! `accept` finds the route, `identify`, `admit` and `renew` are the authority's one answer, `forward` sends the
//! request on, `repair` mends what the upstream refused, `finish` hands the answer over.

mod accept;
pub(crate) mod finish;
pub(crate) mod forward;
pub(crate) mod repair;

use axum::{extract::Request, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use perennial_edge::{
    authority::{Denial, Pass, Question},
    client::delivery,
    cors::{self, Reader},
};
use perennial_protocol::route::Requirement;

pub(crate) use self::accept::{Accepted, ClientEnd, is_web_socket};
use crate::{Gateway, exchange::Exchange, headers, issuer};

pub(crate) async fn run(gateway: &Gateway, request: Request) -> Response {
    let mut exchange = Exchange::begin(request.method(), request.uri().path());
    let reader = gateway.cors.reader(request.headers());
    let is_open = gateway.settings.routes.is_open(request.uri().path());
    let answered = if !is_open && cors::is_preflight(request.method(), request.headers()) {
        Ok(preflight(&reader, request.headers()))
    } else {
        answer(gateway, request, &mut exchange).await
    };
    let mut response = answered.unwrap_or_else(|denial| {
        exchange.denied(&denial);
        denial.into_response()
    });
    // Who may read what was made for somebody is not the upstream's to say; an open route stays as it is.
    if !is_open {
        headers::remove_sharing(response.headers_mut());
        reader.mark(response.headers_mut());
    }
    exchange.end(gateway, response.status());
    response
}

/// Pages that may call may do so with every method and header: what the upstream takes is its own to say.
fn preflight(reader: &Reader, headers: &HeaderMap) -> Response {
    let wanted = |name: HeaderName| headers.get(name).cloned().unwrap_or(HeaderValue::from_static(""));
    let method = wanted(header::ACCESS_CONTROL_REQUEST_METHOD);
    cors::preflight(reader, method, wanted(header::ACCESS_CONTROL_REQUEST_HEADERS))
}

async fn answer(gateway: &Gateway, request: Request, exchange: &mut Exchange) -> Result<Response, Denial> {
    let (accepted, mut body) = accept::accept(gateway, request)?;
    exchange.route = Some(accepted.route.path.to_string());
    exchange.phase("accept");
    if accepted.route.issuer.is_some() {
        return issuer::answer(gateway, accepted, body, exchange).await;
    }

    let mut pass = judged(gateway, &accepted).await?;
    exchange.passed(&pass);
    exchange.phase("judge");

    let answer = match forward::forward(gateway, &accepted, &mut body, &pass).await {
        Ok(answer) => answer,
        Err(refusal) => return Err(Denial { cookies: pass.cookies, ..refusal.into() }),
    };
    exchange.phase("forward");

    let answer = match repair::repair(gateway, &accepted, &mut body, &mut pass, answer).await {
        Ok(repaired) => {
            exchange.replayed = repaired.replayed;
            repaired.answer
        }
        Err(refusal) => return Err(Denial { cookies: pass.cookies, ..refusal.into() }),
    };
    exchange.phase("repair");

    let response = finish::finish(gateway, accepted, pass, answer);
    exchange.phase("finish");
    Ok(response)
}

/// Identify, admit and renew: whose request it is, whether it may act, and new tokens where they are due.
async fn judged(gateway: &Gateway, accepted: &Accepted<'_>) -> Result<Pass, Denial> {
    let route = accepted.route;
    if route.requirement == Requirement::None {
        return Ok(Pass::default());
    }
    let question = Question {
        method: &accepted.head.method,
        target: accepted.target(),
        headers: &accepted.head.headers,
        peer: accepted.peer,
        delivery: delivery(&accepted.head.method, &accepted.head.headers),
        requirement: route.requirement,
        audience: route.audience.as_deref(),
    };
    gateway.authority.judge(question).await
}
