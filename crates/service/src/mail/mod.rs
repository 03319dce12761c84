//! Mail: messages wait in a bounded queue and are sent a few at a time, never inside a request.
//!
//! The queue lives in memory only: a message holds a code, and no code is ever stored in clear. A message
//! that is lost with the process is asked for again.

pub mod mailbox;
pub mod queue;
pub mod smtp;

use std::fmt;

use async_trait::async_trait;
use perennial_protocol::login::Email;

pub use mailbox::Mailbox;
pub use queue::MailQueue;
pub use smtp::Smtp;

/// A message to one person.
#[derive(Clone)]
pub struct Message {
    pub to: Email,
    pub subject: String,
    pub text: String,
    /// The code in the text, for the development mailbox to show.
    pub code: Option<String>,
}

impl fmt::Debug for Message {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Message(..)")
    }
}

/// Why a message was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Worth another try.
    #[error("the mail server could not take it now: {0}")]
    Transient(String),
    #[error("the mail server refused it: {0}")]
    Permanent(String),
}

/// Something that delivers messages.
#[async_trait]
pub trait Transport: Send + Sync + fmt::Debug {
    async fn deliver(&self, message: &Message) -> Result<(), MailError>;
}
