//! The loads of the port, in SQL: one statement each.

use perennial_protocol::{
    admin_key::AdminKey,
    audit::AuditEvent,
    id::{SessionKey, Sid, Subject},
    login::{Account, Email, Pending},
    session::Session,
    time::UnixMillis,
};
use perennial_store::{Allowance, AllowanceKey, EndPlace, ForeignRefresh, Result, SessionEnd};
use tokio_postgres::Row;

use crate::{
    error::Unreadable,
    readers::Readers,
    rows::{
        self, account_columns, admin_key_columns, audit_columns, end_columns, foreign_columns, pending_columns,
        session_columns,
    },
    value::{Value, values},
};

pub(crate) async fn sessions(db: &Readers, sids: &[Sid]) -> Result<Vec<Session>> {
    const SQL: &str = concat!("SELECT ", session_columns!(), " FROM perennial.session WHERE sid = ANY($1)");
    if sids.is_empty() {
        return Ok(Vec::new());
    }
    let sids: Vec<[u8; 16]> = sids.iter().map(|sid| sid.0).collect();
    many(db, SQL, values![sids.as_slice()], rows::session).await
}

pub(crate) async fn session_by_key(db: &Readers, key: &SessionKey) -> Result<Option<Session>> {
    const SQL: &str = concat!("SELECT ", session_columns!(), " FROM perennial.session WHERE session_key = $1");
    one(db, SQL, values![key.as_str()], rows::session).await
}

pub(crate) async fn sessions_of(
    db: &Readers,
    subject: &Subject,
    now: UnixMillis,
    limit: usize,
) -> Result<Vec<Session>> {
    const SQL: &str = concat!(
        "SELECT ",
        session_columns!(),
        " FROM perennial.session WHERE subject = $1 AND ended_at IS NULL AND ends_at > $2
         ORDER BY created_at DESC LIMIT $3"
    );
    many(db, SQL, values![subject.as_str(), now.0, limit], rows::session).await
}

pub(crate) async fn ends(db: &Readers, after: EndPlace, limit: usize) -> Result<Vec<SessionEnd>> {
    const SQL: &str = concat!(
        "SELECT ",
        end_columns!(),
        " FROM perennial.session WHERE ended_at IS NOT NULL AND (ended_at, sid) > ($1, $2)
         ORDER BY ended_at, sid LIMIT $3"
    );
    many(db, SQL, values![after.at.0, &after.sid.0, limit], rows::session_end).await
}

pub(crate) async fn account(db: &Readers, id: &Subject) -> Result<Option<Account>> {
    const SQL: &str = concat!("SELECT ", account_columns!(), " FROM perennial.account WHERE id = $1");
    one(db, SQL, values![id.as_str()], rows::account).await
}

pub(crate) async fn account_by_email(db: &Readers, email: &Email) -> Result<Option<Account>> {
    const SQL: &str = concat!("SELECT ", account_columns!(), " FROM perennial.account WHERE email = $1");
    one(db, SQL, values![email.as_str()], rows::account).await
}

/// No address is empty, so that every one comes after the empty text.
pub(crate) async fn accounts(db: &Readers, after: Option<&Email>, limit: usize) -> Result<Vec<Account>> {
    const SQL: &str =
        concat!("SELECT ", account_columns!(), " FROM perennial.account WHERE email > $1 ORDER BY email LIMIT $2");
    many(db, SQL, values![after.map_or("", Email::as_str), limit], rows::account).await
}

pub(crate) async fn pending(db: &Readers, token_hashes: &[[u8; 32]]) -> Result<Option<Pending>> {
    const SQL: &str = concat!("SELECT ", pending_columns!(), " FROM perennial.pending WHERE token_hash = ANY($1)");
    if token_hashes.is_empty() {
        return Ok(None);
    }
    let found = many(db, SQL, values![token_hashes], rows::pending).await?;
    let place = |pending: &Pending| token_hashes.iter().position(|hash| *hash == pending.token_hash);
    Ok(found.into_iter().min_by_key(place))
}

pub(crate) async fn allowance(db: &Readers, key: &AllowanceKey) -> Result<Option<Allowance>> {
    const SQL: &str = "SELECT used, window_ends_at FROM perennial.allowance WHERE key = $1";
    one(db, SQL, values![&key.0], rows::allowance).await
}

pub(crate) async fn admin_key(db: &Readers, hash: &[u8; 32]) -> Result<Option<AdminKey>> {
    const SQL: &str = concat!("SELECT ", admin_key_columns!(), " FROM perennial.admin_key WHERE hash = $1");
    one(db, SQL, values![hash], rows::admin_key).await
}

pub(crate) async fn admin_keys(db: &Readers, limit: usize) -> Result<Vec<AdminKey>> {
    const SQL: &str = concat!("SELECT ", admin_key_columns!(), " FROM perennial.admin_key ORDER BY name LIMIT $1");
    many(db, SQL, values![limit], rows::admin_key).await
}

pub(crate) async fn foreign_refreshes(db: &Readers, token_hashes: &[[u8; 32]]) -> Result<Vec<ForeignRefresh>> {
    const SQL: &str =
        concat!("SELECT ", foreign_columns!(), " FROM perennial.foreign_refresh WHERE token_hash = ANY($1)");
    if token_hashes.is_empty() {
        return Ok(Vec::new());
    }
    many(db, SQL, values![token_hashes], rows::foreign_refresh).await
}

pub(crate) async fn audit(db: &Readers, limit: usize) -> Result<Vec<AuditEvent>> {
    const SQL: &str = concat!("SELECT ", audit_columns!(), " FROM perennial.audit ORDER BY number DESC LIMIT $1");
    many(db, SQL, values![limit], rows::audit_event).await
}

pub(crate) type Read<T> = fn(&Row) -> std::result::Result<T, Unreadable>;

pub(crate) async fn one<T>(db: &Readers, sql: &'static str, values: Vec<Value>, read: Read<T>) -> Result<Option<T>> {
    Ok(db.query(sql, &values).await?.first().map(read).transpose()?)
}

pub(crate) async fn many<T>(db: &Readers, sql: &'static str, values: Vec<Value>, read: Read<T>) -> Result<Vec<T>> {
    Ok(db.query(sql, &values).await?.iter().map(read).collect::<std::result::Result<_, _>>()?)
}
