//! The writes of the port, in SQL: each becomes an order or two, which others carry out.
//!
//! Every guard is the WHERE of its own statement: it holds when the statement changed a row. A statement
//! waits for whoever is changing the same row and then looks at the row again, so that a guard holds for
//! the row as it is when it is changed.

mod accounts;
mod admin_keys;
mod allowances;
mod audit;
mod foreign;
mod pending;
mod sessions;
mod sweep;

use perennial_store::{Change, Write};

use crate::order::Order;

pub(crate) use sweep::{sweep, sweep_foreign_refreshes};

/// What `change` asks of the database, in its order.
pub(crate) fn orders(change: &Change) -> Vec<Order> {
    change.0.iter().flat_map(of).collect()
}

fn of(write: &Write) -> Vec<Order> {
    let order = match write {
        Write::InsertSession(session) => sessions::insert(session),
        Write::Rotate { sid, from_generation, from_late, to, active_at } => {
            sessions::rotate(*sid, (*from_generation, *from_late), to, *active_at)
        }
        Write::Confirm { sid, generation } => sessions::confirm(*sid, *generation),
        Write::Touch { sid, at } => sessions::touch(*sid, *at),
        Write::EndSession { sid, at, reason } => sessions::end(*sid, *at, *reason),
        Write::EndSessionsOf { subject, except, at, reason } => sessions::end_of(subject, *except, *at, *reason),
        Write::Reauthenticate { sid, authentication } => sessions::reauthenticate(*sid, authentication),

        Write::InsertAccount(account) => accounts::insert(account),
        Write::SetPasswordHash { account, password_hash } => accounts::set_password_hash(account, password_hash),
        Write::ReplacePasswordHash { account, from, to } => accounts::replace_password_hash(account, from, to),
        Write::SetClaims { account, claims } => accounts::set_claims(account, claims),
        Write::SetDisabled { account, disabled } => accounts::set_disabled(account, *disabled),
        Write::RecordLogin { account, at } => accounts::record_login(account, *at),
        Write::ExpectPassword { account, password_hash } => accounts::expect_password(account, password_hash),
        Write::ExpectNoSecondFactor { account } => accounts::expect_no_second_factor(account),
        Write::SetSecondFactor { account, sealed_secret, last_step } => {
            accounts::set_second_factor(account, sealed_secret, *last_step)
        }
        Write::AdvanceSecondFactor { account, step } => accounts::advance_second_factor(account, *step),
        Write::ReplaceRecoveryCodes { account, hashes } => return accounts::replace_recovery_codes(account, hashes),
        Write::UseRecoveryCode { account, hashes } => accounts::use_recovery_code(account, hashes),

        Write::InsertPending(pending) => pending::insert(pending),
        Write::SpendAttempt { token_hash, now } => pending::spend_attempt(token_hash, *now),
        Write::ReplaceCode { token_hash, code_hash, attempts, now } => {
            pending::replace_code(token_hash, code_hash, *attempts, *now)
        }
        Write::RemovePendingOf { subject } => pending::remove_of(subject),
        Write::ConsumePending { token_hash, now } => pending::consume(token_hash, *now),

        Write::SpendAllowance { key, limit, window, now } => allowances::spend(*key, *limit, *window, *now),
        Write::ClearAllowance { key } => allowances::clear(*key),
        Write::RefundAllowance { key } => allowances::refund(*key),

        Write::InsertAdminKey(key) => admin_keys::insert(key),
        Write::RevokeAdminKey { name, at } => admin_keys::revoke(name, *at),
        Write::UseAdminKey { name, at } => admin_keys::note_use(name, *at),

        Write::LeaseForeignRefresh { token_hash, lease, until, now } => {
            foreign::lease(token_hash, *lease, *until, *now)
        }
        Write::FinishForeignRefresh { token_hash, lease, sealed, successor, kept_until } => {
            foreign::finish(token_hash, *lease, (sealed, successor.as_ref()), *kept_until)
        }
        Write::ReleaseForeignRefresh { token_hash, lease } => foreign::release(token_hash, *lease),
        Write::ShortenForeignResults { successors, until } => foreign::shorten(successors, *until),

        Write::Audit(event) => audit::append(event),
    };
    vec![order]
}
