//! What the gateway is told once, at start: already parsed and checked.

use std::{collections::BTreeMap, time::Duration};

use http::{HeaderName, HeaderValue};
use ipnet::IpNet;
use perennial_protocol::{
    cookie::{CookieNames, set::Secure},
    origin::OriginPolicy,
    route::{ExpiredRule, ForeignIssuer, Route, RouteTable},
    token::Transport,
};

/// The gateway's settings.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    pub routes: RouteTable,
    pub issuers: BTreeMap<String, ForeignIssuer>,
    /// The cookies that no upstream sees or sets.
    pub cookies: CookieNames,
    /// Whether the cookies of foreign issuers travel over TLS only.
    pub secure: Secure,
    pub transport: Transport,
    pub csrf_header: HeaderName,
    pub origins: OriginPolicy,
    /// `https` or `http`, as browsers see it.
    pub public_scheme: HeaderValue,
    /// Host and port, as browsers see them.
    pub public_host: HeaderValue,
    pub trusted_proxies: Vec<IpNet>,
    /// Bodies up to this size are kept, so that they can be sent once more.
    pub replay_bytes: usize,
    pub connect_timeout: Duration,
}

impl GatewaySettings {
    /// Whether upstreams of this route neither see nor set a cookie of this name: it is ours, or keeps a token of an
    /// issuer. An upstream of that issuer gets its token from us alone.
    pub(crate) fn keeps_to_itself(&self, cookie: &str, route: &Route) -> bool {
        let issuer = route.issuer.as_ref().and_then(|name| self.issuers.get(name));
        self.cookies.is_reserved(cookie)
            || self.issuers.values().any(|issuer| issuer.keeps(cookie))
            || issuer.is_some_and(|issuer| issuer.reads(cookie))
    }

    /// The rule by which upstreams of this route say that a token has expired.
    pub(crate) fn expired_rule<'s>(&'s self, route: &'s Route) -> Option<&'s ExpiredRule> {
        let issuer = route.issuer.as_ref().and_then(|name| self.issuers.get(name));
        issuer.map(|issuer| &issuer.expired).or(route.expired.as_ref())
    }
}
