//! What the audit log records: facts about sessions and logins, never a secret.

use crate::{
    id::{SessionKey, Subject},
    time::UnixMillis,
};

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    pub at: UnixMillis,
    pub kind: AuditKind,
    pub subject: Option<Subject>,
    pub session_key: Option<SessionKey>,
    /// A word or two more, such as the reason of an end.
    pub detail: String,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuditKind {
    AccountCreated,
    LoginSucceeded,
    LoginFailed,
    LoginThrottled,
    SecondFactorFailed,
    SecondFactorSet,
    RecoveryCodeUsed,
    SessionStarted,
    SessionIssued,
    SessionEnded,
    StaleRefused,
    ReuseDetected,
    StoreBehind,
    EndRestored,
    JarConflict,
}

impl AuditKind {
    pub const ALL: [Self; 15] = [
        Self::AccountCreated,
        Self::LoginSucceeded,
        Self::LoginFailed,
        Self::LoginThrottled,
        Self::SecondFactorFailed,
        Self::SecondFactorSet,
        Self::RecoveryCodeUsed,
        Self::SessionStarted,
        Self::SessionIssued,
        Self::SessionEnded,
        Self::StaleRefused,
        Self::ReuseDetected,
        Self::StoreBehind,
        Self::EndRestored,
        Self::JarConflict,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountCreated => "account_created",
            Self::LoginSucceeded => "login_succeeded",
            Self::LoginFailed => "login_failed",
            Self::LoginThrottled => "login_throttled",
            Self::SecondFactorFailed => "second_factor_failed",
            Self::SecondFactorSet => "second_factor_set",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::SessionStarted => "session_started",
            Self::SessionIssued => "session_issued",
            Self::SessionEnded => "session_ended",
            Self::StaleRefused => "stale_refused",
            Self::ReuseDetected => "reuse_detected",
            Self::StoreBehind => "store_behind",
            Self::EndRestored => "end_restored",
            Self::JarConflict => "jar_conflict",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
