//! What a client is told about its session.

use super::EndReason;
use crate::{id::SessionKey, login::StepName};

/// The `status` of a session answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Authenticated,
    Pending(StepName),
    Unauthenticated,
}

impl Status {
    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authenticated => "authenticated",
            Self::Pending(StepName::MfaVerify) => "mfa_verify_required",
            Self::Pending(StepName::MfaSetup) => "mfa_setup_required",
            Self::Pending(StepName::VerifyEmail) => "verify_email_required",
            Self::Unauthenticated => "unauthenticated",
        }
    }
}

/// The one answer to "who is this", but for `Unavailable`, which is an error of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A good access token of the jar's live session.
    Authenticated,
    /// No access token, but a refresh token that would be answered with one.
    Renewable,
    /// A login that is not finished.
    Pending(StepName),
    Anonymous,
    /// Only a session that is over.
    Ended(EndReason),
}

impl Verdict {
    pub const fn status(self) -> Status {
        match self {
            Self::Authenticated => Status::Authenticated,
            Self::Pending(step) => Status::Pending(step),
            Self::Renewable | Self::Anonymous | Self::Ended(_) => Status::Unauthenticated,
        }
    }
}

/// The value of the hint cookie: status, session and a mark that changes with every access token. It is
/// no secret and no authorization.
pub fn hint(session: &SessionKey, revision: &str) -> String {
    format!("{}.{session}.{revision}", Status::Authenticated.name())
}

/// The hint while a login waits for a step.
pub fn hint_pending(step: StepName) -> &'static str {
    Status::Pending(step).name()
}

/// The hint after a session has ended.
pub fn hint_ended(reason: EndReason) -> String {
    format!("ended.{}", reason.name())
}
