//! How long tokens and sessions live.

use serde::{Deserialize, Serialize};

use crate::{
    refresh::Policy,
    time::{Millis, UnixMillis},
};

/// The spans a deployment runs with, checked once at start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lifetimes {
    pub access: Millis,
    /// The share by which an access token may live longer or shorter, so that expiries do not align.
    pub jitter: f64,
    pub absolute: Millis,
    pub refresh: Policy,
}

/// The named sets of lifetimes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    Balanced,
    Strict,
}

/// Why a set of lifetimes cannot be run with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Impossible {
    #[error(
        "tokens.overlap ({overlap}) must not be longer than tokens.cooldown ({cooldown}): raise cooldown or lower overlap"
    )]
    OverlapBeyondCooldown { overlap: Millis, cooldown: Millis },
    #[error("tokens.access_ttl ({access}) must be at least 1s and shorter than tokens.idle_ttl ({idle})")]
    AccessBeyondIdle { access: Millis, idle: Millis },
    #[error("tokens.idle_ttl ({idle}) must not be longer than tokens.absolute_ttl ({absolute})")]
    IdleBeyondAbsolute { idle: Millis, absolute: Millis },
    #[error(
        "tokens.absolute_ttl ({0}) must be at most 400d, the longest time that a browser keeps a cookie (RFC 6265bis §5.5)"
    )]
    AbsoluteBeyondCookies(Millis),
    #[error("tokens.jitter ({0}) must be between 0 and 0.5")]
    Jitter(f64),
}

impl Lifetimes {
    /// The set itself, if its spans fit together.
    pub fn checked(self) -> Result<Self, Impossible> {
        let Policy { cooldown, overlap, idle, .. } = self.refresh;
        if overlap > cooldown {
            return Err(Impossible::OverlapBeyondCooldown { overlap, cooldown });
        }
        if self.access < Millis::seconds(1) || self.access >= idle {
            return Err(Impossible::AccessBeyondIdle { access: self.access, idle });
        }
        if idle > self.absolute {
            return Err(Impossible::IdleBeyondAbsolute { idle, absolute: self.absolute });
        }
        if self.absolute > Millis::days(400) {
            return Err(Impossible::AbsoluteBeyondCookies(self.absolute));
        }
        if !(0.0..=0.5).contains(&self.jitter) {
            return Err(Impossible::Jitter(self.jitter));
        }
        Ok(self)
    }

    /// No access token lives longer than this.
    #[expect(clippy::cast_possible_truncation, reason = "a span of at most 400 days fits")]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of jitter need no more than 52 bits")]
    pub fn access_longest(&self) -> Millis {
        Millis((self.access.0 as f64 * (1.0 + self.jitter)).ceil() as i64)
    }

    /// When an access token made now expires: never after its session, and moved by up to `jitter` of its
    /// life. `dice` is evenly distributed over all values.
    #[expect(clippy::cast_possible_truncation, reason = "a span of at most 400 days fits")]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of jitter need no more than 52 bits")]
    pub fn access_expiry(&self, now: UnixMillis, session_ends_at: UnixMillis, dice: u32) -> UnixMillis {
        let share = (f64::from(dice) / f64::from(u32::MAX)).mul_add(2.0, -1.0) * self.jitter;
        let life = Millis((self.access.0 as f64 * (1.0 + share)) as i64);
        now.plus(life).min(session_ends_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refresh::{Reuse, Rotate};

    fn balanced() -> Lifetimes {
        Lifetimes {
            access: Millis::minutes(15),
            jitter: 0.1,
            absolute: Millis::days(30),
            refresh: Policy {
                rotation: Rotate::On,
                cooldown: Millis::seconds(120),
                overlap: Millis::seconds(30),
                reuse: Reuse::Prove,
                idle: Millis::days(7),
            },
        }
    }

    #[test]
    fn the_defaults_tolerate_a_hold_of_45_seconds_and_of_30_after_a_loss() {
        let policy = balanced().checked().expect("possible").refresh;
        assert_eq!(policy.tolerated_hold(), Millis::seconds(45));
        assert_eq!(policy.tolerated_hold_after_a_loss(), Millis::seconds(30));
    }

    #[test]
    fn impossible_lifetimes_are_refused_with_what_to_change() {
        let mut lifetimes = balanced();
        lifetimes.refresh.overlap = Millis::seconds(121);
        let refusal = lifetimes.checked().expect_err("overlap beyond cooldown").to_string();
        assert!(refusal.contains("raise cooldown or lower overlap"), "{refusal}");
        for change in [
            |l: &mut Lifetimes| l.access = Millis::days(8),
            |l: &mut Lifetimes| l.access = Millis::ZERO,
            |l: &mut Lifetimes| l.refresh.idle = Millis::days(31),
            |l: &mut Lifetimes| l.absolute = Millis::days(401),
            |l: &mut Lifetimes| l.jitter = f64::NAN,
        ] {
            let mut lifetimes = balanced();
            change(&mut lifetimes);
            assert!(lifetimes.checked().is_err(), "{lifetimes:?}");
        }
    }

    #[test]
    fn an_access_token_lives_within_the_jitter_and_its_session() {
        let (now, far) = (UnixMillis(0), UnixMillis(i64::MAX));
        assert_eq!(balanced().access_expiry(now, far, 0), UnixMillis(810_000));
        assert_eq!(balanced().access_expiry(now, far, u32::MAX), UnixMillis(990_000));
        assert_eq!(balanced().access_expiry(now, UnixMillis(5), 0), UnixMillis(5));
    }
}
