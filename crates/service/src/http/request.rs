//! What a request to the API brought: the visit, the headers that matter, the body.

use std::{net::IpAddr, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, header, request::Parts},
    response::Response,
};
use perennial_edge::{
    client::{Peer, client_address, delivery},
    problem,
};
use perennial_protocol::{
    cookie::Jar,
    refresh::Delivery,
    refusal::Refusal,
    token::{BearerToken, Transport},
};
use serde::de::DeserializeOwned;

use crate::{service::Service, visit::Visit};

/// A request to the API.
#[derive(Debug)]
pub struct ApiRequest {
    pub service: Arc<Service>,
    pub visit: Visit,
    pub headers: HeaderMap,
    body: Bytes,
}

impl FromRequest<Arc<Service>> for ApiRequest {
    type Rejection = Response;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let visit = visit(service, &parts);
        let body = read(body, service.settings.body_bytes_max).await.map_err(|refusal| problem::plain(&refusal))?;
        Ok(Self { service: Arc::clone(service), visit, headers: parts.headers, body })
    }
}

impl ApiRequest {
    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        parse_json(&self.headers, &self.body)
    }

    /// A call without parameters: no body, or one of JSON that is not looked at.
    pub fn no_parameters(&self) -> Result<(), Refusal> {
        if self.body.is_empty() { Ok(()) } else { require_json(&self.headers) }
    }
}

/// A body as JSON. A refusal says where it went wrong and repeats nothing of it, which may be a password.
pub fn parse_json<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Refusal> {
    require_json(headers)?;
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let what = if error.is_data() { "lacks a field or holds one of the wrong type" } else { "is not JSON" };
        Refusal::InvalidRequest(format!("The body {what} (line {line}, column {column})."))
    })
}

/// JSON only: a cross-site form can send any other type without asking (Fetch, CORS-safelisted types).
fn require_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") { Ok(()) } else { Err(Refusal::UnsupportedMediaType) }
}

/// Reads a body up to a limit.
pub async fn read(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    match axum::body::to_bytes(body, limit).await {
        Ok(bytes) => Ok(bytes),
        Err(error) if is_length_limit(&error) => Err(Refusal::BodyTooLarge),
        Err(_) => Err(Refusal::InvalidRequest("The body ended early.".into())),
    }
}

fn is_length_limit(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}

/// What a request tells about its sender.
pub fn visit(service: &Service, parts: &Parts) -> Visit {
    let peer = parts.extensions.get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0);
    visit_by_head(service, delivery(&parts.method, &parts.headers), &parts.headers, peer)
}

/// The same for a request that was not taken apart.
pub fn visit_by_head(service: &Service, delivery: Delivery, headers: &HeaderMap, peer: IpAddr) -> Visit {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    // A byte that is no ASCII, in the cookie of another app on this host, must not hide ours.
    let cookies: Vec<_> =
        headers.get_all(header::COOKIE).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    Visit {
        jar: Jar::read(cookies.iter().map(AsRef::as_ref)),
        bearer: match service.settings.transport {
            Transport::Cookie => None,
            Transport::Bearer => bearer(headers),
        },
        address: client_address(peer, headers, &service.settings.trusted_proxies),
        device: text(header::USER_AGENT).unwrap_or_default().to_owned(),
        delivery,
    }
}

/// The one bearer of a request. Two `Authorization` headers are none: nobody can say which one counts.
fn bearer(headers: &HeaderMap) -> Option<BearerToken> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (values.next()?, values.next());
    if second.is_some() { None } else { BearerToken::parse(first.to_str().ok()?) }
}
