//! Writes to sessions.

use perennial_protocol::{
    id::{Sid, Subject},
    refresh::{Generation, Parent, Rotation},
    session::{Authentication, EndReason, Session},
    time::UnixMillis,
};
use rusqlite::{Connection, Result, params};

use super::execute;
use crate::rows::session_columns;

pub(super) fn insert(db: &Connection, session: &Session) -> Result<usize> {
    const SQL: &str = concat!(
        "INSERT INTO session (",
        session_columns!(),
        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
         ON CONFLICT DO NOTHING"
    );
    let Session { rotation, authentication, .. } = session;
    execute(
        db,
        SQL,
        params![
            session.sid.0,
            session.session_key.as_str(),
            session.salt.0,
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
            session.device,
            session.claims.to_json(),
        ],
    )
}

pub(super) fn rotate(
    db: &Connection,
    sid: Sid,
    (from_generation, from_late): (Generation, u8),
    to: &Rotation,
    active_at: UnixMillis,
) -> Result<usize> {
    execute(
        db,
        "UPDATE session
         SET generation = ?4, parent = ?5, delivered_at = ?6, late = ?7, confirmed = ?8, active_at = ?9
         WHERE sid = ?1 AND generation = ?2 AND late = ?3 AND ended_at IS NULL",
        params![
            sid.0,
            from_generation.0,
            from_late,
            to.generation.0,
            branch(to.parent),
            to.delivered_at.0,
            to.late,
            to.confirmed,
            active_at.0,
        ],
    )
}

pub(super) fn confirm(db: &Connection, sid: Sid, generation: Generation) -> Result<usize> {
    execute(db, "UPDATE session SET confirmed = 1 WHERE sid = ?1 AND generation = ?2", params![sid.0, generation.0])
}

pub(super) fn touch(db: &Connection, sid: Sid, at: UnixMillis) -> Result<usize> {
    execute(db, "UPDATE session SET active_at = ?2 WHERE sid = ?1 AND active_at < ?2", params![sid.0, at.0])
}

pub(super) fn end(db: &Connection, sid: Sid, at: UnixMillis, reason: EndReason) -> Result<usize> {
    execute(
        db,
        "UPDATE session SET ended_at = ?2, end_reason = ?3 WHERE sid = ?1 AND ended_at IS NULL",
        params![sid.0, at.0, reason.name()],
    )
}

pub(super) fn end_of(
    db: &Connection,
    subject: &Subject,
    except: Option<Sid>,
    at: UnixMillis,
    reason: EndReason,
) -> Result<usize> {
    execute(
        db,
        "UPDATE session SET ended_at = ?3, end_reason = ?4
         WHERE subject = ?1 AND ended_at IS NULL AND sid IS NOT ?2",
        params![subject.as_str(), except.map(|sid| sid.0), at.0, reason.name()],
    )
}

pub(super) fn reauthenticate(db: &Connection, sid: Sid, authentication: &Authentication) -> Result<usize> {
    execute(
        db,
        "UPDATE session SET authenticated_at = ?2, assurance_level = ?3, methods = ?4
         WHERE sid = ?1 AND ended_at IS NULL",
        params![sid.0, authentication.at.0, authentication.level.number(), methods(authentication)],
    )
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
