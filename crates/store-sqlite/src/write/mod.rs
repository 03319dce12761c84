//! The writes of the port, in SQL, inside the transaction of whoever calls.
//!
//! Every guard is the WHERE of its own statement: it holds when the statement changed a row.

mod accounts;
mod admin_keys;
mod allowances;
mod audit;
mod foreign;
mod pending;
mod sessions;
mod sweep;

use perennial_store::{Applied, Change, Write};
use rusqlite::{Connection, Params, Result};

pub(crate) use sweep::{FOREIGN_OVER, OVER, sweep};

/// Runs the writes of `change` up to the first guard that does not hold. What ran before it stays: the
/// caller rolls back.
pub(crate) fn change(connection: &Connection, change: &Change) -> Result<Applied> {
    for write in &change.0 {
        if run(connection, write)? == Applied::Stale {
            return Ok(Applied::Stale);
        }
    }
    Ok(Applied::Done)
}

fn run(db: &Connection, write: &Write) -> Result<Applied> {
    match write {
        Write::InsertSession(session) => guarded(sessions::insert(db, session)?),
        Write::Rotate { sid, from_generation, from_late, to, active_at } => {
            guarded(sessions::rotate(db, *sid, (*from_generation, *from_late), to, *active_at)?)
        }
        Write::Confirm { sid, generation } => regardless(sessions::confirm(db, *sid, *generation)?),
        Write::Touch { sid, at } => regardless(sessions::touch(db, *sid, *at)?),
        Write::EndSession { sid, at, reason } => regardless(sessions::end(db, *sid, *at, *reason)?),
        Write::EndSessionsOf { subject, except, at, reason } => {
            regardless(sessions::end_of(db, subject, *except, *at, *reason)?)
        }
        Write::Reauthenticate { sid, authentication } => guarded(sessions::reauthenticate(db, *sid, authentication)?),

        Write::InsertAccount(account) => guarded(accounts::insert(db, account)?),
        Write::SetPasswordHash { account, password_hash } => {
            regardless(accounts::set_password_hash(db, account, password_hash)?)
        }
        Write::ReplacePasswordHash { account, from, to } => {
            regardless(accounts::replace_password_hash(db, account, from, to)?)
        }
        Write::SetClaims { account, claims } => regardless(accounts::set_claims(db, account, claims)?),
        Write::SetDisabled { account, disabled } => regardless(accounts::set_disabled(db, account, *disabled)?),
        Write::RecordLogin { account, at } => regardless(accounts::record_login(db, account, *at)?),
        Write::ExpectPassword { account, password_hash } => {
            guarded(accounts::with_password(db, account, password_hash)?)
        }
        Write::ExpectNoSecondFactor { account } => guarded(accounts::without_second_factor(db, account)?),
        Write::SetSecondFactor { account, sealed_secret, last_step } => {
            guarded(accounts::set_second_factor(db, account, sealed_secret, *last_step)?)
        }
        Write::AdvanceSecondFactor { account, step } => guarded(accounts::advance_second_factor(db, account, *step)?),
        Write::ReplaceRecoveryCodes { account, hashes } => {
            regardless(accounts::replace_recovery_codes(db, account, hashes)?)
        }
        Write::UseRecoveryCode { account, hashes } => guarded(accounts::use_recovery_code(db, account, hashes)?),

        Write::InsertPending(pending) => guarded(pending::insert(db, pending)?),
        Write::SpendAttempt { token_hash, now } => guarded(pending::spend_attempt(db, token_hash, *now)?),
        Write::ReplaceCode { token_hash, code_hash, attempts, now } => {
            guarded(pending::replace_code(db, token_hash, code_hash, *attempts, *now)?)
        }
        Write::RemovePendingOf { subject } => regardless(pending::remove_of(db, subject)?),
        Write::ConsumePending { token_hash, now } => guarded(pending::consume(db, token_hash, *now)?),

        Write::SpendAllowance { key, limit, window, now } => {
            guarded(allowances::spend(db, *key, *limit, *window, *now)?)
        }
        Write::ClearAllowance { key } => regardless(allowances::clear(db, *key)?),
        Write::RefundAllowance { key } => regardless(allowances::refund(db, *key)?),

        Write::InsertAdminKey(key) => guarded(admin_keys::insert(db, key)?),
        Write::RevokeAdminKey { name, at } => guarded(admin_keys::revoke(db, name, *at)?),
        Write::UseAdminKey { name, at } => regardless(admin_keys::note_use(db, name, *at)?),

        Write::LeaseForeignRefresh { token_hash, lease, until, now } => {
            guarded(foreign::lease(db, token_hash, *lease, *until, *now)?)
        }
        Write::FinishForeignRefresh { token_hash, lease, sealed, successor, kept_until } => {
            guarded(foreign::finish(db, token_hash, *lease, (sealed, successor.as_ref()), *kept_until)?)
        }
        Write::ReleaseForeignRefresh { token_hash, lease } => regardless(foreign::release(db, token_hash, *lease)?),
        Write::ShortenForeignResults { successors, until } => regardless(foreign::shorten(db, successors, *until)?),

        Write::Audit(event) => regardless(audit::append(db, event)?),
    }
}

fn guarded(rows: usize) -> Result<Applied> {
    Ok(if rows == 0 { Applied::Stale } else { Applied::Done })
}

fn regardless(_rows: usize) -> Result<Applied> {
    Ok(Applied::Done)
}

/// Runs one statement and answers how many rows it changed.
fn execute(db: &Connection, sql: &str, of: impl Params) -> Result<usize> {
    db.prepare_cached(sql)?.execute(of)
}
