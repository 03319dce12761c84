//! Why the sign-in page is on the screen, in words for the person who reads it.

/// What happened before the sign-in page was shown, or why it is shown to someone who is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    SignedOut,
    ExpiredIdle,
    ExpiredAbsolute,
    Revoked,
    Reuse,
    PasswordChanged,
    AccountDisabled,
    /// What was asked for needs a fresh sign-in.
    SignInAgain,
}

impl Notice {
    /// Every notice, for tables and tests.
    pub const ALL: [Self; 8] = [
        Self::SignedOut,
        Self::ExpiredIdle,
        Self::ExpiredAbsolute,
        Self::Revoked,
        Self::Reuse,
        Self::PasswordChanged,
        Self::AccountDisabled,
        Self::SignInAgain,
    ];

    /// The notice for the reason of a `session_ended` answer. A reason that needs no words is `None`.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.key() == key)
    }

    /// The reason code, fit for a query parameter.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::SignedOut => "logout",
            Self::ExpiredIdle => "expired_idle",
            Self::ExpiredAbsolute => "expired_absolute",
            Self::Revoked => "revoked",
            Self::Reuse => "reuse",
            Self::PasswordChanged => "password_changed",
            Self::AccountDisabled => "account_disabled",
            Self::SignInAgain => "again",
        }
    }

    /// One short sentence: what happened.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::SignedOut => "You have been signed out.",
            Self::ExpiredIdle | Self::ExpiredAbsolute => "Your session has expired.",
            Self::Revoked => "Your session was ended.",
            Self::Reuse => "We ended your session to protect you.",
            Self::PasswordChanged => "Your password was changed.",
            Self::AccountDisabled => "This account is disabled.",
            Self::SignInAgain => "Please sign in once more.",
        }
    }

    /// What it means and what to do next.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::SignedOut => "This browser can no longer open your account.",
            Self::ExpiredIdle => "It was not used for a while. Sign in to carry on.",
            Self::ExpiredAbsolute => "It reached its full length. Sign in to start a new one.",
            Self::Revoked => "It was ended from another device or by an administrator.",
            Self::Reuse => {
                "Someone used a copy of it, which may have been stolen. If this was not you, sign in, end every session \
                 that you do not know, and change your password."
            }
            Self::PasswordChanged => "Sign in with the new one. If you did not change it, ask for help at once.",
            Self::AccountDisabled => "Ask the people who run this service for help.",
            Self::SignInAgain => "Changing how you sign in needs a fresh sign-in. Then carry on where you were.",
        }
    }

    pub(crate) const fn is_warning(self) -> bool {
        match self {
            Self::Reuse | Self::AccountDisabled => true,
            Self::SignedOut
            | Self::ExpiredIdle
            | Self::ExpiredAbsolute
            | Self::Revoked
            | Self::PasswordChanged
            | Self::SignInAgain => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Notice;

    #[test]
    fn every_notice_is_found_again_by_its_key() {
        for notice in Notice::ALL {
            assert_eq!(Notice::from_key(notice.key()), Some(notice));
        }
    }

    #[test]
    fn a_reason_without_words_has_no_notice() {
        assert_eq!(Notice::from_key("unknown"), None);
        assert_eq!(Notice::from_key(""), None);
    }
}
