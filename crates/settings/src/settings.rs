//! The configuration as the service runs with it: parsed, checked, and free of `"auto"` and empty texts.

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf};

use ipnet::IpNet;
use perennial_protocol::{
    call::Call,
    cookie::{CookieAttributes, CookieNames},
    login::{MfaPolicy, throttle},
    origin::OriginPolicy,
    route::{ForeignIssuer, RouteTable, Upstream},
    session::lifetimes::Lifetimes,
    time::Millis,
    token::{Issuer, Transport},
};

use crate::{
    choice::{CsrfMode, LogFormat, LogLevel},
    master::Master,
    origin::Origin,
};

/// Everything that configuration decides; the parts are named after the tables of the file.
#[derive(Debug, Clone)]
pub struct Settings {
    pub server: Server,
    pub store: Store,
    pub tokens: Tokens,
    pub cookies: Cookies,
    pub csrf: Csrf,
    pub http: Http,
    pub pages: Pages,
    pub register: Register,
    pub mfa: Mfa,
    pub mail: Mail,
    pub limits: Limits,
    pub log: Log,
    /// `None` where nothing is routed.
    pub gateway: Option<Gateway>,
    /// How long a token lives that an upstream is handed, by the gateway or by a web server that asked.
    pub forwarded_ttl: Millis,
}

#[derive(Debug, Clone)]
pub struct Server {
    pub listen: SocketAddr,
    /// Never the same as `listen`.
    pub admin_listen: SocketAddr,
    pub public_url: Origin,
    pub trusted_proxies: Vec<IpNet>,
}

/// Where sessions and accounts are kept, and the keys beside them.
#[derive(Debug, Clone)]
pub enum Store {
    /// For one node: a file, and a folder with a file for each key.
    Sqlite { path: PathBuf, keys: PathBuf },
    /// For many nodes: a database, and the keys in it, each sealed under the master.
    Postgres { url: DatabaseUrl, master: Master },
}

/// The address of a database, with its password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(pub(crate) String);

impl DatabaseUrl {
    /// The URL in clear, for the database client alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("DatabaseUrl(..)")
    }
}

#[derive(Debug, Clone)]
pub struct Tokens {
    pub lifetimes: Lifetimes,
    pub transport: Transport,
    pub issuer: Issuer,
}

#[derive(Debug, Clone)]
pub struct Cookies {
    /// Whole names, prefix included, before any tag.
    pub names: CookieNames,
    pub attributes: CookieAttributes,
}

#[derive(Debug, Clone)]
pub struct Csrf {
    pub header: String,
    pub mode: CsrfMode,
    /// Calls whose mode is not `mode`.
    pub modes: BTreeMap<Call, CsrfMode>,
    /// Whose pages may call: `server.public_url`, further origins of its site, in `dev` any on loopback.
    pub origins: OriginPolicy,
}

impl Csrf {
    /// How an unsafe request of this call is checked. Logout and `POST session` are checked by origin always.
    pub fn mode_of(&self, call: Call) -> CsrfMode {
        match call {
            Call::Logout | Call::Session => CsrfMode::Origin,
            _ => self.modes.get(&call).copied().unwrap_or(self.mode),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Http {
    /// The wire preset in use.
    pub wire: Option<&'static str>,
    /// Begins with a slash and does not end in one.
    pub base: String,
    /// Further paths, without a trailing slash, none of them a path of its own call already.
    pub aliases: BTreeMap<String, Call>,
    /// Whether answers stand in `{success, data}`.
    pub envelope: bool,
    /// The fields that a call answers with, each with the field of ours that it shows.
    pub fields: BTreeMap<Call, Vec<(String, String)>>,
    /// Constant fields that are added to a call's answer.
    pub answers: BTreeMap<Call, serde_json::Map<String, serde_json::Value>>,
}

#[derive(Debug, Clone)]
pub struct Pages {
    pub enabled: bool,
    pub login: String,
    pub after_login: String,
}

#[derive(Debug, Clone)]
pub struct Register {
    pub open: bool,
    pub verify_email: bool,
}

#[derive(Debug, Clone)]
pub struct Mfa {
    pub policy: MfaPolicy,
}

#[derive(Debug, Clone)]
pub struct Mail {
    pub transport: MailTransport,
    pub from: Option<String>,
}

/// How mail leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailTransport {
    Smtp(SmtpUrl),
    /// Kept in memory and shown, in `dev` only.
    Mailbox,
    /// Written to the log, in `dev` only.
    Log,
    /// No server is configured, and no flow that is switched on sends mail.
    Unset,
}

/// The address of a mail server, with its password.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpUrl(pub(crate) String);

impl SmtpUrl {
    /// The URL in clear, for the mail client alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SmtpUrl(..)")
    }
}

#[derive(Debug, Clone)]
pub struct Limits {
    pub connections: usize,
    pub header_timeout: Millis,
    pub request_timeout: Millis,
    pub body_bytes: usize,
    pub shutdown_grace: Millis,
    pub hash_permits: usize,
    /// How much guessing is allowed.
    pub guesses: throttle::Limits,
}

#[derive(Debug, Clone)]
pub struct Log {
    pub format: LogFormat,
    pub level: LogLevel,
}

/// What stands behind the service. A path of the service's own beats every route.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// At least one; a route's issuer is one of `issuers`.
    pub routes: RouteTable,
    /// By their names, each used by a route.
    pub issuers: BTreeMap<String, ForeignIssuer>,
    /// The largest request body that is kept to be sent once more.
    pub replay_bytes: usize,
    pub connect_timeout: Millis,
    /// Where the auth service is, if it is not in this process.
    pub authority: Option<Authority>,
}

/// The auth service of a gateway apart.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Its admin listener.
    pub url: String,
    pub key: AdminKeyText,
    /// Its public listener.
    pub service: Upstream,
}

/// The text of an admin key.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminKeyText(pub(crate) String);

impl AdminKeyText {
    /// The key in clear, for the client of the service alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AdminKeyText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("AdminKeyText(..)")
    }
}
