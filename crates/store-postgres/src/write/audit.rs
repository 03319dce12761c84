//! The audit log: lines are only ever added.

use perennial_protocol::{
    audit::AuditEvent,
    id::{SessionKey, Subject},
};

use crate::{
    order::{Order, Place, Table},
    rows::audit_columns,
    value::values,
};

/// Lines are in nobody's way; by their place they only find a lane.
pub(super) fn append(event: &AuditEvent) -> Order {
    const SQL: &str = concat!("INSERT INTO perennial.audit (", audit_columns!(), ") VALUES ($1, $2, $3, $4, $5)");
    let values = values![
        event.at.0,
        event.kind.name(),
        event.subject.as_ref().map(Subject::as_str),
        event.session_key.as_ref().map(SessionKey::as_str),
        &event.detail,
    ];
    Order::regardless(SQL, values, Place::new(Table::Audit, event.at.0.to_be_bytes()))
}
