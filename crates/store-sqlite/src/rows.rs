//! Rows as records: the columns each record is read from, in the order of its fields.

use perennial_protocol::{
    admin_key::{AdminKey, AdminKeyName, AdminScope},
    audit::{AuditEvent, AuditKind},
    claims::Claims,
    id::{SessionKey, Sid, Subject},
    login::{Account, Email, Pending, PendingStep, SecondFactor, StepName},
    refresh::{Branch, Generation, Parent, Rotation, Salt},
    session::{AssuranceLevel, Authentication, EndReason, Ended, Session},
    time::UnixMillis,
};
use perennial_store::{Allowance, ForeignRefresh, ForeignState, LeaseId, SealedResult, SessionEnd};
use rusqlite::{
    Error, Result, Row,
    types::{FromSql, Type},
};

use crate::error::Unreadable;

macro_rules! session_columns {
    () => {
        "sid, session_key, salt, subject, created_at, ends_at, active_at, generation, parent, delivered_at, late, \
         confirmed, ended_at, end_reason, authenticated_at, assurance_level, methods, device, claims"
    };
}

macro_rules! end_columns {
    () => {
        "sid, session_key, ended_at, end_reason"
    };
}

macro_rules! account_columns {
    () => {
        "id, email, name, password_hash, disabled, created_at, last_login_at, sealed_secret, last_step, claims"
    };
}

macro_rules! pending_columns {
    () => {
        "token_hash, step, attempts_left, ends_at, email, name, password_hash, code_hash, resends_left, subject, \
         sealed_secret, within_sid"
    };
}

macro_rules! admin_key_columns {
    () => {
        "name, hash, scopes, created_at, expires_at, last_used_at, revoked_at"
    };
}

macro_rules! foreign_columns {
    () => {
        "token_hash, lease, sealed, successor, ends_at"
    };
}

macro_rules! audit_columns {
    () => {
        "at, kind, subject, session_key, detail"
    };
}

pub(crate) use {
    account_columns, admin_key_columns, audit_columns, end_columns, foreign_columns, pending_columns, session_columns,
};

pub(crate) fn session(row: &Row<'_>) -> Result<Session> {
    let mut columns = Columns::of(row);
    Ok(Session {
        sid: Sid(columns.next()?),
        session_key: columns.parse("session.session_key", |key: String| SessionKey::parse(&key).ok())?,
        salt: Salt(columns.next()?),
        subject: columns.parse("session.subject", |subject: String| Subject::parse(&subject).ok())?,
        created_at: columns.time()?,
        ends_at: columns.time()?,
        active_at: columns.time()?,
        rotation: Rotation {
            generation: Generation(columns.next()?),
            parent: columns.next::<Option<u32>>()?.map_or(Parent::Unknown, |branch| Parent::Known(Branch(branch))),
            delivered_at: columns.time()?,
            late: columns.next()?,
            confirmed: columns.next()?,
        },
        ended: ended(&mut columns)?,
        authentication: Authentication {
            at: columns.time()?,
            level: columns.parse("session.assurance_level", AssuranceLevel::from_number)?,
            methods: columns.parse("session.methods", |methods: String| serde_json::from_str(&methods).ok())?,
        },
        device: columns.next()?,
        claims: columns.parse("session.claims", |claims: String| Claims::kept(&claims))?,
    })
}

fn ended(columns: &mut Columns<'_>) -> Result<Option<Ended>> {
    let at: Option<i64> = columns.next()?;
    let reason = columns.parse("session.end_reason", |reason: Option<String>| match reason {
        Some(reason) => EndReason::from_name(&reason).map(Some),
        None => Some(None),
    })?;
    Ok(at.zip(reason).map(|(at, reason)| Ended { at: UnixMillis(at), reason }))
}

pub(crate) fn session_end(row: &Row<'_>) -> Result<SessionEnd> {
    let mut columns = Columns::of(row);
    let sid = Sid(columns.next()?);
    let session_key = columns.parse("session.session_key", |key: String| SessionKey::parse(&key).ok())?;
    let at = columns.time()?;
    let reason = columns.parse("session.end_reason", |reason: String| EndReason::from_name(&reason))?;
    Ok(SessionEnd { sid, session_key, ended: Ended { at, reason } })
}

pub(crate) fn account(row: &Row<'_>) -> Result<Account> {
    let mut columns = Columns::of(row);
    Ok(Account {
        id: columns.parse("account.id", |id: String| Subject::parse(&id).ok())?,
        email: columns.parse("account.email", |email: String| Email::parse(&email).ok())?,
        name: columns.next()?,
        password_hash: columns.next()?,
        disabled: columns.next()?,
        created_at: columns.time()?,
        last_login_at: columns.next::<Option<i64>>()?.map(UnixMillis),
        second_factor: second_factor(&mut columns)?,
        claims: columns.parse("account.claims", |claims: String| Claims::kept(&claims))?,
    })
}

fn second_factor(columns: &mut Columns<'_>) -> Result<Option<SecondFactor>> {
    let (sealed_secret, last_step): (Option<Vec<u8>>, Option<i64>) = (columns.next()?, columns.next()?);
    Ok(sealed_secret.zip(last_step).map(|(sealed_secret, last_step)| SecondFactor { sealed_secret, last_step }))
}

pub(crate) fn pending(row: &Row<'_>) -> Result<Pending> {
    let mut columns = Columns::of(row);
    let token_hash = columns.next()?;
    let name = columns.parse("pending.step", |step: String| StepName::ALL.into_iter().find(|it| it.name() == step))?;
    let (attempts_left, ends_at) = (columns.next()?, columns.time()?);
    Ok(Pending { token_hash, step: step(name, &mut columns)?, attempts_left, ends_at })
}

fn step(name: StepName, columns: &mut Columns<'_>) -> Result<PendingStep> {
    let of_the_mail = columns.at;
    let of_the_factor = of_the_mail + 5;
    match name {
        StepName::VerifyEmail => Ok(PendingStep::VerifyEmail {
            email: columns.parse("pending.email", |email: String| Email::parse(&email).ok())?,
            name: columns.next()?,
            password_hash: columns.next()?,
            code_hash: columns.next()?,
            resends_left: columns.next()?,
        }),
        StepName::MfaSetup => {
            columns.at = of_the_factor;
            Ok(PendingStep::MfaSetup {
                subject: columns.parse("pending.subject", |subject: String| Subject::parse(&subject).ok())?,
                sealed_secret: columns.next()?,
                within: columns.next::<Option<[u8; 16]>>()?.map(Sid),
            })
        }
        StepName::MfaVerify => {
            columns.at = of_the_factor;
            let subject = columns.parse("pending.subject", |subject: String| Subject::parse(&subject).ok())?;
            Ok(PendingStep::MfaVerify { subject })
        }
    }
}

pub(crate) fn allowance(row: &Row<'_>) -> Result<Allowance> {
    let mut columns = Columns::of(row);
    Ok(Allowance { used: columns.next()?, window_ends_at: columns.time()? })
}

pub(crate) fn admin_key(row: &Row<'_>) -> Result<AdminKey> {
    let mut columns = Columns::of(row);
    Ok(AdminKey {
        name: columns.parse("admin_key.name", |name: String| AdminKeyName::parse(&name).ok())?,
        hash: columns.next()?,
        scopes: columns.parse("admin_key.scopes", |scopes: String| {
            let names: Vec<String> = serde_json::from_str(&scopes).ok()?;
            names.iter().map(|name| AdminScope::from_name(name)).collect()
        })?,
        created_at: columns.time()?,
        expires_at: columns.next::<Option<i64>>()?.map(UnixMillis),
        last_used_at: columns.next::<Option<i64>>()?.map(UnixMillis),
        revoked_at: columns.next::<Option<i64>>()?.map(UnixMillis),
    })
}

pub(crate) fn foreign_refresh(row: &Row<'_>) -> Result<ForeignRefresh> {
    let mut columns = Columns::of(row);
    let token_hash = columns.next()?;
    let lease: Option<[u8; 16]> = columns.next()?;
    let sealed = columns.parse("foreign_refresh.sealed", |sealed: Option<Vec<u8>>| {
        sealed.map(SealedResult::checked).map_or(Some(None), |sealed| sealed.map(Some))
    })?;
    let successor = columns.next()?;
    let state = match (lease, sealed) {
        (Some(lease), None) => ForeignState::Leased(LeaseId(lease)),
        (None, Some(sealed)) => ForeignState::Done { sealed, successor },
        (None, None) | (Some(_), Some(_)) => return Err(columns.unreadable("foreign_refresh.lease")),
    };
    Ok(ForeignRefresh { token_hash, state, ends_at: columns.time()? })
}

pub(crate) fn audit_event(row: &Row<'_>) -> Result<AuditEvent> {
    let mut columns = Columns::of(row);
    Ok(AuditEvent {
        at: columns.time()?,
        kind: columns.parse("audit.kind", |kind: String| AuditKind::from_name(&kind))?,
        subject: columns
            .parse("audit.subject", |it: Option<String>| it.map(|it| Subject::parse(&it)).transpose().ok())?,
        session_key: columns
            .parse("audit.session_key", |it: Option<String>| it.map(|it| SessionKey::parse(&it)).transpose().ok())?,
        detail: columns.next()?,
    })
}

/// Reads a row from left to right.
struct Columns<'row> {
    row: &'row Row<'row>,
    at: usize,
}

impl<'row> Columns<'row> {
    fn of(row: &'row Row<'row>) -> Self {
        Self { row, at: 0 }
    }

    fn next<T: FromSql>(&mut self) -> Result<T> {
        let value = self.row.get(self.at)?;
        self.at += 1;
        Ok(value)
    }

    fn time(&mut self) -> Result<UnixMillis> {
        self.next().map(UnixMillis)
    }

    fn parse<T: FromSql, R>(&mut self, name: &'static str, parse: impl FnOnce(T) -> Option<R>) -> Result<R> {
        let value = self.next()?;
        parse(value).ok_or_else(|| self.unreadable(name))
    }

    /// The error of the column that was read last.
    fn unreadable(&self, name: &'static str) -> Error {
        Error::FromSqlConversionFailure(self.at - 1, Type::Text, Unreadable(name).into())
    }
}
