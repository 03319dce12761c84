//! The authority's questions and answers as JSON, for a gateway that is a process of its own.
//!
//! Durations are milliseconds from now: the clocks of two machines are never compared. What is said here holds
//! secrets, so nothing of it is printed.

use std::{
    fmt,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use perennial_protocol::{id::SessionKey, refresh::Delivery, refusal::Refusal, route::Requirement, session::EndReason};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Cookies, Denial, ForwardedToken, Identity, Pass, Question};

/// A question, with those headers of the request that the answer depends on.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub peer: IpAddr,
    pub delivery: Delivery,
    pub requirement: Requirement,
    pub audience: Option<String>,
}

/// The headers that a judgement reads, beside the one that carries the anti-CSRF token.
const READ: [HeaderName; 13] = [
    header::ACCEPT,
    header::AUTHORIZATION,
    header::COOKIE,
    header::ORIGIN,
    header::UPGRADE,
    header::USER_AGENT,
    HeaderName::from_static("sec-fetch-site"),
    HeaderName::from_static("sec-fetch-mode"),
    HeaderName::from_static("sec-fetch-dest"),
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-moz"),
    HeaderName::from_static("x-forwarded-for"),
];

impl Asked {
    pub fn of(question: Question<'_>, csrf_header: &HeaderName) -> Self {
        let mut headers = Vec::new();
        for name in READ.iter().chain(std::iter::once(csrf_header)) {
            let values = question.headers.get_all(name).iter();
            headers.extend(
                values.map(|value| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())),
            );
        }
        Self {
            method: question.method.as_str().to_owned(),
            target: question.target.to_owned(),
            headers,
            peer: question.peer,
            delivery: question.delivery,
            requirement: question.requirement,
            audience: question.audience.map(str::to_owned),
        }
    }

    /// The head that was asked about; `None` for what can be no head.
    pub fn head(&self) -> Option<(Method, HeaderMap)> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(name.parse::<HeaderName>().ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?);
        }
        Some((self.method.parse().ok()?, headers))
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Asked({} {})", self.method, self.target.split('?').next().unwrap_or_default())
    }
}

/// The answer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judged {
    Pass(PassSaid),
    Denial(DenialSaid),
}

#[derive(Serialize, Deserialize)]
pub struct PassSaid {
    pub identity: Option<IdentitySaid>,
    pub cookies: CookiesSaid,
    pub renewed: bool,
    pub holds_for_ms: u64,
}

#[derive(Serialize, Deserialize)]
pub struct DenialSaid {
    pub refusal: Refusal,
    pub further: Map<String, Value>,
    pub cookies: CookiesSaid,
    pub location: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub struct IdentitySaid {
    pub session: SessionKey,
    pub subject: String,
    pub email: Option<String>,
    pub name: Option<String>,
    pub token: String,
    pub token_lives_ms: u64,
    pub ends_in_ms: u64,
}

#[derive(Serialize, Deserialize)]
pub struct CookiesSaid {
    pub lines: Vec<String>,
    pub deliverable_for_ms: Option<u64>,
}

/// An end of a session, as a gateway hears of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndSaid {
    pub session: SessionKey,
    pub reason: EndReason,
    /// The authority's own clock: it comes back in the next question, and is compared with nothing else.
    pub at_ms: i64,
}

macro_rules! closed {
    ($($name:ident),+) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(concat!(stringify!($name), "(..)"))
            }
        })+
    };
}
closed!(Judged, PassSaid, DenialSaid, IdentitySaid, CookiesSaid);

impl From<Result<Pass, Denial>> for Judged {
    fn from(judged: Result<Pass, Denial>) -> Self {
        match judged {
            Ok(Pass { identity, cookies, renewed, holds_for }) => Self::Pass(PassSaid {
                identity: identity.map(Into::into),
                cookies: cookies.into(),
                renewed,
                holds_for_ms: ms(holds_for),
            }),
            Err(Denial { refusal, further, cookies, location }) => {
                Self::Denial(DenialSaid { refusal, further, cookies: cookies.into(), location })
            }
        }
    }
}

impl From<Judged> for Result<Pass, Denial> {
    fn from(judged: Judged) -> Self {
        match judged {
            Judged::Pass(PassSaid { identity, cookies, renewed, holds_for_ms }) => Ok(Pass {
                identity: identity.map(Into::into),
                cookies: cookies.into(),
                renewed,
                holds_for: Duration::from_millis(holds_for_ms),
            }),
            Judged::Denial(DenialSaid { refusal, further, cookies, location }) => {
                Err(Denial { refusal, further, cookies: cookies.into(), location })
            }
        }
    }
}

impl From<Identity> for IdentitySaid {
    fn from(identity: Identity) -> Self {
        Self {
            token: identity.token.expose().to_owned(),
            token_lives_ms: left(identity.token.expires_at),
            ends_in_ms: left(identity.ends_at),
            session: identity.session,
            subject: identity.subject,
            email: identity.email,
            name: identity.name,
        }
    }
}

impl From<IdentitySaid> for Identity {
    fn from(said: IdentitySaid) -> Self {
        Self {
            session: said.session,
            subject: said.subject,
            email: said.email,
            name: said.name,
            token: Arc::new(ForwardedToken::new(said.token, moment_in(said.token_lives_ms))),
            ends_at: moment_in(said.ends_in_ms),
        }
    }
}

impl From<Cookies> for CookiesSaid {
    fn from(cookies: Cookies) -> Self {
        let lines = cookies.lines.iter().filter_map(|line| line.to_str().ok().map(str::to_owned));
        Self { lines: lines.collect(), deliverable_for_ms: cookies.until.map(left) }
    }
}

impl From<CookiesSaid> for Cookies {
    fn from(said: CookiesSaid) -> Self {
        let until = said.deliverable_for_ms.map(moment_in);
        Self { lines: said.lines.iter().filter_map(|line| line.parse().ok()).collect(), until }
    }
}

/// A moment so far from now; one that no clock reaches is as good as now.
fn moment_in(ms: u64) -> Instant {
    let now = Instant::now();
    now.checked_add(Duration::from_millis(ms)).unwrap_or(now)
}

fn left(moment: Instant) -> u64 {
    ms(moment.saturating_duration_since(Instant::now()))
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_that_no_clock_reaches_does_no_harm() {
        let said = CookiesSaid { lines: vec![], deliverable_for_ms: Some(u64::MAX) };
        assert!(Cookies::from(said).until.is_some());
    }
}
