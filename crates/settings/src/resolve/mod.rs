//! Turns the written configuration into settings, and says everything that stands in the way.
//!
//! One file a subject; each function here yields its part, or `None` after it has said why not. The rest is
//! judged all the same, so that one look shows all problems.

mod authority;
mod cookies;
mod gateway;
mod http;
mod issuers;
mod mail;
mod server;
mod store;
mod tokens;

use std::fmt;

use perennial_protocol::{login::throttle, time::Millis};

use crate::{
    problem::Problem,
    schema::Schema,
    settings::{Limits, Log, Mfa, Register, Settings},
    sieve::dotted,
    sources::Mode,
    tree::Tree,
};

/// The settings, if there is no problem, and all problems.
pub(crate) fn resolve(schema: &Schema, tree: &Tree, mode: Mode) -> (Option<Settings>, Vec<Problem>) {
    let mut resolver = Resolver { schema, tree, mode, problems: Vec::new() };
    let settings = resolver.settings();
    (settings.filter(|_| resolver.problems.is_empty()), resolver.problems)
}

struct Resolver<'a> {
    schema: &'a Schema,
    tree: &'a Tree,
    mode: Mode,
    problems: Vec<Problem>,
}

impl Resolver<'_> {
    fn settings(&mut self) -> Option<Settings> {
        let public_url = self.public_url();
        let public_url = public_url.as_ref();
        let server = self.server(public_url);
        let store = self.store();
        let tokens = self.tokens(public_url);
        let cookies = self.cookies(public_url);
        let csrf = self.csrf(public_url);
        let http = self.http();
        let pages = self.pages(public_url);
        let mail = self.mail();
        let limits = self.limits();
        let gateway = self.gateway(server.as_ref(), cookies.as_ref());
        let forwarded_ttl = self.forwarded_ttl();
        Some(Settings {
            server: server?,
            store: store?,
            tokens: tokens?,
            cookies: cookies?,
            csrf: csrf?,
            http: http?,
            pages: pages?,
            register: Register { open: self.schema.register.open, verify_email: self.schema.register.verify_email },
            mfa: Mfa { policy: self.schema.mfa.policy },
            mail: mail?,
            limits,
            log: Log { format: self.schema.log.format, level: self.schema.log.level },
            gateway,
            forwarded_ttl,
        })
    }

    fn limits(&mut self) -> Limits {
        let limits = &self.schema.limits;
        let counts = [
            ("limits.connections", limits.connections),
            ("limits.login_failures_per_account", limits.login_failures_per_account),
            ("limits.login_failures_per_address", limits.login_failures_per_address),
            ("limits.code_attempts", limits.code_attempts),
            ("limits.mails_per_recipient_per_hour", limits.mails_per_recipient_per_hour),
        ];
        let spans = [
            ("limits.header_timeout", limits.header_timeout),
            ("limits.request_timeout", limits.request_timeout),
            ("limits.login_window", limits.login_window),
        ];
        for (key, _) in counts.into_iter().filter(|(_, count)| *count == 0) {
            self.refuse(key, "is 0, which would refuse everything: write at least 1");
        }
        for (key, _) in spans.into_iter().filter(|(_, span)| *span < Millis::seconds(1)) {
            self.refuse(key, "is shorter than a second: write at least \"1s\"");
        }
        if limits.body_bytes < BODY_BYTES_MIN {
            self.refuse("limits.body_bytes", format!("is too small for a login: write at least {BODY_BYTES_MIN}"));
        }
        let codes_per_attempt = u8::try_from(limits.code_attempts).unwrap_or(u8::MAX);
        if codes_per_attempt > CODE_ATTEMPTS_MAX {
            let rest = format!("is so many that six digits can be guessed: write at most {CODE_ATTEMPTS_MAX}");
            self.refuse("limits.code_attempts", rest);
        }
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Limits {
            connections: limits.connections as usize,
            header_timeout: limits.header_timeout,
            request_timeout: limits.request_timeout,
            body_bytes: limits.body_bytes as usize,
            shutdown_grace: limits.shutdown_grace,
            hash_permits: match limits.hash_permits {
                0 => (cores() / 2).max(1),
                permits => permits as usize,
            },
            guesses: throttle::Limits {
                passwords_per_account: limits.login_failures_per_account,
                passwords_per_address: limits.login_failures_per_address,
                password_window: limits.login_window,
                codes_per_attempt,
                mails_per_address_hourly: limits.mails_per_recipient_per_hour,
            },
        }
    }

    /// The value, or a problem of this key whose sentence ends with the error.
    fn parsed<T>(&mut self, key: &str, parsed: Result<T, impl fmt::Display>) -> Option<T> {
        parsed.map_err(|rest| self.refuse(key, rest)).ok()
    }

    fn refuse(&mut self, key: &str, rest: impl fmt::Display) {
        let label = self.tree.label(key.split('.'));
        self.problems.push(Problem::of(key, label, rest));
    }

    /// A problem of one entry of a key that is a table.
    fn refuse_entry(&mut self, key: &str, entry: &str, rest: impl fmt::Display) {
        self.refuse_at(key.split('.').chain([entry]), rest);
    }

    /// A problem of a key of one of the tables that there may be many of.
    fn refuse_in(&mut self, item: &[String], key: &str, rest: impl fmt::Display) {
        self.refuse_at(item.iter().map(String::as_str).chain(key.split('.')), rest);
    }

    fn refuse_at<'p>(&mut self, path: impl Iterator<Item = &'p str>, rest: impl fmt::Display) {
        let path: Vec<String> = path.map(str::to_owned).collect();
        let label = self.tree.label(path.iter().map(String::as_str));
        self.problems.push(Problem::of(&dotted(&path), label, rest));
    }

    /// A problem of a key that one of these tables needs and does not have.
    fn lacks(&mut self, item: &[String], key: &str, advice: impl fmt::Display) {
        let missing = dotted(&[item, &[key.to_owned()]].concat());
        self.problems.push(Problem::said(&missing, format!("`{}` has no `{key}`: {advice}", dotted(item))));
    }

    /// A problem of one of these tables as a whole.
    fn refuse_item(&mut self, item: &[String], rest: impl fmt::Display) {
        let item = dotted(item);
        self.problems.push(Problem::said(&item, format!("`{item}` {rest}")));
    }
}

/// The longest password and e-mail address in JSON, with every character escaped.
const BODY_BYTES_MIN: u32 = 8192;

const CODE_ATTEMPTS_MAX: u8 = 10;

/// Whether a text is a token of RFC 9110 §5.6.2: what names of headers and cookies are made of.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
