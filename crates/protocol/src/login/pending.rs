//! A login that is not finished: the pending step, kept under the keyed hash of its token.
//!
//! The token is random, single-use, good for one step only and for ten minutes; the browser holds it in an
//! HttpOnly cookie of that step's name. The store never sees the token.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::account::Email;
use crate::{
    id::{Sid, Subject},
    key::{MacRing, Purpose},
    time::{Millis, UnixMillis},
};

/// How long a pending step waits.
pub const PENDING_TTL: Millis = Millis::minutes(10);

/// The step's row.
#[derive(Clone, PartialEq, Eq)]
pub struct Pending {
    pub token_hash: [u8; 32],
    pub step: PendingStep,
    /// How many more codes may be tried.
    pub attempts_left: u8,
    pub ends_at: UnixMillis,
}

/// What the step waits for, and what it needs then.
#[derive(Clone, PartialEq, Eq)]
pub enum PendingStep {
    /// The code that was mailed. The account begins here, with the password of this very attempt.
    VerifyEmail {
        email: Email,
        name: String,
        password_hash: String,
        code_hash: [u8; 32],
        /// How many more messages this attempt may send.
        resends_left: u8,
    },
    /// The first code of a new TOTP secret, on the way to a session or inside one.
    MfaSetup { subject: Subject, sealed_secret: Vec<u8>, within: Option<Sid> },
    /// A code of the second factor.
    MfaVerify { subject: Subject },
}

/// The name of a step: what cookies and answers call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepName {
    VerifyEmail,
    MfaSetup,
    MfaVerify,
}

impl StepName {
    pub const ALL: [Self; 3] = [Self::MfaVerify, Self::MfaSetup, Self::VerifyEmail];

    pub const fn name(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::MfaSetup => "mfa_setup",
            Self::MfaVerify => "mfa_verify",
        }
    }
}

impl PendingStep {
    pub const fn name(&self) -> StepName {
        match self {
            Self::VerifyEmail { .. } => StepName::VerifyEmail,
            Self::MfaSetup { .. } => StepName::MfaSetup,
            Self::MfaVerify { .. } => StepName::MfaVerify,
        }
    }

    /// The person whose account it is a step of; a step before there is an account is nobody's.
    pub const fn subject(&self) -> Option<&Subject> {
        match self {
            Self::VerifyEmail { .. } => None,
            Self::MfaSetup { subject, .. } | Self::MfaVerify { subject } => Some(subject),
        }
    }
}

impl fmt::Debug for PendingStep {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name().name())
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Pending({:?}, {} attempts left)", self.step, self.attempts_left)
    }
}

/// The secret that the browser holds for a step: 32 random bytes.
#[derive(Clone, Copy)]
pub struct PendingToken([u8; 32]);

impl PendingToken {
    pub const fn from_random(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads a cookie; `None` for anything that this server did not shape.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (length == bytes.len()).then_some(Self(bytes))
    }

    /// The token as a cookie carries it. This is the secret itself.
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What the store keeps of a new token.
    pub fn hash(&self, ring: &MacRing) -> [u8; 32] {
        ring.sign(Purpose::PendingToken, &[&self.0])
    }

    /// Where the store may have it, the most likely first: under any key that has not retired.
    pub fn hashes(&self, ring: &MacRing) -> Vec<[u8; 32]> {
        ring.every_tag(Purpose::PendingToken, &[&self.0])
    }
}

impl fmt::Debug for PendingToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PendingToken(..)")
    }
}
