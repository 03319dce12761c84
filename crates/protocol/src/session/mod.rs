//! A session: one login of one browser or device.
//!
//! The row as every store keeps it, when it is over, how long things live, and what a client is told.

pub mod lifetimes;
pub mod status;

use serde::{Deserialize, Serialize};

use crate::{
    claims::Claims,
    id::{SessionKey, Sid, Subject},
    refresh::{Policy, Rotation, Salt},
    time::UnixMillis,
};

/// Everything that is kept of a session: one small row, whatever the number of refreshes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub sid: Sid,
    pub session_key: SessionKey,
    pub salt: Salt,
    pub subject: Subject,
    pub created_at: UnixMillis,
    /// The absolute end; no refresh moves it.
    pub ends_at: UnixMillis,
    /// The last time its refresh token was honoured; the idle end counts from here.
    pub active_at: UnixMillis,
    pub rotation: Rotation,
    pub ended: Option<Ended>,
    pub authentication: Authentication,
    /// What the device list shows: the browser's own words, shortened.
    pub device: String,
    /// What the operator said of whom the session speaks for, when it was issued.
    pub claims: Claims,
}

/// How and when the person proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentication {
    pub at: UnixMillis,
    /// One means of proof, or two.
    pub level: AssuranceLevel,
    /// Method references of RFC 8176, such as `pwd` and `otp`.
    pub methods: Vec<String>,
}

/// How many factors stood behind the login: the `aal` claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AssuranceLevel {
    One,
    Two,
}

impl AssuranceLevel {
    pub const fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }

    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            _ => None,
        }
    }
}

/// When and why a session was ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ended {
    pub at: UnixMillis,
    pub reason: EndReason,
}

/// Why a session is over: the `reason` of `session_ended`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    Logout,
    ExpiredIdle,
    ExpiredAbsolute,
    Revoked,
    Reuse,
    PasswordChanged,
    AccountDisabled,
    Unknown,
}

impl EndReason {
    pub const ALL: [Self; 8] = [
        Self::Logout,
        Self::ExpiredIdle,
        Self::ExpiredAbsolute,
        Self::Revoked,
        Self::Reuse,
        Self::PasswordChanged,
        Self::AccountDisabled,
        Self::Unknown,
    ];

    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::ExpiredIdle => "expired_idle",
            Self::ExpiredAbsolute => "expired_absolute",
            Self::Revoked => "revoked",
            Self::Reuse => "reuse",
            Self::PasswordChanged => "password_changed",
            Self::AccountDisabled => "account_disabled",
            Self::Unknown => "unknown",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

impl Session {
    /// Why the session is over, or `None` while it lives.
    pub fn over(&self, policy: &Policy, now: UnixMillis) -> Option<EndReason> {
        if let Some(ended) = self.ended {
            return Some(ended.reason);
        }
        if self.ends_at <= now {
            return Some(EndReason::ExpiredAbsolute);
        }
        (self.active_at.plus(policy.idle) <= now).then_some(EndReason::ExpiredIdle)
    }
}
