//! What the gateway is told once, at start: already parsed and checked.

use std::{collections::BTreeMap, time::Duration};

use http::{HeaderName, HeaderValue};
use ipnet::IpNet;
use perennial_protocol::{
    cookie::CookieNames,
    origin::OriginPolicy,
    route::{ForeignIssuer, RouteTable},
    token::Transport,
};

/// The gateway's settings.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    pub routes: RouteTable,
    pub issuers: BTreeMap<String, ForeignIssuer>,
    /// The cookies that no upstream sees or sets.
    pub cookies: CookieNames,
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
