//! The routes of the gateway: where each leads, what it asks for, and what would shadow or contradict another.

use perennial_protocol::{
    route::{ExpiredBody, ExpiredRule, Forward, PathPrefix, Requirement, Route, RouteTable, Upstream},
    time::Millis,
};

use super::{Resolver, http::JWKS};
use crate::{
    choice::{OneOrMore, PAGE_PATHS},
    kind::quoted,
    schema,
    settings::{Cookies, Gateway, Server},
    suggestion, upstream,
};

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Methods that no route takes.
const NEVER: &[&str] = &["CONNECT", "TRACE"];

const REPLAY_BYTES_MAX: u32 = 1024 * 1024;

impl Resolver<'_> {
    /// `None` without a route.
    pub(super) fn gateway(&mut self, server: Option<&Server>, cookies: Option<&Cookies>) -> Option<Gateway> {
        let gateway = &self.schema.gateway;
        if gateway.connect_timeout <= Millis::ZERO {
            self.refuse("gateway.connect_timeout", "is 0, which no upstream can meet: write a duration such as \"2s\"");
        }
        if gateway.replay_bytes > REPLAY_BYTES_MAX {
            let rest = format!("is more than every request may hold in memory: write at most {REPLAY_BYTES_MAX}");
            self.refuse("gateway.replay_bytes", rest);
        }
        let issuers = self.issuers(cookies);
        let mut routes = self.routes(server);
        let authority = self.authority();
        if let Some(authority) = authority.as_ref().filter(|_| !routes.is_empty()) {
            routes.extend(self.routes_to(authority));
        }
        (!routes.is_empty()).then(|| Gateway {
            routes: RouteTable::new(routes),
            issuers,
            replay_bytes: gateway.replay_bytes as usize,
            connect_timeout: gateway.connect_timeout,
            authority,
        })
    }

    /// Also without a route: a web server that asks is handed tokens too.
    pub(super) fn forwarded_ttl(&mut self) -> Millis {
        let written = self.schema.gateway.forwarded_ttl;
        if written < Millis::seconds(1) {
            self.refuse("gateway.forwarded_ttl", "is shorter than a second: write a duration such as \"2m\"");
        }
        written
    }

    fn routes(&mut self, server: Option<&Server>) -> Vec<Route> {
        let written = &self.schema.gateway.routes;
        let mut routes: Vec<Route> = Vec::new();
        for place in 0..written.len() {
            let item = ["gateway", "routes", &place.to_string()].map(str::to_owned);
            let Some(route) = written.get(&item[2]) else {
                self.refuse_item(&item, "is missing, and there is a route behind it: count routes from 0");
                return routes;
            };
            let Some(route) = self.route(&item, route, server) else { continue };
            if let Some(earlier) = routes.iter().find(|earlier| is_same(&earlier.path, route.path.as_str())) {
                let rest = format!("is \"{}\" like the path of a route before it: make one of the two", earlier.path);
                self.refuse_in(&item, "path", rest);
            }
            routes.push(route);
        }
        routes
    }

    fn route(&mut self, item: &[String], route: &schema::Route, server: Option<&Server>) -> Option<Route> {
        let path = self.route_path(item, route.path.as_deref());
        let upstreams = self.upstreams(item, route.upstream.as_ref(), server);
        self.check_methods(item, &route.methods);
        let strip_prefix = self.prefix_or_none(item, "strip_prefix", &route.strip_prefix);
        if let (Some(path), Some(Some(prefix))) = (&path, &strip_prefix)
            && prefix.strip(path.as_str()).is_none()
        {
            let rest = format!("is \"{prefix}\", which the paths of this route do not begin with: write \"{path}\"");
            self.refuse_in(item, "strip_prefix", rest);
        }
        let add_prefix = self.prefix_or_none(item, "add_prefix", &route.add_prefix);
        if route.timeout <= Millis::ZERO {
            self.refuse_in(item, "timeout", "is 0, which no upstream can meet: write a duration such as \"30s\"");
        }
        self.check_issuer(item, route);
        self.check_forwarding(item, route);
        let expired = route.expired.as_ref().map(|rule| self.expired(item, rule));
        Some(Route {
            path: path?,
            upstreams: upstreams?,
            methods: (!route.methods.is_empty()).then(|| route.methods.clone()),
            requirement: route.auth,
            strip_prefix: strip_prefix?,
            add_prefix: add_prefix?,
            timeout: route.timeout,
            body_bytes_max: route.body_limit.map(u64::from),
            forward: route.forward,
            audience: Some(route.audience.clone()).filter(|audience| !audience.is_empty()),
            expired: expired.flatten(),
            issuer: Some(route.issuer.clone()).filter(|issuer| !issuer.is_empty()),
        })
    }

    fn route_path(&mut self, item: &[String], path: Option<&str>) -> Option<PathPrefix> {
        let Some(path) = path else {
            self.lacks(item, "path", "write what its paths begin with, such as \"/api\"");
            return None;
        };
        let path = self.prefix(item, "path", path)?;
        let base = &self.schema.http.base;
        if PathPrefix::parse(base).is_ok_and(|base| base.strip(path.as_str()).is_some()) {
            let rest = format!("is \"{path}\", which is inside of `http.base` ({base}), where the service answers");
            self.refuse_in(item, "path", format!("{rest}: choose another path"));
        } else if let Some(own) = self.own_path(&path) {
            let what = if is_same(&path, &own) { "is" } else { "covers" };
            let rest = format!("is \"{path}\", which {what} {own}, where the service answers: choose another path");
            self.refuse_in(item, "path", rest);
        }
        Some(path)
    }

    /// A path of the service's own, outside of `http.base`, that a route of this path would seem to take. The root
    /// is for what nobody else has.
    fn own_path(&self, path: &PathPrefix) -> Option<String> {
        let schema::Pages { enabled, login, .. } = &self.schema.pages;
        let pages = PAGE_PATHS.iter().copied().chain([login.as_str()]).filter(|_| *enabled);
        let covered = pages.chain([JWKS]).find(|own| path.strip(own).is_some() && !path.as_str().is_empty());
        let aliases = self.schema.http.aliases.keys().map(|alias| alias.trim_end_matches('/'));
        covered.or_else(|| aliases.into_iter().find(|alias| is_same(path, alias))).map(str::to_owned)
    }

    /// A prefix that can be met: what stands in a request is neither encoded nor doubled without need.
    fn prefix(&mut self, item: &[String], key: &str, text: &str) -> Option<PathPrefix> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"<>".contains(&byte));
        if !is_plain || text.contains("//") {
            let rest = format!("is \"{text}\": write a path without a query, blanks and doubled slashes, such as");
            self.refuse_in(item, key, format!("{rest} \"/api\""));
            return None;
        }
        match PathPrefix::parse(text) {
            Ok(prefix) => Some(prefix),
            Err(problem) => {
                self.refuse_in(item, key, format!("is \"{text}\", but {problem}: write a path such as \"/api\""));
                None
            }
        }
    }

    /// `Some(None)` where nothing is written.
    fn prefix_or_none(&mut self, item: &[String], key: &str, text: &str) -> Option<Option<PathPrefix>> {
        if text.is_empty() { Some(None) } else { self.prefix(item, key, text).map(Some) }
    }

    fn upstreams(
        &mut self,
        item: &[String],
        written: Option<&OneOrMore>,
        server: Option<&Server>,
    ) -> Option<Vec<Upstream>> {
        let texts = written.map(OneOrMore::as_slice).unwrap_or_default();
        if texts.is_empty() {
            self.lacks(item, "upstream", "write where its requests go, such as \"http://127.0.0.1:9000\"");
            return None;
        }
        let parsed: Vec<_> = texts.iter().map(|text| self.upstream(item, text, server)).collect();
        parsed.into_iter().collect()
    }

    fn upstream(&mut self, item: &[String], text: &str, server: Option<&Server>) -> Option<Upstream> {
        let found = match upstream::parse(text) {
            Ok(found) => found,
            Err(problem) => {
                self.refuse_in(item, "upstream", problem);
                return None;
            }
        };
        let own = server.map(|server| [("server.listen", server.listen), ("server.admin_listen", server.admin_listen)]);
        if let Some((key, _)) = own.into_iter().flatten().find(|(_, listen)| upstream::leads_to(&found, *listen)) {
            let rest = format!("is \"{text}\", which is `{key}`, so that requests would come back to this process");
            self.refuse_in(item, "upstream", format!("{rest}: write where the application listens"));
        }
        Some(found)
    }

    fn check_methods(&mut self, item: &[String], methods: &[String]) {
        for method in methods.iter().filter(|method| !METHODS.contains(&method.as_str())) {
            let upper = method.to_ascii_uppercase();
            let rest = match upper.as_str() {
                upper if NEVER.contains(&upper) => format!("holds \"{method}\", which no route takes: remove it"),
                upper if METHODS.contains(&upper) => {
                    format!("holds \"{method}\", but methods are written in capitals: write \"{upper}\"")
                }
                _ => format!("holds \"{method}\", which is no method: write some of {}", quoted(METHODS)),
            };
            self.refuse_in(item, "methods", rest);
        }
    }

    fn check_issuer(&mut self, item: &[String], route: &schema::Route) {
        let name = &route.issuer;
        let issuers = &self.schema.gateway.issuers;
        if name.is_empty() {
            return;
        }
        if !issuers.contains_key(name) {
            let meant = suggestion::nearest(name, issuers.keys().map(String::as_str));
            let rest = match meant {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => format!("write [gateway.issuers.{name}] and its keys"),
            };
            self.refuse_in(item, "issuer", format!("is \"{name}\", which no table describes: {rest}"));
        }
        if route.auth != Requirement::None {
            let rest = "asks for a session of ours, but `issuer` says that this route has the tokens of its backend: \
                remove one of them";
            self.refuse_in(item, "auth", rest);
        }
    }

    /// What a route says about a token that it does not send.
    fn check_forwarding(&mut self, item: &[String], route: &schema::Route) {
        if route.auth == Requirement::None && route.forward != Forward::Nothing {
            let rest = "needs to know whose request it is, but this route does not look (`auth = \"none\"`): \
                remove it, or write `auth = \"optional\"`";
            return self.refuse_in(item, "forward", rest);
        }
        if !route.audience.is_empty() && route.forward != Forward::Bearer {
            let rest = "is the `aud` of a forwarded token, but this route forwards none: \
                remove it, or write `forward = \"bearer\"`";
            self.refuse_in(item, "audience", rest);
        }
        if route.expired.is_some() && !route.issuer.is_empty() {
            let rest = format!("belongs to the issuer of this route: write it in [gateway.issuers.{}]", route.issuer);
            self.refuse_in(item, "expired", rest);
        } else if route.expired.is_some() && route.forward == Forward::Nothing {
            self.refuse_in(item, "expired", "tells of a forwarded token, but this route forwards none: remove it");
        }
    }

    pub(super) fn expired(&mut self, item: &[String], rule: &schema::Expired) -> Option<ExpiredRule> {
        let status = rule.status.and_then(|status| u16::try_from(status).ok()).filter(|status| is_refusal(*status));
        if status.is_none() {
            let rest = "needs the status of a refusal: write `status = 401`, or another from 400 to 499";
            self.refuse_in(item, "expired", rest);
        }
        let body = match (&rule.pointer, &rule.equals) {
            (None, None) => None,
            (Some(pointer), Some(equals)) => {
                self.check_pointer(item, "expired.pointer", pointer);
                Some(ExpiredBody { pointer: pointer.clone(), equals: equals.clone() })
            }
            _ => {
                let rest = "has one of `pointer` and `equals`: write where the text stands and what it is, or neither";
                self.refuse_in(item, "expired", rest);
                None
            }
        };
        Some(ExpiredRule { status: status?, body })
    }

    /// A place in JSON (RFC 6901) that is not the whole of it.
    pub(super) fn check_pointer(&mut self, item: &[String], key: &str, pointer: &str) {
        if !pointer.starts_with('/') {
            let example = pointer.replace('.', "/");
            self.refuse_in(item, key, format!("is \"{pointer}\": begin with a slash, such as \"/{example}\""));
        }
    }
}

/// Whether a path is this one, however it is escaped.
fn is_same(path: &PathPrefix, other: &str) -> bool {
    path.strip(other) == Some("")
}

fn is_refusal(status: u16) -> bool {
    (400..500).contains(&status)
}
