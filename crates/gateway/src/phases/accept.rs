//! Accept: the route of a request, and whether its form lets it be forwarded at all.

use std::net::IpAddr;

use axum::{body::Body, extract::Request};
use http::{HeaderMap, Method, Version, header, request::Parts};
use http_body_util::{BodyExt, Limited};
use hyper::{body::Body as _, upgrade::OnUpgrade};
use perennial_edge::client::Peer;
use perennial_protocol::{
    refusal::Refusal,
    route::{Route, Routed},
};

use crate::{Gateway, headers, upstream::Outgoing};

/// A request that has a route, but for its body.
pub(crate) struct Accepted<'g> {
    pub(crate) route: &'g Route,
    pub(crate) head: Parts,
    pub(crate) peer: IpAddr,
    /// The client's end of a connection that is to speak another protocol.
    pub(crate) upgrade: Option<OnUpgrade>,
}

impl Accepted<'_> {
    /// Path and query, as the browser knows them.
    pub(crate) fn target(&self) -> &str {
        self.head.uri.path_and_query().map_or("/", |target| target.as_str())
    }
}

pub(crate) fn accept(gateway: &Gateway, request: Request) -> Result<(Accepted<'_>, Outgoing), Refusal> {
    let (mut head, body) = request.into_parts();
    well_formed(&head)?;
    let route = match gateway.settings.routes.find(head.method.as_str(), head.uri.path()) {
        Ok(Routed::To(route)) => route,
        Ok(Routed::MethodNotAllowed(_)) => return Err(Refusal::MethodNotAllowed),
        Ok(Routed::Nowhere) => return Err(Refusal::NotFound),
        Err(problem) => return Err(Refusal::InvalidRequest(format!("{problem}."))),
    };
    let length = content_length(&head.headers);
    if length.zip(route.body_bytes_max).is_some_and(|(length, limit)| length > limit) {
        return Err(Refusal::BodyTooLarge);
    }
    let peer = head.extensions.get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0);
    let upgrade = asks_for_web_socket(&head).then(|| head.extensions.remove::<OnUpgrade>()).flatten();
    let body = Outgoing::Streamed(limited(body, route));
    Ok((Accepted { route, head, peer, upgrade }, body))
}

/// What one server reads in one way and the next in another is not passed on.
fn well_formed(head: &Parts) -> Result<(), Refusal> {
    // RFC 9112 §3.2: a proxy for everybody is asked in absolute form; this is none. HTTP/2 always names a scheme.
    let absolute = head.version <= Version::HTTP_11 && head.uri.authority().is_some();
    let hosts = head.headers.get_all(header::HOST).iter().count();
    let one_length = head.headers.get_all(header::CONTENT_LENGTH).iter().count() <= 1;
    let both =
        head.headers.contains_key(header::CONTENT_LENGTH) && head.headers.contains_key(header::TRANSFER_ENCODING);
    let mut codings = head.headers.get_all(header::TRANSFER_ENCODING).iter();
    let coded = codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    let sentence = if absolute {
        "Ask with a path alone, such as `GET /path HTTP/1.1` (RFC 9112 §3.2.1)."
    } else if hosts > 1 || (hosts == 0 && head.version == Version::HTTP_11) {
        "The request names one Host, and only one (RFC 9112 §3.2)."
    } else if both || !one_length {
        "The length of the body is said twice (RFC 9112 §6.3)."
    } else if coded {
        "A body is sent as it is or in chunks, and in no other coding (RFC 9112 §6.1)."
    } else {
        return Ok(());
    };
    Err(Refusal::InvalidRequest(sentence.to_owned()))
}

/// Another protocol is not passed on: with one that carries requests, such as `h2c`, nothing would stand between the
/// client and the upstream any more.
fn asks_for_web_socket(head: &Parts) -> bool {
    let mut protocols = head.headers.get_all(header::UPGRADE).iter();
    let web_socket = protocols.next().is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"));
    web_socket && protocols.next().is_none() && head.version == Version::HTTP_11 && head.method == Method::GET
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The body within the route's limit.
fn limited(body: Body, route: &Route) -> Body {
    if body.is_end_stream() {
        return body;
    }
    let body = body.map_frame(headers::clean_trailers);
    match route.body_bytes_max.and_then(|limit| usize::try_from(limit).ok()) {
        Some(limit) => Body::new(Limited::new(body, limit)),
        None => Body::new(body),
    }
}
