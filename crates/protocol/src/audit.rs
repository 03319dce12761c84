//! What the audit log records: facts about sessions and logins, never a secret.

use crate::{
    id::{SessionKey, Subject},
    session::Session,
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

impl AuditEvent {
    /// A line about one person.
    pub fn of_subject(subject: &Subject, kind: AuditKind, at: UnixMillis) -> Self {
        Self { at, kind, subject: Some(subject.clone()), session_key: None, detail: String::new() }
    }

    /// A line about one session.
    pub fn of_session(session: &Session, kind: AuditKind, detail: impl Into<String>, at: UnixMillis) -> Self {
        Self {
            at,
            kind,
            subject: Some(session.subject.clone()),
            session_key: Some(session.session_key.clone()),
            detail: detail.into(),
        }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuditKind {
    AccountCreated,
    AccountImported,
    AccountDisabled,
    AccountEnabled,
    PasswordSet,
    ClaimsSet,
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
    AdminKeyAdded,
    AdminKeyRevoked,
}

impl AuditKind {
    pub const ALL: [Self; 22] = [
        Self::AccountCreated,
        Self::AccountImported,
        Self::AccountDisabled,
        Self::AccountEnabled,
        Self::PasswordSet,
        Self::ClaimsSet,
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
        Self::AdminKeyAdded,
        Self::AdminKeyRevoked,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountCreated => "account_created",
            Self::AccountImported => "account_imported",
            Self::AccountDisabled => "account_disabled",
            Self::AccountEnabled => "account_enabled",
            Self::PasswordSet => "password_set",
            Self::ClaimsSet => "claims_set",
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
            Self::AdminKeyAdded => "admin_key_added",
            Self::AdminKeyRevoked => "admin_key_revoked",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
