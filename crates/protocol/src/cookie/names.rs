//! The names of our cookies.
//!
//! Refresh, access and mark cookies end in the two characters of their session (`refreshtoken-kq`), so that
//! a late answer of one login cannot overwrite the cookies of another.

use crate::{id::SessionKey, login::StepName};

/// Full names, prefix included, as configuration gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieNames {
    pub refresh: String,
    pub access: String,
    pub csrf: String,
    pub hint: String,
    pub stale: String,
    pub mfa_setup: String,
    pub mfa_verify: String,
    pub verify_email: String,
    pub known: String,
    pub tags: Tags,
}

/// What browsers ask of a cookie by its name (RFC 6265bis §4.1.3).
const BROWSER_PREFIXES: [&str; 4] = ["__Host-Http-", "__Host-", "__Http-", "__Secure-"];

/// Whether names carry their session's two characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tags {
    On,
    /// Bare names: a late answer of a former login can overwrite the cookies of the present one.
    Off,
}

impl CookieNames {
    pub fn refresh_of(&self, session: &SessionKey) -> String {
        self.tagged(&self.refresh, session)
    }

    pub fn access_of(&self, session: &SessionKey) -> String {
        self.tagged(&self.access, session)
    }

    pub fn stale_of(&self, session: &SessionKey) -> String {
        self.tagged(&self.stale, session)
    }

    /// Whether a cookie of this name is one of ours, of whatever session.
    pub fn is_ours(&self, name: &str) -> bool {
        let whole = [&self.csrf, &self.hint, &self.mfa_setup, &self.mfa_verify, &self.verify_email, &self.known];
        let tagged = [&self.refresh, &self.access, &self.stale];
        whole.into_iter().any(|ours| ours == name) || tagged.into_iter().any(|base| belongs_to(name, base))
    }

    /// Whether no upstream may see or set a cookie of this name: it is one of ours, or would be one on the day on
    /// which the site moves to https.
    pub fn is_reserved(&self, name: &str) -> bool {
        let bare = BROWSER_PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
        self.is_ours(name) || self.is_ours(bare)
    }

    pub fn step(&self, step: StepName) -> &str {
        match step {
            StepName::VerifyEmail => &self.verify_email,
            StepName::MfaSetup => &self.mfa_setup,
            StepName::MfaVerify => &self.mfa_verify,
        }
    }

    fn tagged(&self, base: &str, session: &SessionKey) -> String {
        match self.tags {
            Tags::On => format!("{base}-{}", session.tag()),
            Tags::Off => base.to_owned(),
        }
    }
}

/// Whether `name` is `base` or `base` with some session's two characters.
pub(super) fn belongs_to(name: &str, base: &str) -> bool {
    match name.strip_prefix(base) {
        Some("") => true,
        Some(rest) => rest.len() == 3 && rest.starts_with('-'),
        None => false,
    }
}
