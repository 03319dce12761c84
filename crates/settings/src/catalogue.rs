//! Every key of the configuration in one table: its form and its meaning.
//!
//! Validation, suggestions, `config print` and the reference read this table; defaults stand in `schema`.

use perennial_protocol::call::CALLS;

use crate::kind::Kind::{self, AutoFlag, Choice, Count, Fields, Flag, Ratio, SecretUrl, Span, Text, Texts, Urls};

/// One key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// Its dotted path; in a table that is written many times, without the place or the name.
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    /// One line for the reference.
    pub(crate) meaning: &'static str,
}

/// How a table is written that there may be many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeated {
    /// `[[table]]`: each has a place, counted from 0.
    Listed,
    /// `[table.NAME]`: each has a name.
    Named,
}

const REPEATED: &[(&str, Repeated)] = &[("gateway.routes", Repeated::Listed), ("gateway.issuers", Repeated::Named)];

/// Whether there may be many of this table.
pub(crate) fn repeated(table: &str) -> Option<Repeated> {
    REPEATED.iter().find(|(name, _)| *name == table).map(|(_, repeated)| *repeated)
}

/// The tables that there may be many of.
pub(crate) fn repeated_tables() -> impl Iterator<Item = &'static str> {
    REPEATED.iter().map(|(table, _)| *table)
}

/// Whether this path is the one of a table that there may be many of.
pub(crate) fn repeated_at(path: &[String]) -> Option<Repeated> {
    repeated(&path.join("."))
}

/// How the head of a table is written.
pub(crate) fn head(table: &str) -> String {
    match repeated(table) {
        None => format!("[{table}]"),
        Some(Repeated::Listed) => format!("[[{table}]]"),
        Some(Repeated::Named) => format!("[{table}.NAME]"),
    }
}

/// The key that a path leads to, and how many parts of the path are spent on it.
pub(crate) fn at(path: &[String]) -> Option<(&'static Key, usize)> {
    let (table, name) = match path {
        [root, table, _, name, ..] if repeated_at(&path[..2]).is_some() => (&format!("{root}.{table}"), name),
        [table, name, ..] => (table, name),
        _ => return None,
    };
    let spent = if repeated(table).is_some() { 4 } else { 2 };
    find(table, name).map(|key| (key, spent))
}

/// The key at this table and name.
pub(crate) fn find(table: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.table() == table && key.name() == name)
}

/// The tables in the order of the reference.
pub(crate) fn tables() -> Vec<&'static str> {
    let mut tables: Vec<_> = KEYS.iter().map(Key::table).collect();
    tables.dedup();
    tables
}

/// The keys of one table.
pub(crate) fn of_table(table: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.table() == table)
}

/// What the contract names but this build does not have, and what to do about it.
pub(crate) const NOT_BUILT: &[(&str, &str)] = &[("webhooks", "this build sends no webhooks yet: remove [[webhooks]]")];

impl Key {
    pub(crate) fn table(&self) -> &'static str {
        self.path.rsplit_once('.').expect("a path has a table and a name").0
    }

    pub(crate) fn name(&self) -> &'static str {
        self.path.rsplit_once('.').expect("a path has a table and a name").1
    }

    /// The path as texts for people name it.
    pub(crate) fn shown(&self) -> String {
        match repeated(self.table()) {
            None => self.path.to_owned(),
            Some(Repeated::Listed) => format!("{}[].{}", self.table(), self.name()),
            Some(Repeated::Named) => format!("{}.NAME.{}", self.table(), self.name()),
        }
    }
}

/// The cookies, as `cookies.prefixes` names them.
pub(crate) const COOKIES: &[&str] =
    &["refresh", "access", "csrf", "hint", "mfa_setup", "mfa_verify", "verify_email", "stale", "known"];

const MODES: &[&str] = &["token", "origin"];
const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];
const PREFIXES: Kind = Kind::Map { keys: Some(COOKIES), values: &Text };
const CALL_MODES: Kind = Kind::Map { keys: Some(CALLS), values: &Choice(MODES) };
const ALIASES: Kind = Kind::Map { keys: None, values: &Choice(CALLS) };
const FIELDS: Kind = Kind::Map { keys: Some(CALLS), values: &Kind::Map { keys: None, values: &Text } };
const ANSWERS: Kind = Kind::Map { keys: Some(CALLS), values: &Kind::Map { keys: None, values: &Kind::Any } };

const EXPIRED: Kind = Fields(&[("status", Count), ("pointer", Text), ("equals", Text)]);

const fn key(path: &'static str, kind: Kind, meaning: &'static str) -> Key {
    Key { path, kind, meaning }
}

#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    key("server.listen", Text, "Address and port that browsers or the proxy in front of us reach."),
    key("server.admin_listen", Text, "Address and port of health, metrics and the admin API; keep it private."),
    key("server.public_url", Text, "The origin that browsers see: scheme, host and port, no path. Plain http on loopback hosts only."),
    key("server.trusted_proxies", Texts, "Networks (CIDR) whose forwarding headers are believed."),
    key("store.url", SecretUrl, "Where sessions and accounts are kept: `sqlite:PATH`, or `postgres://user:password@host/database` for many nodes."),
    key("store.url_file", Text, "File that holds the same URL, to keep the password out of the configuration."),
    key("keys.dir", Text, "With SQLite: folder of the keys; missing keys are made by `migrate` and `serve`."),
    key("keys.master_file", Text, "With PostgreSQL: file with 32 random bytes in base64 under which the keys are sealed in the database; every node has the same."),
    key("tokens.lifetimes", Choice(&["balanced", "strict"]), "Named set of the keys below: `balanced` is 15m, 7d, 30d, `prove`; `strict` is 5m, 1h, 24h, `at_once`."),
    key("tokens.access_ttl", Span, "How long an access token lives."),
    key("tokens.idle_ttl", Span, "A session without activity for this long is over."),
    key("tokens.absolute_ttl", Span, "A session ends this long after login, whatever happens; at most 400d."),
    key("tokens.jitter", Ratio, "Share by which an access token may live longer or shorter, 0 to 0.5, so that expiries do not align."),
    key("tokens.rotation", Flag, "Whether refresh tokens are replaced; without it, one serves for the life of the session."),
    key("tokens.cooldown", Span, "After a refresh token was handed out, it only yields an access token for this long."),
    key("tokens.overlap", Span, "After a hand-out, the predecessor is answered for this long; overlap + twice the longest hold in the network must fit into cooldown."),
    key("tokens.reuse", Choice(&["prove", "at_once"]), "When a dead refresh token that comes back ends the session: once it is proven to be in two hands, or at once."),
    key("tokens.transport", Choice(&["cookie", "bearer"]), "Where the access token travels: in an HttpOnly cookie, or in the body of answers and then as `Authorization: Bearer`."),
    key("tokens.issuer", Text, "The `iss` of every JWT; empty means `server.public_url`."),
    key("tokens.audience", Text, "The `aud` of every JWT."),
    key("cookies.secure", AutoFlag, "The `Secure` attribute; `\"auto\"` sets it when `server.public_url` is https."),
    key("cookies.prefix", Text, "What every cookie's name begins with; `\"auto\"` is `__Host-` over https and nothing over plain http."),
    key("cookies.prefixes", PREFIXES, "Another prefix per cookie, such as `{ csrf = \"\" }`."),
    key("cookies.domain", Text, "The `Domain` attribute; empty keeps cookies to the host of `server.public_url`. Cannot go with `__Host-`."),
    key("cookies.same_site", Choice(&["Strict", "Lax", "None"]), "The `SameSite` attribute; with `\"Strict\"`, a link from another site arrives logged out."),
    key("cookies.tags", Flag, "Whether token cookies carry two characters of their session in their name, so that a late answer of another login cannot overwrite them."),
    key("cookies.refresh", Text, "Name of the cookie that holds the refresh token."),
    key("cookies.access", Text, "Name of the cookie that holds the access token."),
    key("cookies.csrf", Text, "Name of the cookie that holds the CSRF token; page scripts read it."),
    key("cookies.hint", Text, "Name of the cookie that tells page scripts the status; it holds no secret."),
    key("cookies.mfa_setup", Text, "Name of the cookie of a login that must set up a second factor."),
    key("cookies.mfa_verify", Text, "Name of the cookie of a login that waits for the second factor."),
    key("cookies.verify_email", Text, "Name of the cookie of a registration that waits for its code."),
    key("cookies.stale", Text, "Name of the cookie that marks a jar as told that its token is dead."),
    key("cookies.known", Text, "Name of the cookie of a browser that logged in before; it is exempt from a lockout that others cause."),
    key("csrf.header", Text, "Header that carries the CSRF token."),
    key("csrf.mode", Choice(MODES), "How unsafe requests are checked: by the token of the session, or by an allowed `Origin`. A good bearer needs no token."),
    key("csrf.modes", CALL_MODES, "Another mode per call, such as `{ login = \"origin\" }`; `logout` and `POST session` are always checked by origin."),
    key("csrf.allowed_origins", Texts, "Further origins of the same site whose pages may call, exactly as the browser sends them."),
    key("http.wire", Text, "Name of the wire preset that an existing frontend expects, such as `vault`; empty for none."),
    key("http.base", Text, "Path that every call stands under."),
    key("http.envelope", Flag, "Whether answers are wrapped in `{\"success\": true, \"data\": …}`; a new `csrf_token` then stands in `data`, in refusals too."),
    key("http.aliases", ALIASES, "Further paths of calls, such as `{ \"/api/auth/token/\" = \"token\" }`."),
    key("http.fields", FIELDS, "The fields that a call answers with, by their names on the wire, such as `{ token = { accessToken = \"access\" } }`; without it, all of them."),
    key("http.answers", ANSWERS, "Constant fields that are added to a call's answer, such as `{ token = { access = true } }`."),
    key("pages.enabled", Flag, "Whether the hosted pages for login and registration are served."),
    key("pages.login", Text, "Path of the login page."),
    key("pages.after_login", Text, "Path to go to after login, when nothing else was asked for."),
    key("register.open", Flag, "Whether people may register by themselves."),
    key("register.verify_email", Flag, "Whether an account begins with a code sent by mail; without it, the answer to register tells whether an address is taken."),
    key("mfa.policy", Choice(&["off", "optional", "required"]), "Whether people have a second factor."),
    key("mail.transport", Choice(&["smtp", "mailbox", "log"]), "How mail leaves; `\"mailbox\"` and `\"log\"` exist in `perennial dev` only, where `\"mailbox\"` is the default."),
    key("mail.smtp_url", SecretUrl, "The mail server: `smtps://user:password@host` or `smtp://user:password@host:587?tls=required`."),
    key("mail.smtp_url_file", Text, "File that holds the same URL, to keep the password out of the configuration."),
    key("mail.from", Text, "The sender, such as `Example <login@example.com>`."),
    key("limits.connections", Count, "Connections open at once."),
    key("limits.header_timeout", Span, "Time for the head of a request to arrive."),
    key("limits.request_timeout", Span, "Time for a whole request to be answered."),
    key("limits.body_bytes", Count, "Size of a request body."),
    key("limits.shutdown_grace", Span, "Time for requests in flight to finish at shutdown."),
    key("limits.hash_permits", Count, "Password hashes computed at once; 0 means half the cores."),
    key("limits.login_failures_per_account", Count, "Failed logins of one account within `login_window` before it is locked for strangers."),
    key("limits.login_failures_per_address", Count, "Failed logins from one network address within `login_window` before it has to wait."),
    key("limits.login_window", Span, "Time in which failed logins are counted."),
    key("limits.code_attempts", Count, "Wrong codes before a code is void."),
    key("limits.mails_per_recipient_per_hour", Count, "Mails sent to one e-mail address in an hour."),
    key("log.format", Choice(&["json", "text"]), "How a line of the log looks; `perennial dev` writes text."),
    key("log.level", Choice(LEVELS), "The least severe line that is still logged."),
    key("gateway.forwarded_ttl", Span, "How long the token lives that an upstream is sent; a logout does not shorten it."),
    key("gateway.replay_bytes", Count, "Size up to which a request body is kept, so that the request can be sent once more after a renewal; at most 1048576."),
    key("gateway.connect_timeout", Span, "Time for a connection to an upstream to open."),
    key("gateway.authority", Text, "For `perennial gateway` alone: the admin listener of the auth service, such as `http://10.0.0.5:8081`; empty where the service runs in the same process."),
    key("gateway.authority_key_file", Text, "File that holds the admin key with the scope `gateway` for it."),
    key("gateway.auth_service", Text, "For `perennial gateway` alone: the public listener of the auth service, where login, refresh and pages are answered, such as `http://10.0.0.5:8080`."),
    key("gateway.routes.path", Text, "Required. What the paths of the route begin with, in whole segments; the longest wins, and a path of the service's own beats them all."),
    key("gateway.routes.upstream", Urls, "Required. Where requests go, such as `http://127.0.0.1:9000`; also `https`, and `h2c` for HTTP/2 in clear. The members of a list take turns."),
    key("gateway.routes.auth", Choice(&["required", "optional", "none"]), "Who is let through: `required` asks for a session, `optional` tells the upstream who has one, `none` does not look; with `issuer` it is `none`."),
    key("gateway.routes.methods", Texts, "The methods that are let through; empty for all but CONNECT and TRACE."),
    key("gateway.routes.strip_prefix", Text, "Taken off the front of the path; the route's `path` begins with it."),
    key("gateway.routes.add_prefix", Text, "Put in front of the path after that."),
    key("gateway.routes.timeout", Span, "Time for the answer of the upstream to begin."),
    key("gateway.routes.body_limit", Count, "Size of a request body in bytes; without it, there is no limit."),
    key("gateway.routes.forward", Choice(&["bearer", "headers", "none"]), "How the upstream hears whose request it is: by a token in `Authorization: Bearer`, by `Remote-User`, `Remote-Email`, `Remote-Name` and `Remote-Session`, or not at all; with `auth = \"none\"` it is `none`."),
    key("gateway.routes.audience", Text, "The `aud` of the forwarded token; empty means `tokens.audience`."),
    key("gateway.routes.expired", EXPIRED, "The refusal, beside `invalid_token`, that says that the forwarded token is no longer good, such as `{ status = 401, pointer = \"/detail\", equals = \"Access token has expired\" }`; `pointer` and `equals` name a text in its JSON."),
    key("gateway.routes.issuer", Text, "Name of the issuer below whose tokens the upstream takes; empty when it takes ours."),
    key("gateway.issuers.preset", Text, "Name of the preset that fills the keys that are not written, such as `json-tokens`; empty for none."),
    key("gateway.issuers.login", Text, "Required. Path of its login, as the upstream is asked for it; so are the next two."),
    key("gateway.issuers.refresh", Text, "Required. Path where it takes a refresh token and answers with new tokens."),
    key("gateway.issuers.logout", Text, "Path of its logout; empty for none."),
    key("gateway.issuers.access_pointer", Text, "Required. Where the access token stands in the JSON of its answers, such as `/data/access_token`."),
    key("gateway.issuers.refresh_pointer", Text, "Required. Where the refresh token stands."),
    key("gateway.issuers.sends_refresh", Text, "Required. How it wants the refresh token: `cookie:NAME`, `json:FIELD` or `header:NAME`."),
    key("gateway.issuers.sends_access", Text, "How the upstream wants the access token: `bearer` or `cookie:NAME`."),
    key("gateway.issuers.access_cookie", Text, "Required. Name of the HttpOnly cookie in which the browser keeps the access token."),
    key("gateway.issuers.access_cookie_ttl", Span, "Required. How long the browser keeps it."),
    key("gateway.issuers.refresh_cookie", Text, "Required. Name of the HttpOnly cookie in which the browser keeps the refresh token."),
    key("gateway.issuers.refresh_cookie_ttl", Span, "Required. How long the browser keeps it."),
    key("gateway.issuers.same_site", Choice(&["Strict", "Lax", "None"]), "The `SameSite` attribute of both."),
    key("gateway.issuers.expired", EXPIRED, "Required. The refusal that says that the access token is no longer good, as in a route."),
    key("gateway.issuers.login_page", Text, "Path to which a person is sent once nothing can be renewed; empty to answer 401."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Issuer, Route, Schema};

    /// Every table of the schema with its defaults.
    fn schema() -> Vec<(String, toml::Table)> {
        let table = |table| toml::Table::try_from(table).expect("defaults are TOML");
        let mut tables: Vec<_> = toml::Table::try_from(Schema::default())
            .expect("defaults are TOML")
            .into_iter()
            .map(|(name, keys)| (name, table(keys)))
            .collect();
        for (_, keys) in &mut tables {
            keys.retain(|name, _| !matches!(name, "routes" | "issuers"));
        }
        let route = toml::Value::try_from(Route::default()).expect("defaults are TOML");
        let issuer = toml::Value::try_from(Issuer::default()).expect("defaults are TOML");
        tables.extend([("gateway.routes".into(), table(route)), ("gateway.issuers".into(), table(issuer))]);
        tables
    }

    #[test]
    fn every_key_of_the_schema_stands_in_the_table_and_no_other() {
        for (table, defaults) in schema() {
            let mut written: Vec<&str> = match table.as_str() {
                "gateway.routes" => Route::FIELDS.to_vec(),
                "gateway.issuers" => Issuer::FIELDS.to_vec(),
                _ => defaults.keys().map(String::as_str).collect(),
            };
            let mut listed: Vec<_> = of_table(&table).map(Key::name).collect();
            written.sort_unstable();
            listed.sort_unstable();
            assert_eq!(listed, written, "{table}");
        }
        assert_eq!(tables().len(), schema().len());
    }

    #[test]
    fn every_default_has_the_form_of_its_key() {
        for (table, defaults) in schema() {
            for (name, default) in defaults {
                let key = find(&table, &name).expect("listed");
                assert!(key.kind.takes(&default), "{table}.{name} = {default}");
            }
        }
    }

    #[test]
    fn every_word_that_a_key_takes_is_known_to_the_schema() {
        for key in KEYS {
            let Choice(words) = key.kind else { continue };
            let item = if repeated(key.table()).is_some() { ".0" } else { "" };
            for word in words {
                let text = format!("[{}{item}]\n{} = \"{word}\"", key.table(), key.name());
                assert!(toml::from_str::<Schema>(&text).is_ok(), "{text}");
            }
        }
    }
}
