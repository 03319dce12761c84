//! The audit log: lines are only ever added.

use perennial_protocol::{
    audit::AuditEvent,
    id::{SessionKey, Subject},
};
use rusqlite::{Connection, Result, params};

use super::execute;
use crate::rows::audit_columns;

pub(super) fn append(db: &Connection, event: &AuditEvent) -> Result<usize> {
    const SQL: &str = concat!("INSERT INTO audit (", audit_columns!(), ") VALUES (?1, ?2, ?3, ?4, ?5)");
    execute(
        db,
        SQL,
        params![
            event.at.0,
            event.kind.name(),
            event.subject.as_ref().map(Subject::as_str),
            event.session_key.as_ref().map(SessionKey::as_str),
            event.detail,
        ],
    )
}
