//! Configuration: where it comes from, what it must be, and what it comes to.
//!
//! `sources` lays defaults, named sets, one file, the environment and the command line over one another;
//! `sieve` holds each of them against the `catalogue` of keys; `resolve` checks what belongs together and
//! builds `Settings` once. Nothing else in the project reads the file or the environment.

mod catalogue;
mod choice;
mod items;
mod kind;
mod master;
mod notes;
mod origin;
mod presets;
mod print;
mod problem;
mod provenance;
mod reference;
mod resolve;
mod schema;
mod settings;
mod sieve;
mod sources;
mod suggestion;
mod tree;
mod upstream;

pub use perennial_protocol::{call::Call, token::Transport};

pub use choice::{CsrfMode, LogFormat, LogLevel};
pub use master::Master;
pub use origin::{NotAnOrigin, Origin};
pub use problem::{Problem, Refused};
pub use reference::reference;
pub use settings::{
    AdminKeyText, Authority, Cookies, Csrf, DatabaseUrl, Gateway, Http, Limits, Log, Mail, MailTransport, Mfa, Pages,
    Register, Server, Settings, SmtpUrl, Store, Tokens,
};
pub use sources::{Mode, Sources};

use std::fmt;

use perennial_protocol::{
    cookie::{SameSite, names::Tags},
    refresh::Rotate,
};

use crate::{schema::Schema, tree::Tree};

/// A configuration that was read, with everything there is to say about it.
#[derive(Clone)]
pub struct Configuration {
    tree: Tree,
    settings: Option<Settings>,
    problems: Vec<Problem>,
}

impl Configuration {
    /// Reads every source. What is wrong with them is told by `check`.
    pub fn load(sources: &Sources) -> Self {
        let sieves = sources.sifted();
        let tree = Tree::of(&sieves);
        let were_read = sieves.iter().all(|sieve| sieve.was_read);
        let mut problems: Vec<Problem> = sieves.into_iter().flat_map(|sieve| sieve.problems).collect();
        let schema = tree.schema().unwrap_or_else(|error| {
            problems.push(Problem::said("configuration", format!("the configuration cannot be put together: {error}")));
            Schema::default()
        });
        let (settings, found) = resolve::resolve(&schema, &tree, sources.mode);
        if were_read {
            // What is missing because it was refused is told once.
            let is_told = |found: &Problem| problems.iter().any(|problem| problem.key == found.key);
            let untold: Vec<Problem> = found.into_iter().filter(|found| !is_told(found)).collect();
            problems.extend(untold);
        }
        Self { tree, settings, problems }
    }

    /// Everything that stands in the way of running with this.
    pub fn check(&self) -> &[Problem] {
        &self.problems
    }

    /// What to know about this configuration though nothing is wrong with it.
    pub fn notes(&self) -> Vec<String> {
        let Some(settings) = &self.settings else { return Vec::new() };
        let policy = settings.tokens.lifetimes.refresh;
        let mut notes = Vec::new();
        if policy.rotation == Rotate::On {
            notes.push(format!(
                "requests and answers may be held in the network for up to {} without \
                anybody being logged out by accident, and for less than {} where answers were lost \
                or a browser crashed meanwhile (tokens.cooldown {}, tokens.overlap {})",
                policy.tolerated_hold(),
                policy.tolerated_hold_after_a_loss(),
                policy.cooldown,
                policy.overlap
            ));
        } else {
            notes.push(
                "tokens.rotation = false: a stolen refresh token serves until its session ends and is not found out"
                    .into(),
            );
        }
        let host = settings.server.public_url.host();
        let is_elsewhere = |origin: &String| origin.parse().is_ok_and(|origin: Origin| origin.host() != host);
        if settings.tokens.transport == Transport::Cookie && settings.csrf.origins.allowed.iter().any(is_elsewhere) {
            notes.push(format!(
                "csrf.allowed_origins: browsers send the access token's cookie to {host} only; where the API has \
                another host, write tokens.transport = \"bearer\""
            ));
        }
        if settings.cookies.names.tags == Tags::Off {
            notes.push(
                "cookies.tags = false: a late answer of another login can overwrite the cookies of this one".into(),
            );
        }
        if settings.cookies.attributes.same_site == SameSite::Strict {
            notes.push("cookies.same_site = \"Strict\": a link from another site arrives logged out".into());
        }
        if settings.register.open && !settings.register.verify_email {
            notes
                .push("register.verify_email = false: the answer to register tells whether an address is taken".into());
        }
        notes.extend(settings.gateway.iter().flat_map(|gateway| notes::gateway(gateway, settings)));
        notes
    }

    /// Every key with its effective value and where it came from, as TOML without passwords.
    pub fn print(&self) -> String {
        print::print(&self.tree, self.settings.as_ref())
    }

    /// The settings to run with, if nothing is wrong.
    pub fn settings(self) -> Result<Settings, Refused> {
        match self.settings {
            Some(settings) if self.problems.is_empty() => Ok(settings),
            _ => Err(Refused(self.problems)),
        }
    }
}

/// What was written may hold secrets, so it is not shown.
impl fmt::Debug for Configuration {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tree: _, settings, problems } = self;
        out.debug_struct("Configuration")
            .field("settings", settings)
            .field("problems", problems)
            .finish_non_exhaustive()
    }
}
