//! Paths, answers, pages, and which requests are believed to be meant.

use std::collections::BTreeMap;

use perennial_protocol::{
    call::Call,
    origin::{Loopback, OriginPolicy},
    token::Transport,
};

use super::{Resolver, is_token};
use crate::{
    choice::{CsrfMode, OTHER_PATHS, PAGE_PATHS},
    kind::quoted,
    origin::Origin,
    presets,
    settings::{Csrf, Http, Pages},
    sources::Mode,
};

/// Headers that mean something else already.
pub(super) const TAKEN_HEADERS: &[&str] = &[
    "accept",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "origin",
    "referer",
    "transfer-encoding",
    "upgrade",
];

/// Fields that answers carry themselves (spec §3).
const ANSWER_FIELDS: &[&str] = &[
    "status",
    "is_authenticated",
    "has_refresh_token",
    "has_mfa_setup_token",
    "has_mfa_verify_token",
    "session_key",
    "user",
    "expires_in",
    "session_expires_in",
    "aal",
    "csrf_token",
    "ended_reason",
];

/// What answers carry besides in bearer transport.
const ACCESS: &str = "access";

pub(super) const JWKS: &str = "/.well-known/jwks.json";

impl Resolver<'_> {
    pub(super) fn csrf(&mut self, public_url: Option<&Origin>) -> Option<Csrf> {
        let csrf = &self.schema.csrf;
        if !is_token(&csrf.header) || TAKEN_HEADERS.contains(&csrf.header.to_ascii_lowercase().as_str()) {
            let rest = format!("is \"{}\": write a header name of its own, such as \"X-CSRFToken\"", csrf.header);
            self.refuse("csrf.header", rest);
        }
        let mut modes = BTreeMap::new();
        for (name, mode) in &csrf.modes {
            let call: Call = name.parse().ok()?;
            if matches!(call, Call::Logout | Call::Session) && *mode == CsrfMode::Token {
                let rest = "is \"token\", but this call is always checked by origin: remove it";
                self.refuse_entry("csrf.modes", name, rest);
            }
            modes.insert(call, *mode);
        }
        let origins: Vec<_> = csrf.allowed_origins.iter().map(|text| self.allowed_origin(text, public_url)).collect();
        let origins = OriginPolicy {
            own: public_url?.to_string(),
            allowed: origins.into_iter().map(|origin| Some(origin?.to_string())).collect::<Option<_>>()?,
            loopback: if self.mode == Mode::Dev { Loopback::Allowed } else { Loopback::Refused },
        };
        Some(Csrf { header: csrf.header.clone(), mode: csrf.mode, modes, origins })
    }

    fn allowed_origin(&mut self, text: &str, public_url: Option<&Origin>) -> Option<Origin> {
        let key = "csrf.allowed_origins";
        let origin = match text.parse::<Origin>() {
            Ok(origin) => origin,
            Err(refusal) => {
                self.refuse(key, format!("holds \"{text}\", which {refusal}"));
                return None;
            }
        };
        if let Some(public_url) = public_url.filter(|public_url| !public_url.is_same_site(&origin)) {
            self.refuse(
                key,
                format!(
                    "holds \"{origin}\", which is another site than {public_url}: \
                browsers keep cookies from requests between two sites, \
                so put both under one domain with one scheme"
                ),
            );
        }
        Some(origin)
    }

    pub(super) fn http(&mut self) -> Option<Http> {
        let http = &self.schema.http;
        if !is_base(&http.base) {
            let rest = format!("is \"{}\": begin with a slash and end without one, such as \"/auth\"", http.base);
            self.refuse("http.base", rest);
        }
        let aliases = self.aliases();
        let fields = self.fields();
        let answers = self.answers()?;
        let wire = presets::wire(&http.wire).map(|(name, _)| name);
        Some(Http { wire, base: http.base.clone(), aliases, envelope: http.envelope, fields, answers })
    }

    fn aliases(&mut self) -> BTreeMap<String, Call> {
        let mut aliases: BTreeMap<String, Call> = BTreeMap::new();
        for (alias, name) in &self.schema.http.aliases {
            let Ok(call) = name.parse::<Call>() else { continue };
            let path = alias.trim_end_matches('/');
            if !is_base(path) {
                self.refuse_entry(
                    "http.aliases",
                    alias,
                    "is no path: begin with a slash, such as \"/api/auth/token/\"",
                );
                continue;
            }
            let holder = self.holder_of(path).or_else(|| aliases.get(path).map(|call| Holder::Call(*call)));
            match holder {
                // The path leads to this call already.
                Some(Holder::Call(taken)) if taken == call => {}
                Some(Holder::Call(taken)) => {
                    let rest = format!("is the path of {taken} already, so it cannot be one of {call}: remove it");
                    self.refuse_entry("http.aliases", alias, rest);
                }
                Some(Holder::Other) => {
                    let rest = "is a path of something else already: choose another one";
                    self.refuse_entry("http.aliases", alias, rest);
                }
                None => {
                    aliases.insert(path.to_owned(), call);
                }
            }
        }
        aliases
    }

    /// What answers at this path without any alias.
    fn holder_of(&self, path: &str) -> Option<Holder> {
        let pages = &self.schema.pages;
        let is_page = PAGE_PATHS.contains(&path) || path == pages.login.trim_end_matches('/');
        if path == JWKS || (pages.enabled && is_page) {
            return Some(Holder::Other);
        }
        let rest = path.strip_prefix(self.schema.http.base.as_str())?;
        let call = Call::ALL.into_iter().find(|call| call.path() == rest).map(Holder::Call);
        call.or_else(|| OTHER_PATHS.contains(&rest).then_some(Holder::Other))
    }

    fn fields(&mut self) -> BTreeMap<Call, Vec<(String, String)>> {
        let mut fields = BTreeMap::new();
        for (name, shown) in &self.schema.http.fields {
            let Ok(call) = name.parse::<Call>() else { continue };
            let carries = |source: &str| ANSWER_FIELDS.contains(&source) || self.carries_access(source);
            if let Some(source) = shown.values().find(|source| !carries(source)) {
                let rest = format!("shows `{source}`, which no answer carries: write one of {}", quoted(ANSWER_FIELDS));
                self.refuse_entry("http.fields", name, rest);
            }
            fields.insert(call, shown.clone().into_iter().collect());
        }
        fields
    }

    /// Whether this is the access token in the body, and answers carry one.
    fn carries_access(&self, field: &str) -> bool {
        field == ACCESS && self.schema.tokens.transport == Transport::Bearer
    }

    fn answers(&mut self) -> Option<BTreeMap<Call, serde_json::Map<String, serde_json::Value>>> {
        let mut answers = BTreeMap::new();
        for (name, fields) in &self.schema.http.answers {
            let call: Call = name.parse().ok()?;
            let carried: Vec<&String> = fields
                .keys()
                .filter(|field| ANSWER_FIELDS.contains(&field.as_str()) || self.carries_access(field))
                .collect();
            for field in carried {
                let rest = format!("sets `{field}`, which the answer carries itself: remove it");
                self.refuse_entry("http.answers", name, rest);
            }
            answers.insert(call, fields.clone());
        }
        Some(answers)
    }

    pub(super) fn pages(&mut self, public_url: Option<&Origin>) -> Option<Pages> {
        let pages = &self.schema.pages;
        if !is_local(&pages.login) {
            self.refuse("pages.login", "is no path: begin with one slash, such as \"/login\"");
        }
        let allowed = self.schema.csrf.allowed_origins.iter().map(String::as_str).chain(public_url.map(Origin::as_str));
        let leads_to_allowed = |target: &str| {
            url::Url::parse(target).is_ok_and(|url| {
                let origin = url.origin().ascii_serialization();
                allowed.clone().any(|allowed| allowed == origin)
            })
        };
        if !is_local(&pages.after_login) && !leads_to_allowed(&pages.after_login) {
            let rest = "is neither a path nor a URL of an allowed origin: write a path such as \"/\"";
            self.refuse("pages.after_login", rest);
        }
        Some(Pages { enabled: pages.enabled, login: pages.login.clone(), after_login: pages.after_login.clone() })
    }
}

/// Who answers at a path.
enum Holder {
    Call(Call),
    Other,
}

/// A path that others can be put behind: `/auth`, `/api/auth`.
fn is_base(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    path.strip_prefix('/').is_some_and(|rest| {
        rest.split('/').all(|part| !part.is_empty() && !matches!(part, "." | "..") && part.bytes().all(plain))
    })
}

/// A path of this origin, which no browser can take for another host.
pub(super) fn is_local(path: &str) -> bool {
    let rooted = path.starts_with('/') && !path.starts_with("//");
    rooted && !path.contains(['\\', '#']) && !path.chars().any(|sign| sign.is_control() || sign.is_whitespace())
}
