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
use tokio_postgres::{Row, types::FromSql};

use crate::error::Unreadable;

type Result<T> = std::result::Result<T, Unreadable>;

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

pub(crate) fn session(row: &Row) -> Result<Session> {
    let mut columns = Columns::of("session", row);
    Ok(Session {
        sid: Sid(columns.bytes()?),
        session_key: columns.parse(|key: String| SessionKey::parse(&key).ok())?,
        salt: Salt(columns.bytes()?),
        subject: columns.parse(|subject: String| Subject::parse(&subject).ok())?,
        created_at: columns.time()?,
        ends_at: columns.time()?,
        active_at: columns.time()?,
        rotation: Rotation {
            generation: Generation(columns.number()?),
            parent: columns.parse(|parent: Option<i64>| match parent {
                Some(branch) => u32::try_from(branch).ok().map(|branch| Parent::Known(Branch(branch))),
                None => Some(Parent::Unknown),
            })?,
            delivered_at: columns.time()?,
            late: columns.number()?,
            confirmed: columns.next()?,
        },
        ended: ended(&mut columns)?,
        authentication: Authentication {
            at: columns.time()?,
            level: columns.parse(|level: i64| u8::try_from(level).ok().and_then(AssuranceLevel::from_number))?,
            methods: columns.parse(|methods: String| serde_json::from_str(&methods).ok())?,
        },
        device: columns.next()?,
        claims: columns.parse(|claims: &str| Claims::kept(claims))?,
    })
}

fn ended(columns: &mut Columns<'_>) -> Result<Option<Ended>> {
    let at: Option<i64> = columns.next()?;
    let reason = columns.parse(|reason: Option<String>| match reason {
        Some(reason) => EndReason::from_name(&reason).map(Some),
        None => Some(None),
    })?;
    Ok(at.zip(reason).map(|(at, reason)| Ended { at: UnixMillis(at), reason }))
}

pub(crate) fn session_end(row: &Row) -> Result<SessionEnd> {
    let mut columns = Columns::of("session", row);
    let sid = Sid(columns.bytes()?);
    let session_key = columns.parse(|key: String| SessionKey::parse(&key).ok())?;
    let at = columns.time()?;
    let reason = columns.parse(|reason: String| EndReason::from_name(&reason))?;
    Ok(SessionEnd { sid, session_key, ended: Ended { at, reason } })
}

pub(crate) fn account(row: &Row) -> Result<Account> {
    let mut columns = Columns::of("account", row);
    Ok(Account {
        id: columns.parse(|id: String| Subject::parse(&id).ok())?,
        email: columns.parse(|email: String| Email::parse(&email).ok())?,
        name: columns.next()?,
        password_hash: columns.next()?,
        disabled: columns.next()?,
        created_at: columns.time()?,
        last_login_at: columns.next::<Option<i64>>()?.map(UnixMillis),
        second_factor: second_factor(&mut columns)?,
        claims: columns.parse(|claims: &str| Claims::kept(claims))?,
    })
}

fn second_factor(columns: &mut Columns<'_>) -> Result<Option<SecondFactor>> {
    let (sealed_secret, last_step): (Option<Vec<u8>>, Option<i64>) = (columns.next()?, columns.next()?);
    Ok(sealed_secret.zip(last_step).map(|(sealed_secret, last_step)| SecondFactor { sealed_secret, last_step }))
}

pub(crate) fn pending(row: &Row) -> Result<Pending> {
    let mut columns = Columns::of("pending", row);
    let token_hash = columns.bytes()?;
    let name = columns.parse(|step: String| StepName::ALL.into_iter().find(|it| it.name() == step))?;
    let (attempts_left, ends_at) = (columns.number()?, columns.time()?);
    Ok(Pending { token_hash, step: step(name, &mut columns)?, attempts_left, ends_at })
}

fn step(name: StepName, columns: &mut Columns<'_>) -> Result<PendingStep> {
    let of_the_mail = columns.at;
    let of_the_factor = of_the_mail + 5;
    match name {
        StepName::VerifyEmail => Ok(PendingStep::VerifyEmail {
            email: columns.parse(|email: String| Email::parse(&email).ok())?,
            name: columns.next()?,
            password_hash: columns.next()?,
            code_hash: columns.bytes()?,
            resends_left: columns.number()?,
        }),
        StepName::MfaSetup => {
            columns.at = of_the_factor;
            Ok(PendingStep::MfaSetup {
                subject: columns.parse(|subject: String| Subject::parse(&subject).ok())?,
                sealed_secret: columns.next()?,
                within: columns.optional_bytes()?.map(Sid),
            })
        }
        StepName::MfaVerify => {
            columns.at = of_the_factor;
            let subject = columns.parse(|subject: String| Subject::parse(&subject).ok())?;
            Ok(PendingStep::MfaVerify { subject })
        }
    }
}

pub(crate) fn allowance(row: &Row) -> Result<Allowance> {
    let mut columns = Columns::of("allowance", row);
    Ok(Allowance { used: columns.number()?, window_ends_at: columns.time()? })
}

pub(crate) fn admin_key(row: &Row) -> Result<AdminKey> {
    let mut columns = Columns::of("admin_key", row);
    Ok(AdminKey {
        name: columns.parse(|name: &str| AdminKeyName::parse(name).ok())?,
        hash: columns.bytes()?,
        scopes: columns.parse(|scopes: &str| {
            let names: Vec<String> = serde_json::from_str(scopes).ok()?;
            names.iter().map(|name| AdminScope::from_name(name)).collect()
        })?,
        created_at: columns.time()?,
        expires_at: columns.next::<Option<i64>>()?.map(UnixMillis),
        last_used_at: columns.next::<Option<i64>>()?.map(UnixMillis),
        revoked_at: columns.next::<Option<i64>>()?.map(UnixMillis),
    })
}

pub(crate) fn foreign_refresh(row: &Row) -> Result<ForeignRefresh> {
    const TABLE: &str = "foreign_refresh";
    let mut columns = Columns::of(TABLE, row);
    let token_hash = columns.bytes()?;
    let lease = columns.optional_bytes()?.map(LeaseId);
    let sealed = columns.parse(|sealed: Option<Vec<u8>>| {
        sealed.map(SealedResult::checked).map_or(Some(None), |sealed| sealed.map(Some))
    })?;
    let successor = columns.optional_bytes()?;
    let state = match (lease, sealed) {
        (Some(lease), None) => ForeignState::Leased(lease),
        (None, Some(sealed)) => ForeignState::Done { sealed, successor },
        (None, None) | (Some(_), Some(_)) => return Err(Unreadable(TABLE)),
    };
    Ok(ForeignRefresh { token_hash, state, ends_at: columns.time()? })
}

pub(crate) fn audit_event(row: &Row) -> Result<AuditEvent> {
    let mut columns = Columns::of("audit", row);
    Ok(AuditEvent {
        at: columns.time()?,
        kind: columns.parse(|kind: String| AuditKind::from_name(&kind))?,
        subject: columns.parse(|it: Option<String>| it.map(|it| Subject::parse(&it)).transpose().ok())?,
        session_key: columns.parse(|it: Option<String>| it.map(|it| SessionKey::parse(&it)).transpose().ok())?,
        detail: columns.next()?,
    })
}

/// Reads a row from left to right.
pub(crate) struct Columns<'row> {
    table: &'static str,
    row: &'row Row,
    at: usize,
}

impl<'row> Columns<'row> {
    pub(crate) fn of(table: &'static str, row: &'row Row) -> Self {
        Self { table, row, at: 0 }
    }

    pub(crate) fn next<T: FromSql<'row>>(&mut self) -> Result<T> {
        let value = self.row.try_get(self.at).map_err(|_| Unreadable(self.table))?;
        self.at += 1;
        Ok(value)
    }

    pub(crate) fn time(&mut self) -> Result<UnixMillis> {
        self.next().map(UnixMillis)
    }

    pub(crate) fn number<T: TryFrom<i64>>(&mut self) -> Result<T> {
        self.parse(|number: i64| T::try_from(number).ok())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.parse(|bytes: &[u8]| bytes.try_into().ok())
    }

    fn optional_bytes<const N: usize>(&mut self) -> Result<Option<[u8; N]>> {
        self.parse(|bytes: Option<&[u8]>| match bytes {
            Some(bytes) => bytes.try_into().ok().map(Some),
            None => Some(None),
        })
    }

    fn parse<T: FromSql<'row>, R>(&mut self, parse: impl FnOnce(T) -> Option<R>) -> Result<R> {
        let value = self.next()?;
        parse(value).ok_or(Unreadable(self.table))
    }
}
