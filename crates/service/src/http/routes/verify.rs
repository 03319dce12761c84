//! `GET {base}/verify`: a web server in front asks whether a request may go on (forward-auth).
//!
//! The judgement is the one that the gateway asks for. Who may ask is configuration; what is asked stands in
//! headers that the web server overwrites, and how it is to be answered in the query, where no client can write.

use std::{net::IpAddr, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    response::Response,
};
use perennial_edge::{
    authority::{Pass, Question, SessionAuthority},
    client::{Peer, delivery, is_trusted},
    problem, upstream,
};
use perennial_protocol::{refresh::Delivery, refusal::Refusal, route::Requirement};
use url::form_urlencoded;

use crate::{limits, service::Service};

const STATUS: HeaderName = HeaderName::from_static("x-perennial-status");
const PROBLEM: HeaderName = HeaderName::from_static("x-perennial-problem");
const LOCATION: HeaderName = HeaderName::from_static("x-perennial-location");
const COOKIE: HeaderName = HeaderName::from_static("x-perennial-cookie");

/// Where each cookie has a line of its own, for web servers that read only the first of several.
const SET_COOKIE: [HeaderName; 8] = [
    HeaderName::from_static("x-perennial-set-cookie-1"),
    HeaderName::from_static("x-perennial-set-cookie-2"),
    HeaderName::from_static("x-perennial-set-cookie-3"),
    HeaderName::from_static("x-perennial-set-cookie-4"),
    HeaderName::from_static("x-perennial-set-cookie-5"),
    HeaderName::from_static("x-perennial-set-cookie-6"),
    HeaderName::from_static("x-perennial-set-cookie-7"),
    HeaderName::from_static("x-perennial-set-cookie-8"),
];

pub async fn verify(State(service): State<Arc<Service>>, request: Request) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let trusted = peer.filter(|peer| is_trusted(*peer, &service.settings.trusted_proxies));
    let Some((peer, asked)) = trusted.zip(Asked::read(&request)) else { return problem::plain(&Refusal::NotFound) };
    let judged = service.judge(asked.question(peer, request.headers())).await;
    match judged {
        Ok(pass) => granted(&service, request.headers(), &pass),
        Err(denial) => match asked.refusals {
            Refusals::AsTheyAre => denial.into_response(),
            Refusals::InHeaders => in_headers(denial.into_response()).await,
        },
    }
}

/// What a web server asks.
struct Asked<'r> {
    method: Method,
    /// Path and query, as the client wrote them.
    target: &'r str,
    requirement: Requirement,
    audience: Option<String>,
    delivers_cookies: bool,
    refusals: Refusals,
}

/// What the web server can make of a refusal.
enum Refusals {
    /// It hands them on to the client.
    AsTheyAre,
    /// It reads headers, and makes a refusal of its own out of them.
    InHeaders,
}

impl<'r> Asked<'r> {
    /// `None` without a path: then nobody is asking for anything.
    fn read(request: &'r Request) -> Option<Self> {
        let headers = request.headers();
        let target = only(headers, "x-forwarded-uri").filter(|target| target.starts_with('/'))?;
        let mut asked = Self {
            // What cannot be known to be harmless counts as an action.
            method: only(headers, "x-forwarded-method").and_then(|it| it.parse().ok()).unwrap_or(Method::POST),
            target,
            requirement: Requirement::Required,
            audience: None,
            delivers_cookies: false,
            refusals: Refusals::AsTheyAre,
        };
        for (name, value) in form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
            match (&*name, &*value) {
                ("optional", "true") => asked.requirement = Requirement::Optional,
                ("delivers_cookies", "true") => asked.delivers_cookies = true,
                ("refusals", "headers") => asked.refusals = Refusals::InHeaders,
                ("audience", audience) if !audience.is_empty() => asked.audience = Some(audience.to_owned()),
                _ => {}
            }
        }
        Some(asked)
    }

    fn question<'q>(&'q self, peer: IpAddr, headers: &'q HeaderMap) -> Question<'q> {
        Question {
            method: &self.method,
            target: self.target,
            headers,
            peer,
            delivery: if self.delivers_cookies { delivery(&self.method, headers) } else { Delivery::Never },
            requirement: self.requirement,
            audience: self.audience.as_deref(),
        }
    }
}

/// The one line of this name. Of two, one is the client's, and nobody can say which.
fn only<'r>(headers: &'r HeaderMap, name: &str) -> Option<&'r str> {
    let mut lines = headers.get_all(name).iter();
    let (line, another) = (lines.next()?, lines.next());
    if another.is_some() { None } else { line.to_str().ok() }
}

fn granted(service: &Service, came: &HeaderMap, pass: &Pass) -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(identity) = &pass.identity {
        headers.extend(upstream::identity_lines(identity));
        headers.extend(upstream::bearer(&identity.token).map(|value| (header::AUTHORIZATION, value)));
    }
    let others = upstream::cookies_of_others(came, |name| service.settings.cookies.is_reserved(name));
    let others = others.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b"; "[..]);
    if let (false, Ok(others)) = (others.is_empty(), HeaderValue::from_bytes(&others)) {
        headers.insert(COOKIE, others);
    }
    pass.cookies.set_on(headers);
    number_cookies(headers);
    response
}

/// A refusal for a web server that can hand on headers alone: always the same status, which says no and nothing else.
async fn in_headers(refusal: Response) -> Response {
    let (mut head, body) = refusal.into_parts();
    let status = HeaderValue::from(head.status.as_u16());
    head.status = problem::status(&Refusal::NotAuthenticated);
    head.headers.insert(STATUS, status);
    head.headers.remove(header::CONTENT_TYPE);
    if let Some(location) = head.headers.remove(header::LOCATION) {
        head.headers.insert(LOCATION, location);
    }
    let problem = axum::body::to_bytes(body, limits::REFUSAL_BYTES_MAX).await.unwrap_or_default();
    if let (false, Ok(problem)) = (problem.is_empty(), HeaderValue::from_bytes(&problem)) {
        head.headers.insert(PROBLEM, problem);
    }
    number_cookies(&mut head.headers);
    Response::from_parts(head, Body::empty())
}

/// Says each cookie once more, under a name of its own.
fn number_cookies(headers: &mut HeaderMap) {
    let lines: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
    headers.extend(SET_COOKIE.into_iter().zip(lines));
}
