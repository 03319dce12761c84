//! Writes to accounts, second factors and recovery codes.

use perennial_protocol::{claims::Claims, id::Subject, login::Account, time::UnixMillis};
use rusqlite::{Connection, Result, params};

use super::execute;
use crate::rows::account_columns;

pub(super) fn insert(db: &Connection, account: &Account) -> Result<usize> {
    const SQL: &str = concat!(
        "INSERT INTO account (",
        account_columns!(),
        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING"
    );
    let second_factor = account.second_factor.as_ref();
    execute(
        db,
        SQL,
        params![
            account.id.as_str(),
            account.email.as_str(),
            account.name,
            account.password_hash,
            account.disabled,
            account.created_at.0,
            account.last_login_at.map(|at| at.0),
            second_factor.map(|factor| &factor.sealed_secret),
            second_factor.map(|factor| factor.last_step),
            account.claims.to_json(),
        ],
    )
}

pub(super) fn set_password_hash(db: &Connection, account: &Subject, password_hash: &str) -> Result<usize> {
    execute(db, "UPDATE account SET password_hash = ?2 WHERE id = ?1", params![account.as_str(), password_hash])
}

pub(super) fn replace_password_hash(db: &Connection, account: &Subject, from: &str, to: &str) -> Result<usize> {
    execute(
        db,
        "UPDATE account SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2",
        params![account.as_str(), from, to],
    )
}

pub(super) fn set_claims(db: &Connection, account: &Subject, claims: &Claims) -> Result<usize> {
    execute(db, "UPDATE account SET claims = ?2 WHERE id = ?1", params![account.as_str(), claims.to_json()])
}

pub(super) fn set_disabled(db: &Connection, account: &Subject, disabled: bool) -> Result<usize> {
    execute(db, "UPDATE account SET disabled = ?2 WHERE id = ?1", params![account.as_str(), disabled])
}

pub(super) fn record_login(db: &Connection, account: &Subject, at: UnixMillis) -> Result<usize> {
    execute(db, "UPDATE account SET last_login_at = ?2 WHERE id = ?1", params![account.as_str(), at.0])
}

pub(super) fn set_second_factor(db: &Connection, account: &Subject, secret: &[u8], last_step: i64) -> Result<usize> {
    execute(
        db,
        "UPDATE account SET sealed_secret = ?2, last_step = ?3 WHERE id = ?1",
        params![account.as_str(), secret, last_step],
    )
}

pub(super) fn with_password(db: &Connection, account: &Subject, password_hash: &str) -> Result<usize> {
    let there = db
        .prepare_cached("SELECT 1 FROM account WHERE id = ?1 AND NOT disabled AND password_hash = ?2")?
        .exists(params![account.as_str(), password_hash])?;
    Ok(usize::from(there))
}

pub(super) fn without_second_factor(db: &Connection, account: &Subject) -> Result<usize> {
    let there = db
        .prepare_cached("SELECT 1 FROM account WHERE id = ?1 AND sealed_secret IS NULL")?
        .exists([account.as_str()])?;
    Ok(usize::from(there))
}

/// An account without a second factor has no last step, and NULL is not earlier than anything.
pub(super) fn advance_second_factor(db: &Connection, account: &Subject, step: i64) -> Result<usize> {
    execute(db, "UPDATE account SET last_step = ?2 WHERE id = ?1 AND last_step < ?2", params![account.as_str(), step])
}

pub(super) fn replace_recovery_codes(db: &Connection, account: &Subject, hashes: &[[u8; 32]]) -> Result<usize> {
    let mut rows = execute(db, "DELETE FROM recovery_code WHERE account = ?1", params![account.as_str()])?;
    for hash in hashes {
        rows += execute(
            db,
            "INSERT INTO recovery_code (account, hash) SELECT id, ?2 FROM account WHERE id = ?1
             ON CONFLICT DO NOTHING",
            params![account.as_str(), hash],
        )?;
    }
    Ok(rows)
}

pub(super) fn use_recovery_code(db: &Connection, account: &Subject, hashes: &[[u8; 32]]) -> Result<usize> {
    let mut rows = 0;
    for hash in hashes {
        rows +=
            execute(db, "DELETE FROM recovery_code WHERE account = ?1 AND hash = ?2", params![account.as_str(), hash])?;
    }
    Ok(rows)
}
