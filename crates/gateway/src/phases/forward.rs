//! Forward: the request goes to the upstream, with what the upstream is to know and nothing else.

use std::sync::Arc;

use axum::{body::Body, extract::Request};
use http::{HeaderMap, HeaderValue, Method, Uri, header, uri::PathAndQuery};
use hyper::body::Incoming;
use perennial_edge::authority::Pass;
use perennial_protocol::{refusal::Refusal, route::Route};

use super::accept::Accepted;
use crate::{
    Gateway, headers,
    upstream::{Outgoing, Unanswered, Upstreams},
};

/// Sends the request for the first time. A small body of somebody's request is kept, so that it can be sent
/// once more with another token.
pub(crate) async fn forward(
    gateway: &Gateway,
    accepted: &Accepted<'_>,
    body: &mut Outgoing,
    pass: &Pass,
) -> Result<http::Response<Incoming>, Refusal> {
    if pass.identity.is_some() {
        body.keep_if_small(&accepted.head.headers, gateway.settings.replay_bytes).await?;
    }
    send(gateway, accepted, body, pass).await
}

/// Sends it, the first time or once more.
pub(crate) async fn send(
    gateway: &Gateway,
    accepted: &Accepted<'_>,
    body: &mut Outgoing,
    pass: &Pass,
) -> Result<http::Response<Incoming>, Refusal> {
    send_with(gateway, accepted, body, &headers::outbound(gateway, accepted, pass)).await
}

/// Sends it with these headers.
pub(crate) async fn send_with(
    gateway: &Gateway,
    accepted: &Accepted<'_>,
    body: &mut Outgoing,
    headers: &HeaderMap,
) -> Result<http::Response<Incoming>, Refusal> {
    let target = upstream_target(accepted)?;
    let request = |authority: &str| head(&accepted.head.method, &target, headers, authority);
    Ok(gateway.upstreams.send(accepted.route, accepted.upgrade.is_some(), request, body.take()).await?)
}

/// A request that is sent even if whoever waits for its answer goes away.
pub(crate) struct Detached {
    upstreams: Arc<Upstreams>,
    route: Route,
    method: Method,
    target: PathAndQuery,
    headers: HeaderMap,
}

impl Detached {
    pub(crate) fn new(gateway: &Gateway, accepted: &Accepted<'_>, headers: HeaderMap) -> Result<Self, Refusal> {
        Ok(Self {
            upstreams: Arc::clone(&gateway.upstreams),
            route: accepted.route.clone(),
            method: accepted.head.method.clone(),
            target: upstream_target(accepted)?,
            headers,
        })
    }

    pub(crate) async fn send(self, body: Body) -> Result<http::Response<Incoming>, Unanswered> {
        let request = |authority: &str| head(&self.method, &self.target, &self.headers, authority);
        self.upstreams.send(&self.route, false, request, body).await
    }
}

fn upstream_target(accepted: &Accepted<'_>) -> Result<PathAndQuery, Refusal> {
    let path = accepted.route.rewritten(accepted.head.uri.path());
    let target = match accepted.head.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    target.parse().map_err(|_| Refusal::InvalidRequest("The path cannot be asked for.".into()))
}

fn head(method: &Method, target: &PathAndQuery, headers: &HeaderMap, authority: &str) -> Option<Request> {
    let (scheme, host) = authority.split_once("://")?;
    let uri = Uri::builder().scheme(scheme).authority(host).path_and_query(target.clone()).build().ok()?;
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = headers.clone();
    request.headers_mut().insert(header::HOST, HeaderValue::from_str(host).ok()?);
    Some(request)
}
