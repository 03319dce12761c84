//! Which pages of other origins may read answers (Fetch, "CORS protocol"): those that may call, and no others.
//!
//! It stands outside of everything else, so a refusal, a time-out and a panic are readable like a success, and
//! a preflight costs no work. tower-http has such a layer too; it names credentials, methods and headers to
//! foreign origins as well, and answers every OPTIONS as if it were a preflight.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};
use perennial_protocol::{origin::OriginPolicy, refusal::Refusal};

use crate::problem;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");
const EXPOSED: HeaderValue = HeaderValue::from_static("Retry-After, WWW-Authenticate");

/// How long a browser may remember what a preflight told it: as long as Chromium remembers at most.
const PREFLIGHT_MAX_AGE_SECONDS: u32 = 7200;

/// The rules of one server.
#[derive(Debug)]
pub struct Cors {
    origins: OriginPolicy,
    /// The request headers that a page may set.
    allowed_headers: HeaderValue,
}

impl Cors {
    /// For pages that may call, and send the anti-CSRF token in this header.
    pub fn new(origins: OriginPolicy, csrf_header: &str) -> Self {
        let names = format!("content-type, authorization, {csrf_header}");
        let allowed_headers = HeaderValue::from_str(&names).expect("names of headers are a header's value");
        Self { origins, allowed_headers }
    }

    /// Answers preflights, and lets allowed origins read every other answer.
    pub async fn share(self: Arc<Self>, request: Request, next: Next) -> Response {
        let reader = self.reader(request.headers());
        let mut response = if is_preflight(request.method(), request.headers()) {
            preflight(&reader, METHODS, self.allowed_headers.clone())
        } else {
            next.run(request).await
        };
        reader.mark(response.headers_mut());
        response
    }

    /// Whose page may read the answer to a request with these headers.
    pub fn reader(&self, headers: &HeaderMap) -> Reader {
        let origin = headers.get(header::ORIGIN);
        let allowed = origin.filter(|origin| origin.to_str().is_ok_and(|origin| self.origins.allows(origin)));
        Reader(allowed.cloned())
    }
}

/// The origin whose pages may read an answer, if the request named one of those.
#[derive(Debug)]
pub struct Reader(Option<HeaderValue>);

impl Reader {
    /// Lets it read the answer with these headers, and nobody else.
    pub fn mark(self, headers: &mut HeaderMap) {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.0 {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

/// The answer to a browser that asks whether its page may send such methods and headers.
pub fn preflight(reader: &Reader, methods: HeaderValue, allowed_headers: HeaderValue) -> Response {
    if reader.0.is_none() {
        return problem::plain(&Refusal::CsrfFailed);
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(PREFLIGHT_MAX_AGE_SECONDS));
    response
}

/// Whether a browser asks before it sends the request itself.
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
