//! The calls of the HTTP API, by the names that configuration and presets use.

use std::{fmt, str::FromStr};

/// A call of the HTTP API that configuration may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    Session,
    Token,
    Register,
    VerifyOtp,
    ResendOtp,
    Login,
    MfaSetup,
    MfaSetupConfirm,
    MfaVerify,
    Reauthenticate,
    PasswordChange,
    Logout,
    LogoutAll,
    Sessions,
}

impl Call {
    pub const ALL: [Self; 14] = [
        Self::Session,
        Self::Token,
        Self::Register,
        Self::VerifyOtp,
        Self::ResendOtp,
        Self::Login,
        Self::MfaSetup,
        Self::MfaSetupConfirm,
        Self::MfaVerify,
        Self::Reauthenticate,
        Self::PasswordChange,
        Self::Logout,
        Self::LogoutAll,
        Self::Sessions,
    ];

    /// How configuration names it.
    pub const fn name(self) -> &'static str {
        CALLS[self as usize]
    }

    /// Its path under the base, with a leading slash.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Session => "/session",
            Self::Token => "/token",
            Self::Register => "/register",
            Self::VerifyOtp => "/verify-otp",
            Self::ResendOtp => "/resend-otp",
            Self::Login => "/login",
            Self::MfaSetup => "/mfa/setup",
            Self::MfaSetupConfirm => "/mfa/setup/confirm",
            Self::MfaVerify => "/mfa/verify",
            Self::Reauthenticate => "/reauthenticate",
            Self::PasswordChange => "/password/change",
            Self::Logout => "/logout",
            Self::LogoutAll => "/logout-all",
            Self::Sessions => "/sessions",
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// The text names no call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a call")]
pub struct NotACall(String);

impl FromStr for Call {
    type Err = NotACall;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|call| call.name() == text).ok_or_else(|| NotACall(text.to_owned()))
    }
}

/// The names of the calls, in the order of the enum.
pub const CALLS: &[&str] = &[
    "session",
    "token",
    "register",
    "verify-otp",
    "resend-otp",
    "login",
    "mfa-setup",
    "mfa-setup-confirm",
    "mfa-verify",
    "reauthenticate",
    "password-change",
    "logout",
    "logout-all",
    "sessions",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_reads_back_by_its_name() {
        for call in Call::ALL {
            assert_eq!(call.name().parse(), Ok(call));
            assert_eq!(call.path().trim_start_matches('/').replace('/', "-"), call.name());
        }
        assert!("nothing".parse::<Call>().is_err());
    }
}
