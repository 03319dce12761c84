//! The development mailbox: mail that was not sent, for the person who develops.

use askama::Template;

/// `/dev/mailbox`. Never part of a production server.
#[derive(Clone, Default, Template)]
#[template(path = "mailbox.html")]
pub struct Mailbox {
    /// Newest first.
    pub messages: Vec<Mail>,
}

/// One message that was kept instead of sent.
#[derive(Clone, Default)]
pub struct Mail {
    pub to: String,
    pub subject: String,
    pub text: String,
    /// The code inside the text, if it carries one.
    pub code: Option<String>,
    /// When it was written, in words.
    pub at: String,
}

crate::page!(Mailbox);
crate::closed!(Mail);
