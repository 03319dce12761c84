//! The words that some keys choose from, shared by the file's form and the resolved settings.

use serde::{Deserialize, Serialize};

/// How an unsafe request shows that it was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CsrfMode {
    /// Its header carries the CSRF token of this session.
    Token,
    /// Its `Origin` is present and allowed.
    Origin,
}

/// How mail leaves, as the file writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MailBy {
    Smtp,
    Mailbox,
    Log,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Json,
    Text,
}

/// The least severe line that is still logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// `cookies.secure` as the file writes it: `"auto"`, `true` or `false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Secure {
    Fixed(bool),
    Auto(Auto),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Auto {
    Auto,
}

/// One text, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    pub(crate) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::More(texts) => texts,
        }
    }
}

/// Paths of the hosted pages beside `pages.login`.
pub(crate) const PAGE_PATHS: &[&str] = &[
    "/account",
    "/account/password",
    "/account/sessions/end",
    "/login",
    "/logout",
    "/logout-all",
    "/mfa/setup",
    "/mfa/setup/begin",
    "/mfa/verify",
    "/pages/style.css",
    "/register",
    "/verify-email",
    "/verify-email/resend",
];

/// Paths under `http.base` that belong to calls which configuration does not name.
pub(crate) const OTHER_PATHS: &[&str] = &[
    "/mfa/disable",
    "/mfa/recovery-codes",
    "/password/forgot",
    "/password/reset",
    "/email/change",
    "/account",
    "/verify",
    "/openapi.json",
    "/sdk.js",
];
