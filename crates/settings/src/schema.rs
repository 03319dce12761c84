//! The configuration as it is written: one struct per table, one field per key, each with its default.
//!
//! Texts are still texts here; `resolve` turns them into the settings that the service runs with. What each
//! key means stands in `catalogue`, and a test there keeps the two lists equal.

use std::collections::BTreeMap;

use perennial_protocol::{
    cookie::SameSite,
    login::MfaPolicy,
    refresh::Reuse,
    route::{Forward, Requirement},
    session::lifetimes::Named,
    time::Millis,
    token::Transport,
};
use serde::{Deserialize, Serialize};

use crate::choice::{Auto, CsrfMode, LogFormat, LogLevel, MailBy, OneOrMore, Secure};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Schema {
    pub(crate) server: Server,
    pub(crate) store: Store,
    pub(crate) keys: Keys,
    pub(crate) tokens: Tokens,
    pub(crate) cookies: Cookies,
    pub(crate) csrf: Csrf,
    pub(crate) http: Http,
    pub(crate) pages: Pages,
    pub(crate) register: Register,
    pub(crate) mfa: Mfa,
    pub(crate) mail: Mail,
    pub(crate) limits: Limits,
    pub(crate) log: Log,
    pub(crate) gateway: Gateway,
}

/// Writes a table of the configuration: its struct, and its defaults beside the fields.
macro_rules! table {
    ($name:ident { $($field:ident: $kind:ty = $default:expr),+ $(,)? }) => {
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct $name {
            $(pub(crate) $field: $kind,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        #[cfg(test)]
        impl $name {
            #[allow(dead_code, reason = "most tables show their fields in their defaults")]
            pub(crate) const FIELDS: &[&str] = &[$(stringify!($field)),+];
        }
    };
}

table!(Server {
    listen: String = "127.0.0.1:8080".into(),
    admin_listen: String = "127.0.0.1:8081".into(),
    public_url: String = "http://localhost:8080".into(),
    trusted_proxies: Vec<String> = Vec::new(),
});

table!(Store { url: String = "sqlite:perennial-data/perennial.db".into(), url_file: String = String::new() });

table!(Keys { dir: String = "perennial-data/keys".into(), master_file: String = String::new() });

table!(Tokens {
    lifetimes: Named = Named::Balanced,
    access_ttl: Millis = Millis::minutes(15),
    idle_ttl: Millis = Millis::days(7),
    absolute_ttl: Millis = Millis::days(30),
    jitter: f64 = 0.1,
    rotation: bool = true,
    cooldown: Millis = Millis::seconds(120),
    overlap: Millis = Millis::seconds(30),
    reuse: Reuse = Reuse::Prove,
    transport: Transport = Transport::Cookie,
    issuer: String = String::new(),
    audience: String = "api".into(),
});

table!(Cookies {
    secure: Secure = Secure::Auto(Auto::Auto),
    prefix: String = "auto".into(),
    prefixes: BTreeMap<String, String> = BTreeMap::new(),
    domain: String = String::new(),
    same_site: SameSite = SameSite::Lax,
    tags: bool = true,
    refresh: String = "refreshtoken".into(),
    access: String = "accesstoken".into(),
    csrf: String = "csrftoken".into(),
    hint: String = "auth_hint".into(),
    mfa_setup: String = "mfa_setup".into(),
    mfa_verify: String = "mfa_verify".into(),
    verify_email: String = "verify_email".into(),
    stale: String = "stale".into(),
    known: String = "known".into(),
});

table!(Csrf {
    header: String = "X-CSRFToken".into(),
    mode: CsrfMode = CsrfMode::Token,
    modes: BTreeMap<String, CsrfMode> = BTreeMap::new(),
    allowed_origins: Vec<String> = Vec::new(),
});

table!(Http {
    wire: String = String::new(),
    base: String = "/auth".into(),
    envelope: bool = false,
    aliases: BTreeMap<String, String> = BTreeMap::new(),
    fields: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new(),
    answers: BTreeMap<String, serde_json::Map<String, serde_json::Value>> = BTreeMap::new(),
});

table!(Pages { enabled: bool = true, login: String = "/login".into(), after_login: String = "/".into() });

table!(Register { open: bool = true, verify_email: bool = true });

table!(Mfa { policy: MfaPolicy = MfaPolicy::Optional });

table!(Mail {
    transport: MailBy = MailBy::Smtp,
    smtp_url: String = String::new(),
    smtp_url_file: String = String::new(),
    from: String = String::new(),
});

table!(Limits {
    connections: u32 = 10_000,
    header_timeout: Millis = Millis::seconds(10),
    request_timeout: Millis = Millis::seconds(30),
    body_bytes: u32 = 65_536,
    shutdown_grace: Millis = Millis::seconds(20),
    hash_permits: u32 = 0,
    login_failures_per_account: u32 = 10,
    login_failures_per_address: u32 = 100,
    login_window: Millis = Millis::minutes(15),
    code_attempts: u32 = 5,
    mails_per_recipient_per_hour: u32 = 5,
});

table!(Log { format: LogFormat = LogFormat::Json, level: LogLevel = LogLevel::Info });

table!(Gateway {
    forwarded_ttl: Millis = Millis::minutes(2),
    replay_bytes: u32 = 65_536,
    connect_timeout: Millis = Millis::seconds(2),
    authority: String = String::new(),
    authority_key_file: String = String::new(),
    auth_service: String = String::new(),
    // By their places, counted from 0.
    routes: BTreeMap<String, Route> = BTreeMap::new(),
    issuers: BTreeMap<String, Issuer> = BTreeMap::new(),
});

table!(Route {
    path: Option<String> = None,
    upstream: Option<OneOrMore> = None,
    auth: Requirement = Requirement::Required,
    methods: Vec<String> = Vec::new(),
    strip_prefix: String = String::new(),
    add_prefix: String = String::new(),
    timeout: Millis = Millis::seconds(30),
    body_limit: Option<u32> = None,
    forward: Forward = Forward::Bearer,
    audience: String = String::new(),
    expired: Option<Expired> = None,
    issuer: String = String::new(),
});

table!(Issuer {
    preset: String = String::new(),
    login: Option<String> = None,
    refresh: Option<String> = None,
    logout: String = String::new(),
    access_pointer: Option<String> = None,
    refresh_pointer: Option<String> = None,
    sends_refresh: Option<String> = None,
    sends_access: String = "bearer".into(),
    access_cookie: Option<String> = None,
    access_cookie_ttl: Option<Millis> = None,
    refresh_cookie: Option<String> = None,
    refresh_cookie_ttl: Option<Millis> = None,
    same_site: SameSite = SameSite::Strict,
    expired: Option<Expired> = None,
    login_page: String = String::new(),
});

table!(Expired { status: Option<u32> = None, pointer: Option<String> = None, equals: Option<String> = None });
