//! The settings of the refresh decision, and what they promise.

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// What the decision is told by configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policy {
    pub rotation: Rotate,
    /// After a refresh token was handed out, it only yields an access token for this long.
    pub cooldown: Millis,
    /// After a hand-out, the predecessor is answered for this long, confirmed or not.
    pub overlap: Millis,
    pub reuse: Reuse,
    /// A session without activity for this long is over.
    pub idle: Millis,
}

/// Whether refresh tokens are replaced at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rotate {
    On,
    Off,
}

/// When a dead token that comes back is called theft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reuse {
    /// When the jar was told before, and the mark proves it.
    Prove,
    /// On the first explicit refresh.
    AtOnce,
}

impl Policy {
    /// How long a request or an answer may be held in the network without an honest person being taken for
    /// a thief, while no answer of that generation is lost: h with overlap + 2h ≤ cooldown.
    pub const fn tolerated_hold(&self) -> Millis {
        Millis((self.cooldown.0 - self.overlap.0) / 2)
    }

    /// The same where two answers of one generation were lost, or the browser crashed once, or the store
    /// lost its last write: a late hand-out may then begin its window when the last one is nearly over, so
    /// four holds have to fit into the cooldown. The exhaustive model finds this bound.
    pub const fn tolerated_hold_after_a_loss(&self) -> Millis {
        let quarter = self.cooldown.0 / 4;
        if quarter < self.tolerated_hold().0 { Millis(quarter) } else { self.tolerated_hold() }
    }
}
