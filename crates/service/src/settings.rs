//! What the service is told once, at start: already parsed and checked.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ipnet::IpNet;
use perennial_protocol::{
    call::Call,
    cookie::{CookieAttributes, CookieNames},
    login::{MfaPolicy, throttle},
    origin::OriginPolicy,
    session::lifetimes::Lifetimes,
    time::Millis,
    token::{Issuer, Transport},
};

/// The service's settings.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    /// The name people know the service by: in mails and authenticator apps.
    pub product: String,
    pub lifetimes: Lifetimes,
    pub issuer: Issuer,
    pub transport: Transport,
    pub cookies: CookieNames,
    pub attributes: CookieAttributes,
    pub csrf_header: http::HeaderName,
    /// The calls whose unsafe requests are checked by Origin alone.
    pub origin_mode: BTreeSet<Call>,
    pub origins: OriginPolicy,
    /// Where the API hangs, without a trailing slash.
    pub base: String,
    /// Other paths for calls, without trailing slashes.
    pub aliases: BTreeMap<String, Call>,
    pub envelope: Envelope,
    /// The fields of a call's answer and where they come from; calls that are not here answer with all of their own.
    pub fields: BTreeMap<Call, Vec<(String, String)>>,
    /// Constant fields added to a call's answer.
    pub extra_fields: BTreeMap<Call, serde_json::Map<String, serde_json::Value>>,
    pub pages: Option<PageSettings>,
    pub registration: Registration,
    pub mfa: MfaPolicy,
    pub throttle: throttle::Limits,
    pub hash_permits: usize,
    pub body_bytes_max: usize,
    pub request_timeout: Duration,
    /// How long a token lives that an upstream is handed.
    pub forwarded_ttl: Millis,
    pub trusted_proxies: Vec<IpNet>,
}

/// How an answer stands in its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// As it is.
    None,
    /// `{"success": true, "data": …}`.
    Data,
}

/// The hosted pages.
#[derive(Debug, Clone)]
pub struct PageSettings {
    pub login: String,
    pub after_login: String,
    /// Development only: where mailed codes can be read.
    pub mailbox: Option<String>,
}

/// Who may open an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    Closed,
    /// Anyone whose address receives our mail.
    Verified,
    /// Anyone; the answer then has to say when an address is taken.
    Unverified,
}
