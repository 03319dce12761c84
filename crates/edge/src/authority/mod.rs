//! The port between the gateway and whoever owns the sessions.
//!
//! One question for each request: whose is it, may it act, and what changes in the jar. Only who holds rows
//! and keys can tell, so identifying, admitting and renewing are one question, and one round trip where the
//! answer comes over a network.

use std::{
    fmt,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, header};
use perennial_protocol::{id::SessionKey, refresh::Delivery, refusal::Refusal, route::Requirement, session::EndReason};
use serde_json::{Map, Value};

use crate::{problem, upstream};

pub mod wire;

/// Who owns the sessions.
#[async_trait]
pub trait SessionAuthority: Send + Sync + fmt::Debug {
    /// Whose request this is, and whether it may go on.
    async fn judge(&self, question: Question<'_>) -> Result<Pass, Denial>;

    /// Another forwarded token in place of one that an upstream refused.
    async fn renew(&self, refused: &Identity, audience: Option<&str>) -> Result<Identity, Refusal>;

    /// Why a session is over, as far as is known without asking anybody.
    fn ended(&self, session: &SessionKey) -> Option<EndReason>;
}

/// The head of a request, and what its route asks for.
#[derive(Debug, Clone, Copy)]
pub struct Question<'r> {
    pub method: &'r Method,
    /// Path and query, as the browser knows them.
    pub target: &'r str,
    pub headers: &'r HeaderMap,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// Whether the cookies of a pass reach the jar.
    pub delivery: Delivery,
    pub requirement: Requirement,
    /// For whom the forwarded token is; `None` for the audience of access tokens.
    pub audience: Option<&'r str>,
}

/// The request may go on.
#[derive(Debug, Default)]
pub struct Pass {
    /// Whose it is; nobody's where the route asks for nobody.
    pub identity: Option<Identity>,
    pub cookies: Cookies,
    /// The session was given new tokens for this request.
    pub renewed: bool,
    /// For so long, the same head would be judged the same, unless the session ends.
    pub holds_for: Duration,
}

/// Whose a request is, as far as an upstream may know.
#[derive(Debug, Clone)]
pub struct Identity {
    pub session: SessionKey,
    pub subject: String,
    pub email: Option<String>,
    pub name: Option<String>,
    pub token: Arc<ForwardedToken>,
    /// When the session ends at the latest: its tunnels end then too.
    pub ends_at: Instant,
}

/// A signed token for an upstream.
pub struct ForwardedToken {
    text: String,
    pub expires_at: Instant,
    /// It was made in place of one that was refused, and the upstream has said or will say what it thinks of this one:
    /// its refusals are not about the token.
    refused_fresh: AtomicBool,
}

impl ForwardedToken {
    pub const fn new(text: String, expires_at: Instant) -> Self {
        Self { text, expires_at, refused_fresh: AtomicBool::new(false) }
    }

    /// Notes that refusals of it are not about the token.
    pub fn note_refused_fresh(&self) {
        self.refused_fresh.store(true, Ordering::Relaxed);
    }

    /// Notes that an upstream took it: the next refusal may be about the token again.
    pub fn note_accepted(&self) {
        self.refused_fresh.store(false, Ordering::Relaxed);
    }

    pub fn was_refused_fresh(&self) -> bool {
        self.refused_fresh.load(Ordering::Relaxed)
    }

    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Whether it is the same token. Who asks has both already, so there is nothing to find out by the time it takes.
    pub fn is(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for ForwardedToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ForwardedToken(..)")
    }
}

/// Set-Cookie lines for the answer. They hold secrets.
#[derive(Default, Clone)]
pub struct Cookies {
    pub lines: Vec<HeaderValue>,
    /// An answer whose head leaves later carries none of them: the jar may hold newer ones by then.
    pub until: Option<Instant>,
}

impl Cookies {
    /// The lines, if they may still be sent.
    pub fn in_time(&self, now: Instant) -> &[HeaderValue] {
        if self.until.is_some_and(|until| now > until) { &[] } else { &self.lines }
    }

    /// Puts them on an answer, which no cache may keep then.
    pub fn set_on(&self, headers: &mut HeaderMap) {
        let lines = self.in_time(Instant::now());
        if !lines.is_empty() {
            upstream::remove_cache_orders(headers);
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        for line in lines {
            headers.append(header::SET_COOKIE, line.clone());
        }
    }
}

impl fmt::Debug for Cookies {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Cookies({})", self.lines.len())
    }
}

/// The request may not go on.
#[derive(Debug)]
pub struct Denial {
    pub refusal: Refusal,
    /// What mends it, such as a `csrf_token`.
    pub further: Map<String, Value>,
    pub cookies: Cookies,
    /// Where a navigation is sent instead.
    pub location: Option<String>,
}

impl From<Refusal> for Denial {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, further: Map::new(), cookies: Cookies::default(), location: None }
    }
}

impl Denial {
    /// What the client is answered.
    pub fn into_response(self) -> Response {
        let mut response = match &self.location {
            Some(location) => problem::see_other(location),
            None => problem::render(&self.refusal, self.further),
        };
        self.cookies.set_on(response.headers_mut());
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_cookies_is_kept_by_no_cache_whatever_it_was_told_before() {
        let cookies = Cookies { lines: vec![HeaderValue::from_static("a=b")], until: None };
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public"));
        headers.insert("cdn-cache-control", HeaderValue::from_static("max-age=60"));
        cookies.set_on(&mut headers);
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert!(!headers.contains_key("cdn-cache-control") && headers.contains_key(header::SET_COOKIE));
    }
}
