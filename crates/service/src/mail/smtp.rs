//! Mail over SMTP, as configuration addresses it: `smtp://`, `smtps://`, with `?tls=required` for STARTTLS.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::PoolConfig,
};

use super::{MailError, Message, Transport};

/// A relay.
pub struct Smtp {
    relay: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Smtp(from {})", self.from.email)
    }
}

/// Why mail cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SmtpSettingsError {
    #[error("mail.smtp_url cannot be read ({0}): write smtps://user:password@host or smtp://host:25")]
    Url(String),
    #[error("mail.from is not an address ({0}): write Name <noreply@example.com>")]
    From(String),
}

impl Smtp {
    pub fn new(url: &str, from: &str) -> Result<Self, SmtpSettingsError> {
        let relay = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|error| SmtpSettingsError::Url(error.to_string()))?
            .timeout(Some(Duration::from_secs(10)))
            // Relays close idle connections after half a minute or so; a closed one fails the next message.
            .pool_config(PoolConfig::new().max_size(4).idle_timeout(Duration::from_secs(15)))
            .build();
        let from = from.parse().map_err(|error| SmtpSettingsError::From(format!("{error}")))?;
        Ok(Self { relay, from })
    }
}

#[async_trait]
impl Transport for Smtp {
    async fn deliver(&self, message: &Message) -> Result<(), MailError> {
        let to = message.to.as_str().parse().map_err(|error| MailError::Permanent(format!("{error}")))?;
        let message = lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(&message.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(message.text.clone())
            .map_err(|error| MailError::Permanent(error.to_string()))?;
        match self.relay.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(MailError::Permanent(status(&error))),
            Err(error) => Err(MailError::Transient(status(&error))),
        }
    }
}

/// What is logged of a failure: the relay's own words may quote the receiver, so only their code is kept.
fn status(error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("status {code}"),
        None if error.is_timeout() => "no answer in time".to_owned(),
        None => "no connection".to_owned(),
    }
}
