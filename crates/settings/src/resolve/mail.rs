//! How mail leaves, and whether any flow needs it.

use url::Url;

use super::Resolver;
use crate::{
    choice::MailBy,
    settings::{Mail, MailTransport, SmtpUrl},
    sources::Mode,
};

impl Resolver<'_> {
    pub(super) fn mail(&mut self) -> Option<Mail> {
        let mail = &self.schema.mail;
        let transport = match mail.transport {
            MailBy::Smtp => self.smtp(),
            MailBy::Mailbox => self.in_dev_only("mailbox", MailTransport::Mailbox),
            MailBy::Log => self.in_dev_only("log", MailTransport::Log),
        };
        if !mail.from.is_empty() && !is_sender(&mail.from) {
            self.refuse("mail.from", "is no sender: write \"Example <login@example.com>\"");
        }
        let from = Some(mail.from.clone()).filter(|from| !from.is_empty());
        Some(Mail { transport: transport?, from })
    }

    fn in_dev_only(&mut self, name: &str, transport: MailTransport) -> Option<MailTransport> {
        if self.mode == Mode::Serve {
            self.refuse(
                "mail.transport",
                format!("is \"{name}\", which exists in `perennial dev` only: write \"smtp\""),
            );
            return None;
        }
        Some(transport)
    }

    fn smtp(&mut self) -> Option<MailTransport> {
        let mail = &self.schema.mail;
        // A gateway apart from its service registers nobody.
        let is_apart = !self.schema.gateway.authority.is_empty();
        let sends = self.schema.register.open && self.schema.register.verify_email && !is_apart;
        let from_is_missing = mail.from.is_empty();
        let url = match (mail.smtp_url.as_str(), mail.smtp_url_file.as_str()) {
            ("", "") if sends => {
                self.refuse(
                    "mail.smtp_url",
                    "is empty, but registration sends codes by mail: \
                set `mail.smtp_url_file` (or `mail.smtp_url`), or `register.verify_email = false`, \
                or `register.open = false`",
                );
                None
            }
            ("", "") => return Some(MailTransport::Unset),
            (url, "") => self.smtp_url("mail.smtp_url", url),
            ("", file) => self.smtp_url_of(file),
            _ => {
                self.refuse("mail.smtp_url", "is set beside `mail.smtp_url_file`: keep one of them");
                None
            }
        };
        if from_is_missing {
            self.refuse("mail.from", "is empty: write the sender, such as \"Example <login@example.com>\"");
        }
        url.map(MailTransport::Smtp)
    }

    fn smtp_url_of(&mut self, file: &str) -> Option<SmtpUrl> {
        let key = "mail.smtp_url_file";
        let read =
            std::fs::read_to_string(file).map_err(|error| format!("names {file}, which cannot be read: {error}"));
        let text = self.parsed(key, read)?;
        self.smtp_url(key, text.trim())
    }

    fn smtp_url(&mut self, key: &str, text: &str) -> Option<SmtpUrl> {
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "smtp" | "smtps") && url.has_host() => Some(SmtpUrl(text.to_owned())),
            _ => {
                self.refuse(
                    key,
                    "holds no mail server: write \"smtps://user:password@host\" \
                or \"smtp://user:password@host:587?tls=required\"",
                );
                None
            }
        }
    }
}

/// An address, or a name and an address in angle brackets; the mail client parses it for good.
fn is_sender(text: &str) -> bool {
    let address = match text.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>'),
        None => Some(text),
    };
    let parts = address.and_then(|address| address.split_once('@'));
    !text.chars().any(char::is_control)
        && parts.is_some_and(|(user, host)| {
            let whole = |part: &str| {
                !part.is_empty() && !part.contains(|sign: char| sign.is_whitespace() || "<>@".contains(sign))
            };
            whole(user) && whole(host)
        })
}
