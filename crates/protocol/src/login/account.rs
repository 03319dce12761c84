//! What is kept of a person who can log in.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{claims::Claims, id::Subject, time::UnixMillis};

/// An account's row.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    pub id: Subject,
    pub email: Email,
    pub name: String,
    /// How the password is known, never the password: a PHC string, or what another system kept until the
    /// first login here. Empty where no password is right.
    pub password_hash: String,
    pub disabled: bool,
    pub created_at: UnixMillis,
    pub last_login_at: Option<UnixMillis>,
    pub second_factor: Option<SecondFactor>,
    pub claims: Claims,
}

impl fmt::Debug for Account {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Account({})", self.id)
    }
}

/// A TOTP secret that is in use (RFC 6238).
#[derive(Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// The secret, sealed under the server's key.
    pub sealed_secret: Vec<u8>,
    /// The last time step whose code was accepted; no code of this or an earlier step counts again
    /// (RFC 6238 §5.2).
    pub last_step: i64,
}

impl fmt::Debug for SecondFactor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SecondFactor(last_step {})", self.last_step)
    }
}

/// An e-mail address, in lower case: the name a person logs in with.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// Why a text is not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write an e-mail address such as ada@example.com, at most 254 characters")]
pub struct NotAnEmail;

impl Email {
    pub const LENGTH_MAX: usize = 254;

    /// Accepts what can be an address: one `@` with something on both sides and a plain host name behind
    /// it. Whether it exists is for a message to find out.
    pub fn parse(text: &str) -> Result<Self, NotAnEmail> {
        // Lower case first: it can change what the text is made of, and what is kept must read back.
        let text = text.trim().to_lowercase();
        let (local, host) = text.rsplit_once('@').ok_or(NotAnEmail)?;
        let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>()[],;:\\\"@".contains(c);
        let local_is_plain = !local.is_empty() && local.len() <= 64 && local.chars().all(plain);
        let host_is_plain = !host.is_empty()
            && host.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
            && host.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '.');
        if text.len() <= Self::LENGTH_MAX && local_is_plain && host_is_plain { Ok(Self(text)) } else { Err(NotAnEmail) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address with most of its name hidden, for a page that only has to remind: `a••@example.com`.
    pub fn masked(&self) -> String {
        let (local, host) = self.0.rsplit_once('@').unwrap_or(("", &self.0));
        let first: String = local.chars().take(1).collect();
        format!("{first}••@{host}")
    }
}

impl TryFrom<String> for Email {
    type Error = NotAnEmail;

    fn try_from(text: String) -> Result<Self, NotAnEmail> {
        Self::parse(&text)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Email(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(Email::parse(text).ok().map(String::from).as_deref(), expected, "{text}");
    }

    #[test]
    fn addresses_are_read_leniently_and_kept_in_lower_case() {
        check(" Ada.Lovelace+test@Example.COM ", Some("ada.lovelace+test@example.com"));
        check("demo@perennial.test", Some("demo@perennial.test"));
        check("o'brien@localhost", Some("o'brien@localhost"));
    }

    #[test]
    fn what_could_smuggle_a_header_or_a_second_recipient_is_refused() {
        for text in ["", "@", "a@", "@b", "a b@c.d", "a@b\r\nBcc: x@y.z", "a,b@c.d", "<a@b.c>", "a@b..c", "a@-b.c"] {
            check(text, None);
        }
        check(&format!("{}@example.com", "a".repeat(65)), None);
    }

    #[test]
    fn what_is_kept_reads_back_as_it_is() {
        for text in ["a@İ.com", "İ@example.com", "ΣΑΣ@example.com", "ada@EXAMPLE.com"] {
            if let Ok(email) = Email::parse(text) {
                assert_eq!(Email::parse(email.as_str()), Ok(email.clone()), "{text}");
            }
        }
    }

    #[test]
    fn a_masked_address_shows_one_letter_of_the_name() {
        assert_eq!(Email::parse("ada@example.com").expect("an address").masked(), "a••@example.com");
    }
}
