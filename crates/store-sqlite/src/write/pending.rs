//! Writes to pending steps.

use perennial_protocol::{
    id::Subject,
    login::{Pending, PendingStep, StepName},
    time::UnixMillis,
};
use rusqlite::{Connection, Result, params};

use super::execute;

pub(super) fn insert(db: &Connection, pending: &Pending) -> Result<usize> {
    let (hash, step) = (&pending.token_hash, pending.step.name().name());
    let (attempts_left, ends_at) = (pending.attempts_left, pending.ends_at.0);
    match &pending.step {
        PendingStep::VerifyEmail { email, name, password_hash, code_hash, resends_left } => execute(
            db,
            "INSERT INTO pending (token_hash, step, attempts_left, ends_at, email, name, password_hash, code_hash,
                                  resends_left)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
            params![hash, step, attempts_left, ends_at, email.as_str(), name, password_hash, code_hash, resends_left],
        ),
        PendingStep::MfaSetup { subject, sealed_secret, within } => execute(
            db,
            "INSERT INTO pending (token_hash, step, attempts_left, ends_at, subject, sealed_secret, within_sid)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
            params![hash, step, attempts_left, ends_at, subject.as_str(), sealed_secret, within.map(|sid| sid.0)],
        ),
        PendingStep::MfaVerify { subject } => execute(
            db,
            "INSERT INTO pending (token_hash, step, attempts_left, ends_at, subject)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            params![hash, step, attempts_left, ends_at, subject.as_str()],
        ),
    }
}

pub(super) fn spend_attempt(db: &Connection, token_hash: &[u8; 32], now: UnixMillis) -> Result<usize> {
    execute(
        db,
        "UPDATE pending SET attempts_left = attempts_left - 1
         WHERE token_hash = ?1 AND ends_at > ?2 AND attempts_left > 0",
        params![token_hash, now.0],
    )
}

pub(super) fn replace_code(
    db: &Connection,
    token_hash: &[u8; 32],
    code_hash: &[u8; 32],
    attempts: u8,
    now: UnixMillis,
) -> Result<usize> {
    execute(
        db,
        "UPDATE pending SET code_hash = ?2, attempts_left = ?3, resends_left = resends_left - 1
         WHERE token_hash = ?1 AND ends_at > ?4 AND step = ?5 AND resends_left > 0",
        params![token_hash, code_hash, attempts, now.0, StepName::VerifyEmail.name()],
    )
}

pub(super) fn remove_of(db: &Connection, subject: &Subject) -> Result<usize> {
    execute(db, "DELETE FROM pending WHERE subject = ?1", params![subject.as_str()])
}

pub(super) fn consume(db: &Connection, token_hash: &[u8; 32], now: UnixMillis) -> Result<usize> {
    execute(db, "DELETE FROM pending WHERE token_hash = ?1 AND ends_at > ?2", params![token_hash, now.0])
}
