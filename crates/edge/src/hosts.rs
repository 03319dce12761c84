//! Which Host values are answered, for development: exact names only, and one of them is canonical.
//!
//! A page of a foreign name that was made to resolve to this machine (DNS rebinding) gets 421. The other
//! spelling of the loopback address is redirected on navigations, so that one jar serves one address.

use std::net::SocketAddr;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};
use perennial_protocol::refusal::Refusal;

use crate::problem;

/// The hosts that are answered.
#[derive(Debug, Clone)]
pub struct Hosts {
    /// `localhost:8080`: the one that pages live under.
    pub canonical: String,
    /// `127.0.0.1:8080`: answered too, but navigations are sent to the canonical one.
    pub others: Vec<String>,
}

impl Hosts {
    /// The names of a loopback listener.
    pub fn of_loopback(address: SocketAddr) -> Self {
        Self { canonical: format!("localhost:{}", address.port()), others: vec![address.to_string()] }
    }

    pub async fn check(self, request: Request, next: Next) -> Response {
        // HTTP/2 carries the host in the request's target.
        let named = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
        let host = request.uri().authority().map(|authority| authority.as_str()).or(named).unwrap_or_default();
        if host == self.canonical {
            return next.run(request).await;
        }
        if !self.others.iter().any(|other| other == host) {
            return problem::plain(&Refusal::MisdirectedRequest);
        }
        let navigates = request.headers().get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
        if navigates && request.method() == Method::GET {
            return self.redirect(request.uri().path_and_query().map_or("/", |path| path.as_str()));
        }
        next.run(request).await
    }

    fn redirect(&self, path: &str) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        if let Ok(location) = HeaderValue::from_str(&format!("http://{}{path}", self.canonical)) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}
