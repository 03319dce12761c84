//! The refresh decision: one pure function for the whole table.
//!
//! Facts in (the session's row, the token as presented, what the request carried and can be told, the
//! time), decision out. It knows no store, no cookie and no clock. Each arm names its row of the table in
//! `docs/concepts/refresh.md`. The shell applies `Decision::write` as one conditional write and starts
//! over when another writer was faster.

use super::{
    policy::{Policy, Reuse, Rotate},
    token::{Branch, Generation},
};
use crate::{
    session::{EndReason, Session},
    time::UnixMillis,
};

/// How often the delivery window of a generation may begin anew for a predecessor that comes late.
pub const LATE_MAX: u8 = 2;

/// The rotating part of a session's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rotation {
    pub generation: Generation,
    pub parent: Parent,
    /// When the current generation's delivery window began.
    pub delivered_at: UnixMillis,
    /// How often that window began anew, at most `LATE_MAX`.
    pub late: u8,
    pub confirmed: bool,
}

impl Rotation {
    /// Where a new session stands.
    pub const fn first(now: UnixMillis) -> Self {
        Self { generation: Generation::FIRST, parent: Parent::Unknown, delivered_at: now, late: 0, confirmed: false }
    }
}

/// The branch that was presented when the current generation was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Parent {
    Known(Branch),
    /// Nobody remembers, so every branch counts as the parent.
    Unknown,
}

impl Parent {
    fn is(self, branch: Branch) -> bool {
        match self {
            Self::Known(parent) => parent == branch,
            Self::Unknown => true,
        }
    }
}

/// The refresh token of a request, as far as it could be understood.
#[derive(Debug, Clone, Copy)]
pub enum Presented<'a> {
    /// Malformed, or its tag is wrong.
    Forged,
    /// Well shaped, but the store has no such session.
    Unknown,
    /// A right tag of this session.
    Genuine { session: &'a Session, generation: Generation, branch: Branch },
}

/// What else the request tells, and what its answer can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Request {
    /// The generation of the stale mark it carried, if this server made that mark for this session.
    pub mark: Option<Generation>,
    pub asked: Asked,
    pub delivery: Delivery,
}

/// Whether the client asked for a refresh or for something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asked {
    Explicitly,
    InPassing,
}

/// Whether the answer can put a cookie into the jar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    Cookies,
    /// A prefetch, a HEAD or an upgrade: what it would set may never arrive.
    Nothing,
    /// Nobody puts anything on the answer: what it would set is not even made.
    Never,
}

/// What to answer and what to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Row 1: 401 `invalid_token`.
    Invalid,
    /// Rows 2 and 3: 401 `session_ended`.
    Over(EndReason),
    /// Row 4, and rows 5 and 6 where nothing can be delivered: an access token, no refresh token.
    AccessOnly,
    /// Row 5: the next generation.
    Rotate(Rotation),
    /// Row 6: the current generation again, on a new branch; the window may begin anew.
    Repeat(Option<Rotation>),
    /// Rows 7 and 8: 401 `stale_token` with a mark of this generation.
    Stale(Generation),
    /// Rows 7 and 8 with proof: end the session.
    Theft,
    /// Row 9: the store lost a write; follow the token. An access token, no refresh token.
    GoForward(Rotation),
}

impl Decision {
    /// What becomes of the row; `None` leaves it as it is. A theft ends the session instead.
    pub const fn write(&self) -> Option<Rotation> {
        match self {
            Self::Rotate(next) | Self::GoForward(next) => Some(*next),
            Self::Repeat(window) => *window,
            Self::Invalid | Self::Over(_) | Self::AccessOnly | Self::Stale(_) | Self::Theft => None,
        }
    }
}

/// Decides what becomes of a presented refresh token.
pub fn decide(presented: Presented<'_>, request: Request, policy: &Policy, now: UnixMillis) -> Decision {
    let (session, generation, branch) = match presented {
        Presented::Forged => return Decision::Invalid,
        Presented::Unknown => return Decision::Over(EndReason::Unknown),
        Presented::Genuine { session, generation, branch } => (session, generation, branch),
    };
    if let Some(reason) = session.over(policy, now) {
        return Decision::Over(reason);
    }
    let row = &session.rotation;
    let age = now.since(row.delivered_at);

    if generation > row.generation {
        return Decision::GoForward(Rotation { generation, ..Rotation::first(now) });
    }
    if generation == row.generation {
        let rests = policy.rotation == Rotate::Off || age < policy.cooldown;
        if rests || request.delivery != Delivery::Cookies {
            return Decision::AccessOnly;
        }
        let parent = Parent::Known(branch);
        return Decision::Rotate(Rotation { generation: generation.next(), parent, ..Rotation::first(now) });
    }
    let is_parent = generation.next() == row.generation && row.parent.is(branch);
    if is_parent && (!row.confirmed || age < policy.overlap) {
        if request.delivery != Delivery::Cookies {
            return Decision::AccessOnly;
        }
        let begins_anew = age >= policy.overlap && row.late < LATE_MAX;
        return Decision::Repeat(begins_anew.then_some(Rotation { delivered_at: now, late: row.late + 1, ..*row }));
    }
    let told_before = request.mark.is_some_and(|mark| mark > generation);
    let at_once = policy.reuse == Reuse::AtOnce && request.asked == Asked::Explicitly;
    if told_before || at_once { Decision::Theft } else { Decision::Stale(row.generation) }
}

/// Row k: whether a request that carries the current generation proves that it arrived and lasted. A
/// browser writes cookies to disk only every 30 s, so a token counts as kept once it comes back at least
/// `cooldown` after its delivery.
pub fn confirms(session: &Session, generation: Generation, policy: &Policy, now: UnixMillis) -> bool {
    let row = &session.rotation;
    !row.confirmed && generation == row.generation && now.since(row.delivered_at) >= policy.cooldown
}
