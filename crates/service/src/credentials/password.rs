//! Passwords: the rules for choosing one. How they are hashed is the pool's to say.

use std::fmt;

use perennial_protocol::login::Email;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::limits;

/// A password as it is hashed: in Unicode normal form C (NIST SP 800-63B-4 §3.1.1.2).
#[derive(Clone)]
pub struct Password {
    normal: Zeroizing<String>,
    /// As it was typed, where that is another text.
    typed: Option<Zeroizing<String>>,
}

impl fmt::Debug for Password {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Password(..)")
    }
}

/// Why a password cannot be chosen, as a sentence for the person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("The password needs at least {} characters.", limits::PASSWORD_CHARACTERS_MIN)]
    Short,
    #[error("The password is longer than {} bytes.", limits::PASSWORD_BYTES_MAX)]
    Long,
    #[error("The password is too easy to guess. {0}")]
    Guessable(String),
}

impl Password {
    /// A password someone logs in with: any text that is short enough to hash.
    pub fn given(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > limits::PASSWORD_BYTES_MAX {
            return None;
        }
        let normal: String = text.nfc().collect();
        let typed = (normal != text).then(|| Zeroizing::new(text.to_owned()));
        (normal.len() <= limits::PASSWORD_BYTES_MAX).then(|| Self { normal: Zeroizing::new(normal), typed })
    }

    /// A password someone chooses: long enough and not guessable from lists or from their own name. No
    /// rules of composition (NIST SP 800-63B-4 §3.1.1.2).
    pub fn chosen(text: &str, email: &Email, name: &str) -> Result<Self, Unfit> {
        let password = Self::given(text).ok_or(if text.is_empty() { Unfit::Short } else { Unfit::Long })?;
        if password.normal.chars().count() < limits::PASSWORD_CHARACTERS_MIN {
            return Err(Unfit::Short);
        }
        let looked_at: String = password.normal.chars().take(limits::PASSWORD_ESTIMATE_CHARACTERS).collect();
        let local = email.as_str().split('@').next().unwrap_or_default();
        let estimate = zxcvbn::zxcvbn(&looked_at, &[email.as_str(), local, name]);
        if estimate.score() < zxcvbn::Score::Three {
            let advice = estimate
                .feedback()
                .and_then(|feedback| feedback.warning())
                .map_or_else(|| "Add another word or two.".to_owned(), |warning| warning.to_string());
            return Err(Unfit::Guessable(advice));
        }
        Ok(password)
    }

    /// What is hashed. This is the secret itself.
    pub fn expose(&self) -> &[u8] {
        self.normal.as_bytes()
    }

    /// What was typed, where that is not what is hashed. This is the secret itself.
    pub fn typed(&self) -> Option<&[u8]> {
        self.typed.as_ref().map(|typed| typed.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email() -> Email {
        Email::parse("ada.lovelace@example.com").expect("an address")
    }

    #[track_caller]
    fn check(text: &str, fits: bool) {
        assert_eq!(Password::chosen(text, &email(), "Ada Lovelace").is_ok(), fits, "{text:?}");
    }

    #[test]
    fn passwords_are_judged_by_how_hard_they_are_to_guess() {
        check("four amber kettles sing", true);
        check("ツゴウノイイ雨傘と鉛筆削り", true);
        check("x7#Qp2!m", false);
        check("v9#Kq2!mZr4T", true);
        for text in ["", "short", "password1234567", "ada.lovelace", "aaaaaaaaaaaaaaaa", "qwertyuiop"] {
            check(text, false);
        }
        check(&"é".repeat(600), false);
    }
}
