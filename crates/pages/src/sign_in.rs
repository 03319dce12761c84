//! The way in: sign in, create an account, confirm its e-mail address.

use askama::Template;

use crate::notice::Notice;

/// `/login`. Posts `email`, `password`, `csrf_token` and `return_to` to `/login`.
#[derive(Clone, Default, Template)]
#[template(path = "login.html")]
pub struct Login {
    pub csrf_token: String,
    /// Where to go afterwards; already checked by the caller.
    pub return_to: Option<String>,
    /// What the person typed before, or empty.
    pub email: String,
    pub notice: Option<Notice>,
    pub problem: Option<String>,
    /// Whether to offer `/register`.
    pub may_register: bool,
}

/// `/register`. Posts `name`, `email`, `password`, `csrf_token` and `return_to` to `/register`.
#[derive(Clone, Default, Template)]
#[template(path = "register.html")]
pub struct Register {
    pub csrf_token: String,
    /// Where to go afterwards; already checked by the caller.
    pub return_to: Option<String>,
    pub name: String,
    pub email: String,
    pub problem: Option<String>,
    /// What a good password is, in one sentence.
    pub password_hint: String,
}

/// `/verify-email`. Posts `code` to `/verify-email`; a second form posts to `/verify-email/resend`.
#[derive(Clone, Default, Template)]
#[template(path = "verify_email.html")]
pub struct VerifyEmail {
    pub csrf_token: String,
    /// Where to go afterwards; already checked by the caller.
    pub return_to: Option<String>,
    /// The address with its middle hidden, such as `a•••@example.com`.
    pub email_hint: String,
    pub problem: Option<String>,
    /// A new code has just been sent.
    pub resent: bool,
    /// Where development mail can be read; `None` in production.
    pub mailbox_url: Option<String>,
}

crate::page!(Login, Register, VerifyEmail);
