//! The loads of the port, in SQL.

use perennial_protocol::{
    admin_key::AdminKey,
    audit::AuditEvent,
    id::{SessionKey, Sid, Subject},
    login::{Account, Email, Pending},
    session::Session,
    time::UnixMillis,
};
use perennial_store::{Allowance, AllowanceKey, EndPlace, ForeignRefresh, SessionEnd};
use rusqlite::{Connection, OptionalExtension, Params, Result, Row, params};

use crate::rows::{
    self, account_columns, admin_key_columns, audit_columns, end_columns, foreign_columns, pending_columns,
    session_columns,
};

pub(crate) fn sessions(connection: &Connection, sids: &[Sid]) -> Result<Vec<Session>> {
    const SQL: &str = concat!("SELECT ", session_columns!(), " FROM session WHERE sid = ?1");
    let mut found: Vec<Session> = Vec::with_capacity(sids.len());
    for (position, sid) in sids.iter().enumerate() {
        if !sids[..position].contains(sid) {
            found.extend(one(connection, SQL, [sid.0], rows::session)?);
        }
    }
    Ok(found)
}

pub(crate) fn session_by_key(connection: &Connection, key: &SessionKey) -> Result<Option<Session>> {
    const SQL: &str = concat!("SELECT ", session_columns!(), " FROM session WHERE session_key = ?1");
    one(connection, SQL, [key.as_str()], rows::session)
}

pub(crate) fn sessions_of(
    connection: &Connection,
    subject: &Subject,
    now: UnixMillis,
    limit: usize,
) -> Result<Vec<Session>> {
    const SQL: &str = concat!(
        "SELECT ",
        session_columns!(),
        " FROM session WHERE subject = ?1 AND ended_at IS NULL AND ends_at > ?2 ORDER BY created_at DESC LIMIT ?3"
    );
    many(connection, SQL, params![subject.as_str(), now.0, row_count(limit)], rows::session)
}

pub(crate) fn ends(connection: &Connection, after: EndPlace, limit: usize) -> Result<Vec<SessionEnd>> {
    const SQL: &str = concat!(
        "SELECT ",
        end_columns!(),
        " FROM session WHERE ended_at IS NOT NULL AND (ended_at, sid) > (?1, ?2) ORDER BY ended_at, sid LIMIT ?3"
    );
    many(connection, SQL, params![after.at.0, after.sid.0, row_count(limit)], rows::session_end)
}

pub(crate) fn account(connection: &Connection, id: &Subject) -> Result<Option<Account>> {
    const SQL: &str = concat!("SELECT ", account_columns!(), " FROM account WHERE id = ?1");
    one(connection, SQL, [id.as_str()], rows::account)
}

pub(crate) fn account_by_email(connection: &Connection, email: &Email) -> Result<Option<Account>> {
    const SQL: &str = concat!("SELECT ", account_columns!(), " FROM account WHERE email = ?1");
    one(connection, SQL, [email.as_str()], rows::account)
}

/// No address is empty, so that every one comes after the empty text.
pub(crate) fn accounts(connection: &Connection, after: Option<&Email>, limit: usize) -> Result<Vec<Account>> {
    const SQL: &str = concat!("SELECT ", account_columns!(), " FROM account WHERE email > ?1 ORDER BY email LIMIT ?2");
    let after = after.map_or("", Email::as_str);
    many(connection, SQL, params![after, row_count(limit)], rows::account)
}

pub(crate) fn pending(connection: &Connection, token_hashes: &[[u8; 32]]) -> Result<Option<Pending>> {
    const SQL: &str = concat!("SELECT ", pending_columns!(), " FROM pending WHERE token_hash = ?1");
    for hash in token_hashes {
        if let Some(pending) = one(connection, SQL, [hash], rows::pending)? {
            return Ok(Some(pending));
        }
    }
    Ok(None)
}

pub(crate) fn allowance(connection: &Connection, key: &AllowanceKey) -> Result<Option<Allowance>> {
    one(connection, "SELECT used, window_ends_at FROM allowance WHERE key = ?1", [key.0], rows::allowance)
}

pub(crate) fn admin_key(connection: &Connection, hash: &[u8; 32]) -> Result<Option<AdminKey>> {
    const SQL: &str = concat!("SELECT ", admin_key_columns!(), " FROM admin_key WHERE hash = ?1");
    one(connection, SQL, [hash], rows::admin_key)
}

pub(crate) fn admin_keys(connection: &Connection, limit: usize) -> Result<Vec<AdminKey>> {
    const SQL: &str = concat!("SELECT ", admin_key_columns!(), " FROM admin_key ORDER BY name LIMIT ?1");
    many(connection, SQL, [row_count(limit)], rows::admin_key)
}

pub(crate) fn foreign_refreshes(connection: &Connection, token_hashes: &[[u8; 32]]) -> Result<Vec<ForeignRefresh>> {
    const SQL: &str = concat!("SELECT ", foreign_columns!(), " FROM foreign_refresh WHERE token_hash = ?1");
    let mut found = Vec::with_capacity(token_hashes.len());
    for (position, hash) in token_hashes.iter().enumerate() {
        if !token_hashes[..position].contains(hash) {
            found.extend(one(connection, SQL, [hash], rows::foreign_refresh)?);
        }
    }
    Ok(found)
}

pub(crate) fn audit(connection: &Connection, limit: usize) -> Result<Vec<AuditEvent>> {
    const SQL: &str = concat!("SELECT ", audit_columns!(), " FROM audit ORDER BY number DESC LIMIT ?1");
    many(connection, SQL, [row_count(limit)], rows::audit_event)
}

/// A limit as SQL takes it.
pub(crate) fn row_count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn one<T>(connection: &Connection, sql: &str, of: impl Params, read: fn(&Row<'_>) -> Result<T>) -> Result<Option<T>> {
    connection.prepare_cached(sql)?.query_row(of, read).optional()
}

fn many<T>(connection: &Connection, sql: &str, of: impl Params, read: fn(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
    connection.prepare_cached(sql)?.query_map(of, read)?.collect()
}
