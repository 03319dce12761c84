//! Renew: one call to the issuer for everybody who carries the same refresh token.

use std::{net::IpAddr, sync::Arc, time::Instant};

use axum::{body::Body, extract::Request};
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use perennial_edge::foreign::{ForeignToken, IssuerAnswer, Renewal, Spent};
use perennial_protocol::{
    refusal::Refusal,
    route::{ForeignIssuer, RefreshTravels, Route},
    time::Millis,
};
use serde_json::json;

use super::{Visit, allowance::Allowance, carried::present_refresh, kept::Kept, tokens::Tokens};
use crate::{
    headers, limits,
    upstream::{Unanswered, Upstreams, body},
};

/// What came of it.
#[derive(Debug)]
pub(super) enum Renewed {
    Yes(Kept),
    /// The issuer says no.
    No,
    /// Nobody knows; the refusal says when to ask again.
    Unknown(Refusal),
}

pub(super) async fn renew(visit: &Visit<'_>, token: &ForeignToken) -> Renewed {
    let asking = Asking {
        upstreams: Arc::clone(&visit.gateway.upstreams),
        allowance: Arc::clone(&visit.issuers.allowance),
        address: visit.address(),
        told: Arc::clone(&visit.issuer.told),
        route: Arc::clone(&visit.issuer.route),
        headers: call_headers(visit),
        token: token.clone(),
    };
    let spending = visit.issuers.refreshes.spend(&visit.issuer.name, token, Box::pin(asking.call()));
    // Whoever waits goes away after a while; the call goes on, and its outcome waits for the next request.
    let spent = tokio::time::timeout(limits::RENEWAL_WAIT, spending).await;
    let renewed = match spent.unwrap_or(Err(Refusal::AuthUnavailable { retry_after: Millis::seconds(1) })) {
        Ok(Spent::Renewed(result)) => {
            Kept::read(&result).map_or(Renewed::Unknown(Refusal::InternalError), Renewed::Yes)
        }
        Ok(Spent::Refused) => Renewed::No,
        Err(refusal) => Renewed::Unknown(refusal),
    };
    let outcome = match renewed {
        Renewed::Yes(_) => return renewed,
        Renewed::No => "refused",
        Renewed::Unknown(_) => "unknown",
    };
    metrics::counter!("perennial_gateway_renewals_total", "outcome" => outcome).increment(1);
    renewed
}

/// What the issuer may want to know of the browser for which it makes tokens.
fn call_headers(visit: &Visit<'_>) -> HeaderMap {
    let mut said = HeaderMap::new();
    said.extend(visit.accepted.head.headers.get(header::USER_AGENT).map(|agent| (header::USER_AGENT, agent.clone())));
    said.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    said.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers::set_forwarding(&mut said, &visit.gateway.settings, &visit.accepted);
    said
}

/// One call, which outlives the request that it was begun for.
struct Asking {
    upstreams: Arc<Upstreams>,
    allowance: Arc<Allowance>,
    address: IpAddr,
    told: Arc<ForeignIssuer>,
    route: Arc<Route>,
    headers: HeaderMap,
    token: ForeignToken,
}

impl Asking {
    async fn call(self) -> IssuerAnswer {
        if !self.allowance.has(self.address, Instant::now()) {
            tracing::warn!("an address presents refresh tokens that no issuer knows; it has to wait");
            return IssuerAnswer::Unsent;
        }
        let answer = self.asked().await;
        if matches!(answer, IssuerAnswer::Refused) {
            self.allowance.spend(self.address, Instant::now());
        }
        answer
    }

    async fn asked(&self) -> IssuerAnswer {
        let body = match &self.told.refresh_travels {
            RefreshTravels::Json(field) => json!({ field: self.token.expose() }).to_string(),
            RefreshTravels::Cookie(_) | RefreshTravels::Header(_) => String::new(),
        };
        let request = |upstream: &str| self.request(upstream, body.len());
        match self.upstreams.send(&self.route, false, request, Body::from(body.clone())).await {
            Ok(answer) => self.read(answer).await,
            Err(Unanswered::Unreached) => IssuerAnswer::Unsent,
            Err(Unanswered::Refused(_)) => IssuerAnswer::Unknown,
        }
    }

    fn request(&self, upstream: &str, length: usize) -> Option<Request> {
        let (scheme, host) = upstream.split_once("://")?;
        let target = Uri::builder().scheme(scheme).authority(host).path_and_query(self.told.refresh.as_str());
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target.build().ok()?;
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert(header::HOST, HeaderValue::from_str(host).ok()?);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        if length > 0 {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        present_refresh(&self.token, headers, &self.told.refresh_travels);
        Some(request)
    }

    /// Whatever is neither new tokens nor a no to this one says nothing about it.
    async fn read(&self, answer: http::Response<hyper::body::Incoming>) -> IssuerAnswer {
        let status = answer.status();
        if ForeignIssuer::refuses(status.as_u16()) {
            return IssuerAnswer::Refused;
        }
        if !status.is_success() {
            tracing::warn!(status = status.as_u16(), "a foreign issuer did not renew a token, and did not refuse it");
            return IssuerAnswer::Unknown;
        }
        let (seen, _) =
            body::beginning(answer.into_body(), limits::TOKEN_ANSWER_BYTES_MAX, limits::SMALL_BODY_WAIT).await;
        self.renewal(&seen).map_or(IssuerAnswer::Unknown, IssuerAnswer::Renewed)
    }

    fn renewal(&self, bytes: &[u8]) -> Option<Renewal> {
        let mut answer = serde_json::from_slice(bytes).ok();
        let tokens = answer.as_mut().and_then(|answer| Tokens::take(answer, &self.told).ok().flatten());
        let renewal = answer.zip(tokens).and_then(|(answer, tokens)| {
            let successor = tokens.refresh.clone().map(ForeignToken::new);
            let result = Kept { tokens, answer }.sealable()?;
            Some(Renewal { result, successor, lives: self.told.refresh_cookie.lives })
        });
        if renewal.is_none() {
            tracing::error!(
                "a foreign issuer's answer to a refresh holds no tokens where its pointers say, or none that \
                fit into cookies: correct [gateway.issuers]"
            );
        }
        renewal
    }
}
