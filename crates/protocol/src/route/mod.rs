//! Where the gateway sends a request, and what it asks of it: the routes of the configuration.
//!
//! `path` says which paths may be routed at all, `table` which route answers for one, `expired` when an
//! upstream's refusal means that the token it was sent is no longer good, `foreign` how a backend hands out tokens of
//! its own, `freshness` when one of those is about to end.

pub mod expired;
pub mod foreign;
pub mod freshness;
pub mod path;
pub mod table;

use serde::{Deserialize, Serialize};

use crate::time::Millis;

pub use expired::{ExpiredBody, ExpiredRule, Refused401};
pub use foreign::{AccessTravels, ForeignCookie, ForeignIssuer, RefreshTravels};
pub use freshness::Freshness;
pub use path::{PathPrefix, PathProblem};
pub use table::{RouteTable, Routed};

/// One route: a path prefix, an upstream behind it, and the rules between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub path: PathPrefix,
    /// At least one. Each request goes to the next of them, and to the one after it where nothing listens.
    pub upstreams: Vec<Upstream>,
    /// Upper-case; `None` allows every method but CONNECT and TRACE.
    pub methods: Option<Vec<String>>,
    pub requirement: Requirement,
    /// Taken off the front of the path, where it stands there.
    pub strip_prefix: Option<PathPrefix>,
    /// Put in front of the path after that.
    pub add_prefix: Option<PathPrefix>,
    /// How long the upstream may take until its answer begins.
    pub timeout: Millis,
    /// The largest body in bytes; `None` for no limit.
    pub body_bytes_max: Option<u64>,
    pub forward: Forward,
    /// The `aud` of the forwarded token; `None` for the one of access tokens.
    pub audience: Option<String>,
    /// What else than `invalid_token` (RFC 6750 §3.1) says that the forwarded token is no longer good.
    pub expired: Option<ExpiredRule>,
    /// The name of the foreign issuer whose tokens the upstream takes.
    pub issuer: Option<String>,
}

/// What a route asks of whoever sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// A session.
    Required,
    /// Nothing, but who has a session is told to the upstream.
    Optional,
    /// Nothing: the request is not looked at, and its answer stays as it is.
    None,
}

/// How the upstream hears whose request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forward {
    /// `Authorization: Bearer` with a forwarded token.
    Bearer,
    /// `Remote-User`, `Remote-Email`, `Remote-Name` and `Remote-Session`.
    Headers,
    /// Not at all.
    #[serde(rename = "none")]
    Nothing,
    /// The upstream is the auth service itself: it gets our cookies, and sets them.
    #[serde(skip)]
    ToAuthority,
}

/// A server behind the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    pub scheme: UpstreamScheme,
    /// `host:port`, or `host` alone for the scheme's own port.
    pub authority: String,
}

/// How a server behind the gateway is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamScheme {
    /// HTTP/1.1 in clear.
    Http,
    /// TLS, with HTTP/2 where the server offers it.
    Https,
    /// HTTP/2 in clear, with prior knowledge (RFC 9113 §3.3).
    H2c,
}
