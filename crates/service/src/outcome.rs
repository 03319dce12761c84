//! What an operation answers: where the jar stands now, and what changes in it.
//!
//! Operations speak of sessions, steps and tokens; `http::cookies` turns a `JarChange` into Set-Cookie
//! lines, `http::answer` turns a `Standing` into JSON.

use std::sync::Arc;

use perennial_protocol::{
    claims::Claims,
    id::{SessionKey, Sid},
    login::{PendingToken, StepName},
    refresh::RefreshToken,
    refusal::Refusal,
    session::{EndReason, Session, status::Verdict},
    time::{Millis, UnixMillis},
    token::AccessClaims,
};
use tokio::time::Instant;

use crate::{credentials::IssuedAccess, limits};

/// Where a jar stands after an operation.
#[derive(Debug)]
pub struct Standing {
    pub verdict: Verdict,
    /// The live session that answers for the jar.
    pub session: Option<SessionFacts>,
    pub person: Option<Person>,
    /// The claims of the access token that the jar now holds.
    pub access: Option<Arc<AccessClaims>>,
    pub refresh: RefreshState,
    /// The pending steps whose tokens came and are still good.
    pub steps: Vec<StepName>,
    pub jar: JarChange,
}

impl Standing {
    /// Nobody is logged in, as far as this answer goes.
    pub fn of_nobody(jar: JarChange) -> Self {
        Self {
            verdict: Verdict::Anonymous,
            session: None,
            person: None,
            access: None,
            refresh: RefreshState::None,
            steps: Vec::new(),
            jar,
        }
    }
}

/// What a client may know of its session.
#[derive(Debug, Clone)]
pub struct SessionFacts {
    pub key: SessionKey,
    /// `None` where only an access token speaks and the store cannot be asked.
    pub sid: Option<Sid>,
    pub ends_at: Option<UnixMillis>,
    pub level: u8,
}

impl From<&Session> for SessionFacts {
    fn from(session: &Session) -> Self {
        Self {
            key: session.session_key.clone(),
            sid: Some(session.sid),
            ends_at: Some(session.ends_at),
            level: session.authentication.level.number(),
        }
    }
}

impl From<&AccessClaims> for SessionFacts {
    fn from(claims: &AccessClaims) -> Self {
        Self { key: claims.sid.clone(), sid: None, ends_at: None, level: claims.aal }
    }
}

/// Whether the jar holds a refresh token that would be answered with tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshState {
    Good,
    None,
}

/// Who a session speaks for, as far as a client may know.
#[derive(Debug, Clone, Default, serde::Serialize, utoipa::ToSchema)]
pub struct Person {
    pub id: String,
    pub email: Option<String>,
    pub name: Option<String>,
    /// What the operator says of the account; for tokens, not for this.
    #[serde(skip)]
    pub claims: Claims,
}

/// What becomes of the cookies.
#[derive(Debug, Default)]
pub struct JarChange {
    pub grant: Option<Grant>,
    pub pending: Option<(StepName, PendingToken)>,
    /// Steps that are done or dead.
    pub finished_steps: Vec<StepName>,
    /// Sessions that are over or older than the one that answers: their cookies go.
    pub closed: Vec<SessionKey>,
    pub sweep: Sweep,
    /// The session ended for this reason; the next page may say so.
    pub ended: Option<EndReason>,
    /// This jar's token is dead, and the mark says that it was told.
    pub mark: Option<Mark>,
    /// The new value of the known-browser cookie.
    pub known: Option<String>,
    pub resync: Option<Resync>,
}

/// What a page needs whose anti-CSRF token does not fit the jar.
#[derive(Debug)]
pub struct Resync {
    pub csrf_token: String,
    pub lives: Millis,
    /// The access token that the jar holds for its live session.
    pub access: Option<Arc<AccessClaims>>,
}

impl Resync {
    /// For a visitor without a session.
    pub const fn visitor(csrf_token: String) -> Self {
        Self { csrf_token, lives: limits::VISITOR_CSRF_TTL, access: None }
    }
}

/// Whether cookies that belong to no session are removed too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sweep {
    /// Only what is known to be over: another answer may have just put a newer cookie there.
    #[default]
    Closed,
    /// Everything that came and is not part of the grant: at login and logout, the person asked for it.
    All,
}

/// A stale mark to set.
#[derive(Debug)]
pub struct Mark {
    pub session: SessionKey,
    pub value: String,
}

/// New tokens for the jar.
#[derive(Debug)]
pub struct Grant {
    pub session: Session,
    /// `None` where the decision hands out an access token only.
    pub refresh: Option<RefreshToken>,
    pub access: IssuedAccess,
    /// When it was decided: an answer that starts too late carries no auth cookie.
    pub decided_at: Instant,
}

/// A refusal, and what it changes in the jar.
#[derive(Debug)]
pub struct Refused {
    pub refusal: Refusal,
    pub jar: Box<JarChange>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, jar: Box::default() }
    }
}

pub type Outcome<T> = Result<T, Refused>;
