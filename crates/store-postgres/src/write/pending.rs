//! Writes to pending steps.

use perennial_protocol::{
    id::Subject,
    login::{Pending, PendingStep, StepName},
    time::UnixMillis,
};

use crate::{
    order::{Order, Place, Table},
    rows::pending_columns,
    value::{Value, values},
};

pub(super) fn insert(pending: &Pending) -> Order {
    const SQL: &str = concat!(
        "INSERT INTO perennial.pending (",
        pending_columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING"
    );
    let hash = &pending.token_hash;
    let mut values = values![hash, pending.step.name().name(), pending.attempts_left, pending.ends_at.0];
    values.extend(match &pending.step {
        PendingStep::VerifyEmail { email, name, password_hash, code_hash, resends_left } => {
            let (none, code_hash) = (Value::Null, Value::from(code_hash));
            values![email.as_str(), name, password_hash, code_hash, *resends_left, none.clone(), none.clone(), none]
        }
        PendingStep::MfaSetup { subject, sealed_secret, within } => {
            of_the_factor(values![subject.as_str(), sealed_secret, within.as_ref().map(|sid| &sid.0)])
        }
        PendingStep::MfaVerify { subject } => of_the_factor(values![subject.as_str(), Value::Null, Value::Null]),
    });
    Order::guarded(SQL, values, place(hash))
}

/// The columns of a step that waits for a second factor, after those of a mail.
fn of_the_factor(values: Vec<Value>) -> Vec<Value> {
    let mut all = vec![Value::Null; 5];
    all.extend(values);
    all
}

pub(super) fn spend_attempt(token_hash: &[u8; 32], now: UnixMillis) -> Order {
    Order::guarded(
        "UPDATE perennial.pending SET attempts_left = attempts_left - 1
         WHERE token_hash = $1 AND ends_at > $2 AND attempts_left > 0",
        values![token_hash, now.0],
        place(token_hash),
    )
}

pub(super) fn replace_code(token_hash: &[u8; 32], code_hash: &[u8; 32], attempts: u8, now: UnixMillis) -> Order {
    Order::guarded(
        "UPDATE perennial.pending SET code_hash = $2, attempts_left = $3, resends_left = resends_left - 1
         WHERE token_hash = $1 AND ends_at > $4 AND step = $5 AND resends_left > 0",
        values![token_hash, code_hash, attempts, now.0, StepName::VerifyEmail.name()],
        place(token_hash),
    )
}

pub(super) fn remove_of(subject: &Subject) -> Order {
    Order::of_many_rows("DELETE FROM perennial.pending WHERE subject = $1", values![subject.as_str()])
}

pub(super) fn consume(token_hash: &[u8; 32], now: UnixMillis) -> Order {
    Order::guarded(
        "DELETE FROM perennial.pending WHERE token_hash = $1 AND ends_at > $2",
        values![token_hash, now.0],
        place(token_hash),
    )
}

fn place(token_hash: &[u8; 32]) -> Place {
    Place::new(Table::Pending, token_hash)
}
