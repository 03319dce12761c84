//! A logout at the issuer: it hears which tokens end, and the browser forgets them whatever it answers.
//!
//! A logout spends the refresh token, like a refresh: one that is under way is waited for, and its successor is the
//! token that ends. The other way round the successor would outlive the logout.

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderValue, header};
use hyper::body::Incoming;
use perennial_edge::foreign::{ForeignToken, IssuerAnswer, IssuerCall, Spent};
use perennial_protocol::{refusal::Refusal, route::RefreshTravels};
use serde_json::{Map, Value};
use tokio::{
    sync::oneshot::{self, error::TryRecvError},
    time::{Instant, timeout_at},
};

use super::{Visit, carried::present_refresh, kept::Kept, visit::Stop};
use crate::{
    exchange::Exchange,
    limits,
    phases::forward::Detached,
    upstream::{Outgoing, Unanswered},
};

/// What the upstream said.
type Said = Result<http::Response<Incoming>, Refusal>;

pub(super) async fn log_out(
    visit: &mut Visit<'_>,
    mut body: Outgoing,
    exchange: &mut Exchange,
) -> Result<Response, Stop> {
    body.keep_if_small(&visit.accepted.head.headers, visit.gateway.settings.replay_bytes).await?;
    // The issuer would not know an access token that has expired; where no new one comes, it gets that one.
    let _ = visit.renew_if_due().await;
    exchange.phase("judge");
    let said = match spent(visit, &mut body).await {
        Some(said) => said,
        // The token is spent or nobody can be asked about it: the issuer hears what the browser has.
        None => {
            let headers = presented(visit, &mut body);
            visit.send_with(headers, &mut body).await
        }
    };
    visit.forget();
    exchange.phase("forward");
    Ok(said?.map(Body::new))
}

/// Sends the logout as the call that spends the newest refresh token. Nothing where there is none that could be spent.
async fn spent(visit: &mut Visit<'_>, body: &mut Outgoing) -> Option<Said> {
    let until = Instant::now() + limits::RENEWAL_WAIT;
    for _ in 0..limits::LOGOUT_ATTEMPTS {
        let token = visit.carried.refresh.clone()?;
        let (told, mut said) = oneshot::channel();
        let call = call(visit, body, told)?;
        let spending = visit.issuers.refreshes.spend(&visit.issuer.name, &token, call);
        let outcome = timeout_at(until, spending).await;
        match said.try_recv() {
            Ok(said) => return Some(said),
            // The call is made yet, and nobody waits for it any longer.
            Err(TryRecvError::Empty) => return Some(Err(Refusal::UpstreamTimeout)),
            Err(TryRecvError::Closed) => {}
        }
        // Another request was faster: its successor is the one to end.
        let Ok(Ok(Spent::Renewed(result))) = outcome else { return None };
        visit.carried.renew(&Kept::read(&result)?.tokens);
    }
    None
}

fn call(visit: &Visit<'_>, body: &Outgoing, told: oneshot::Sender<Said>) -> Option<IssuerCall> {
    let Outgoing::Kept(bytes) = body else { return None };
    let mut body = Outgoing::Kept(bytes.clone());
    let headers = presented(visit, &mut body);
    let request = Detached::new(visit.gateway, &visit.accepted, headers).ok()?;
    Some(Box::pin(async move {
        let said = request.send(body.take()).await;
        let answer = match &said {
            Ok(answer) if answer.status().is_success() || answer.status().is_redirection() => IssuerAnswer::Refused,
            Err(Unanswered::Unreached) => IssuerAnswer::Unsent,
            Ok(_) | Err(Unanswered::Refused(_)) => IssuerAnswer::Unknown,
        };
        // The browser may have gone.
        let _ = told.send(said.map_err(Refusal::from));
        answer
    }))
}

/// The headers with the tokens, and where the refresh token travels in the body, the body with it.
fn presented(visit: &Visit<'_>, body: &mut Outgoing) -> HeaderMap {
    let mut headers = visit.outbound();
    visit.carried.present_access(&mut headers, &visit.issuer.told);
    let Some(refresh) = &visit.carried.refresh else { return headers };
    let travels = &visit.issuer.told.refresh_travels;
    present_refresh(refresh, &mut headers, travels);
    if let RefreshTravels::Json(field) = travels {
        *body = with_field(body, field, refresh);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.remove(header::CONTENT_LENGTH);
    }
    headers
}

/// The body with the token in it. One that is no JSON object says nothing that could be kept.
fn with_field(body: &Outgoing, field: &str, token: &ForeignToken) -> Outgoing {
    let said: Option<Map<String, Value>> = match body {
        Outgoing::Kept(bytes) => serde_json::from_slice(bytes).ok(),
        Outgoing::Streamed(_) | Outgoing::Gone => None,
    };
    let mut said = said.unwrap_or_default();
    said.insert(field.to_owned(), token.expose().into());
    Outgoing::Kept(Value::Object(said).to_string().into())
}
