//! Every way to say no.
//!
//! Operations answer with one of these; one table in the HTTP layer turns it into a status and a stable
//! code. A refusal is an answer, not an accident.

use serde::{Deserialize, Serialize};

use crate::{refresh::Generation, session::EndReason, time::Millis};

/// Why a request is not granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The request cannot be understood; the sentence says how to mend it.
    InvalidRequest(String),
    /// A refresh token that this server did not make, or cannot read.
    InvalidToken,
    /// A bearer that is no good access token: expired, changed, or not ours.
    InvalidAccessToken,
    /// The session is over, for this reason.
    SessionEnded(EndReason),
    /// The refresh token is no longer the session's newest; the generation goes into the mark.
    StaleToken(Generation),
    /// No credential that this call accepts.
    NotAuthenticated,
    InvalidCredentials,
    InvalidCode,
    TooManyAttempts {
        retry_after: Millis,
    },
    /// The call needs a login that is younger than it is.
    ReauthenticationRequired,
    CsrfFailed,
    /// Who asks is known, and may not do this; the sentence says why.
    Forbidden(String),
    /// The token of another session: the page was loaded by someone who is no longer logged in here.
    IdentityChanged,
    UnsupportedMediaType,
    NotFound,
    MethodNotAllowed,
    BodyTooLarge,
    /// The Host is not one that this server answers for.
    MisdirectedRequest,
    InternalError,
    /// The token was renewed, but the body has gone to the upstream and cannot be sent again from here.
    RetryWithBody,
    /// The server behind the gateway cannot be reached, or broke off before it answered.
    UpstreamUnavailable,
    /// The server behind the gateway did not begin to answer in time.
    UpstreamTimeout,
    /// Nothing is known; ask again.
    AuthUnavailable {
        retry_after: Millis,
    },
}

impl Refusal {
    /// The stable code on the wire.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidToken | Self::InvalidAccessToken => "invalid_token",
            Self::SessionEnded(_) => "session_ended",
            Self::StaleToken(_) => "stale_token",
            Self::NotAuthenticated => "not_authenticated",
            Self::InvalidCredentials => "invalid_credentials",
            Self::InvalidCode => "invalid_code",
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::ReauthenticationRequired => "reauthentication_required",
            Self::CsrfFailed => "csrf_failed",
            Self::Forbidden(_) => "forbidden",
            Self::IdentityChanged => "identity_changed",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::BodyTooLarge => "body_too_large",
            Self::MisdirectedRequest => "misdirected_request",
            Self::InternalError => "internal_error",
            Self::RetryWithBody => "retry_with_body",
            Self::UpstreamUnavailable => "upstream_unavailable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::AuthUnavailable { .. } => "auth_unavailable",
        }
    }
}
