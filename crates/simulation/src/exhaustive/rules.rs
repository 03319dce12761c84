//! The rules under search: the real decision of `perennial-protocol`, or the real decision with one
//! safeguard taken away.
//!
//! Nothing here repeats the table. A `Twist` only changes what goes into `decide` and `confirms`, or drops
//! a part of what comes out, so that a world without a violation can be shown to be able to have one.

use perennial_protocol::{
    claims::Claims,
    id::{SessionKey, Sid, Subject},
    refresh::{
        Asked, Decision, Delivery, Generation, Parent, Policy, Presented, Request, Reuse, Rotate, Rotation, Salt,
    },
    refresh::{confirms, decide},
    session::{AssuranceLevel, Authentication, EndReason, Ended, Session},
    time::{Millis, UnixMillis},
};

use super::{
    jar::{Jar, Token},
    tally::Tally,
};

/// How long an access token lives.
pub const ACCESS: Millis = Millis::minutes(15);

/// The policy of the default configuration.
pub const BALANCED: Policy = Policy {
    rotation: Rotate::On,
    cooldown: Millis::seconds(120),
    overlap: Millis::seconds(30),
    reuse: Reuse::Prove,
    idle: Millis::days(7),
};

/// What is taken away from the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twist {
    /// Nothing: the rules as they are.
    Untouched,
    /// A late replay does not begin the delivery window anew.
    WindowNeverBeginsAnew,
    /// Any use confirms, however soon after the delivery.
    ConfirmedAtOnce,
    /// Every branch passes for the parent.
    BranchesForgotten,
    /// No request carries a stale mark.
    MarksForgotten,
    /// The node that decides does not see that the session was ended.
    EndUnseen,
}

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ask {
    /// A refresh, asked for as such.
    Refresh,
    /// An ordinary request whose access token has expired.
    InPassing,
    /// The same, but its answer can set no cookie.
    Prefetch,
    /// An ordinary request whose access token is good: it can only confirm.
    Use,
    /// The end of the session.
    Logout,
}

impl Ask {
    const fn asked(self) -> Asked {
        match self {
            Self::Refresh => Asked::Explicitly,
            Self::InPassing | Self::Prefetch | Self::Use | Self::Logout => Asked::InPassing,
        }
    }

    const fn delivery(self) -> Delivery {
        match self {
            Self::Prefetch => Delivery::Nothing,
            Self::Refresh | Self::InPassing | Self::Use | Self::Logout => Delivery::Cookies,
        }
    }
}

/// What the server knows of the session that the search is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Row {
    pub rotation: Rotation,
    pub ended: Option<EndReason>,
}

/// The decision, the policy it runs with, and a count of what it decided.
#[derive(Debug)]
pub struct Rules {
    pub policy: Policy,
    pub twist: Twist,
    pub tally: Tally,
    session: Session,
}

impl Rules {
    pub fn new(policy: Policy, twist: Twist) -> Self {
        let epoch = UnixMillis(0);
        let session = Session {
            sid: Sid([0; 16]),
            session_key: SessionKey::from_random([0; 12]),
            salt: Salt([0; 16]),
            subject: Subject::from_random([0; 12]),
            created_at: epoch,
            ends_at: UnixMillis(i64::MAX),
            active_at: epoch,
            rotation: Rotation::first(epoch),
            ended: None,
            authentication: Authentication { at: epoch, level: AssuranceLevel::One, methods: vec![] },
            device: String::new(),
            claims: Claims::default(),
        };
        Self { policy, twist, tally: Tally::default(), session }
    }

    /// What the decision says to `token`, carried by a request together with what else is in `jar`.
    pub fn decide(&self, row: &Row, token: Token, jar: &Jar, ask: Ask, now: UnixMillis) -> Decision {
        let decision = self.foresee(row, token, jar, ask, now);
        self.tally.decided(&decision);
        decision
    }

    /// The same, for a question that no request asked.
    pub fn foresee(&self, row: &Row, token: Token, jar: &Jar, ask: Ask, now: UnixMillis) -> Decision {
        let session = self.session(row, now);
        let mark = if self.twist == Twist::MarksForgotten { None } else { jar.mark };
        let request = Request { mark, asked: ask.asked(), delivery: ask.delivery() };
        let presented = Presented::Genuine { session: &session, generation: token.generation, branch: token.branch };
        let decision = decide(presented, request, &self.policy, now);
        match (self.twist, decision) {
            (Twist::WindowNeverBeginsAnew, Decision::Repeat(_)) => Decision::Repeat(None),
            _ => decision,
        }
    }

    /// Whether a request with a token of `generation` confirms it.
    pub fn confirms(&self, row: &Row, generation: Generation, now: UnixMillis) -> bool {
        let mut policy = self.policy;
        if self.twist == Twist::ConfirmedAtOnce {
            policy.cooldown = Millis::ZERO;
        }
        row.ended.is_none() && confirms(&self.session(row, now), generation, &policy, now)
    }

    /// The age from which on the rules treat every delivery alike.
    pub fn age_max(&self) -> Millis {
        self.policy.cooldown.max(self.policy.overlap)
    }

    fn session(&self, row: &Row, now: UnixMillis) -> Session {
        let mut rotation = row.rotation;
        if self.twist == Twist::BranchesForgotten {
            rotation.parent = Parent::Unknown;
        }
        let seen = row.ended.filter(|_| self.twist != Twist::EndUnseen);
        let ended = seen.map(|reason| Ended { at: now, reason });
        Session { rotation, ended, active_at: now, ..self.session.clone() }
    }
}

/// Whether a decision answers with a token of any kind.
pub const fn gives_tokens(decision: &Decision) -> bool {
    match decision {
        Decision::AccessOnly | Decision::Rotate(_) | Decision::Repeat(_) | Decision::GoForward(_) => true,
        Decision::Invalid | Decision::Over(_) | Decision::Stale(_) | Decision::Theft => false,
    }
}
