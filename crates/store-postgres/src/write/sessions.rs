//! Writes to sessions.

use perennial_protocol::{
    id::{Sid, Subject},
    refresh::{Generation, Parent, Rotation},
    session::{Authentication, EndReason, Session},
    time::UnixMillis,
};

use crate::{
    order::{Order, Place, Table},
    rows::session_columns,
    value::values,
};

pub(super) fn insert(session: &Session) -> Order {
    const SQL: &str = concat!(
        "INSERT INTO perennial.session (",
        session_columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
         ON CONFLICT DO NOTHING"
    );
    let Session { rotation, authentication, .. } = session;
    let values = values![
        &session.sid.0,
        session.session_key.as_str(),
        &session.salt.0,
        session.subject.as_str(),
        session.created_at.0,
        session.ends_at.0,
        session.active_at.0,
        rotation.generation.0,
        branch(rotation.parent),
        rotation.delivered_at.0,
        rotation.late,
        rotation.confirmed,
        session.ended.map(|ended| ended.at.0),
        session.ended.map(|ended| ended.reason.name()),
        authentication.at.0,
        authentication.level.number(),
        methods(authentication),
        &session.device,
        session.claims.to_json(),
    ];
    Order::guarded(SQL, values, place(session.sid))
}

pub(super) fn rotate(
    sid: Sid,
    (from_generation, from_late): (Generation, u8),
    to: &Rotation,
    active_at: UnixMillis,
) -> Order {
    let values = values![
        &sid.0,
        from_generation.0,
        from_late,
        to.generation.0,
        branch(to.parent),
        to.delivered_at.0,
        to.late,
        to.confirmed,
        active_at.0,
    ];
    Order::guarded(
        "UPDATE perennial.session
         SET generation = $4, parent = $5, delivered_at = $6, late = $7, confirmed = $8, active_at = $9
         WHERE sid = $1 AND generation = $2 AND late = $3 AND ended_at IS NULL",
        values,
        place(sid),
    )
}

pub(super) fn confirm(sid: Sid, generation: Generation) -> Order {
    Order::regardless(
        "UPDATE perennial.session SET confirmed = true WHERE sid = $1 AND generation = $2",
        values![&sid.0, generation.0],
        place(sid),
    )
}

pub(super) fn touch(sid: Sid, at: UnixMillis) -> Order {
    Order::regardless(
        "UPDATE perennial.session SET active_at = $2 WHERE sid = $1 AND active_at < $2",
        values![&sid.0, at.0],
        place(sid),
    )
}

pub(super) fn end(sid: Sid, at: UnixMillis, reason: EndReason) -> Order {
    Order::regardless(
        "UPDATE perennial.session SET ended_at = $2, end_reason = $3 WHERE sid = $1 AND ended_at IS NULL",
        values![&sid.0, at.0, reason.name()],
        place(sid),
    )
}

pub(super) fn end_of(subject: &Subject, except: Option<Sid>, at: UnixMillis, reason: EndReason) -> Order {
    Order::of_many_rows(
        "UPDATE perennial.session SET ended_at = $3, end_reason = $4
         WHERE subject = $1 AND ended_at IS NULL AND ($2::bytea IS NULL OR sid <> $2)",
        values![subject.as_str(), except.as_ref().map(|sid| &sid.0), at.0, reason.name()],
    )
}

pub(super) fn reauthenticate(sid: Sid, authentication: &Authentication) -> Order {
    Order::guarded(
        "UPDATE perennial.session SET authenticated_at = $2, assurance_level = $3, methods = $4
         WHERE sid = $1 AND ended_at IS NULL",
        values![&sid.0, authentication.at.0, authentication.level.number(), methods(authentication)],
        place(sid),
    )
}

fn place(sid: Sid) -> Place {
    Place::new(Table::Session, sid.0)
}

fn branch(parent: Parent) -> Option<u32> {
    match parent {
        Parent::Known(branch) => Some(branch.0),
        Parent::Unknown => None,
    }
}

fn methods(authentication: &Authentication) -> String {
    serde_json::to_string(&authentication.methods).expect("texts can be written as JSON")
}
