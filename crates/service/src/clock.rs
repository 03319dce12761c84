//! The one place that knows what time it is: by the machine's clock, or by one that all nodes follow.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Instant,
};

use perennial_protocol::time::{Millis, UnixMillis};

/// A source of the present time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    fn now(&self) -> UnixMillis;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        UnixMillis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// What another clock said, and when it was asked and had answered.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    pub asked: Instant,
    pub said: UnixMillis,
    pub answered: Instant,
}

/// A clock that follows another one, such as the database's: it is told now and then what that one says, and
/// counts on by itself meanwhile. It never goes back: told that it is ahead, it stands still until it is not.
#[derive(Debug)]
pub struct FollowingClock {
    started: Instant,
    /// What the other clock said when this one was started.
    origin: AtomicI64,
    /// The latest time that was given out.
    latest: AtomicI64,
}

impl FollowingClock {
    pub fn new(reading: Reading) -> Self {
        let half_way = elapsed(reading.asked, reading.answered).0 / 2;
        Self {
            started: reading.asked,
            origin: AtomicI64::new(reading.said.0 - half_way),
            latest: AtomicI64::new(i64::MIN),
        }
    }

    /// Moves this clock to what the other one says. A reading that took long tells little: the clock is moved
    /// only as far as it certainly was wrong.
    pub fn follow(&self, reading: Reading) {
        let earliest = self.origin_by(reading, elapsed(reading.asked, reading.answered));
        let latest = self.origin_by(reading, Millis(0));
        let origin = self.origin.load(Ordering::Acquire).clamp(earliest, latest);
        self.origin.store(origin, Ordering::Release);
    }

    /// What the other clock said at the start of this one, if it said `reading.said` so long after it was asked.
    fn origin_by(&self, reading: Reading, after: Millis) -> i64 {
        reading.said.0 - elapsed(self.started, reading.asked).0 - after.0
    }

    fn at(&self, instant: Instant) -> UnixMillis {
        let now = self.origin.load(Ordering::Acquire) + elapsed(self.started, instant).0;
        UnixMillis(self.latest.fetch_max(now, Ordering::AcqRel).max(now))
    }
}

impl Clock for FollowingClock {
    fn now(&self) -> UnixMillis {
        self.at(Instant::now())
    }
}

fn elapsed(from: Instant, to: Instant) -> Millis {
    Millis(i64::try_from(to.saturating_duration_since(from).as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A clock told at 0 ms, within no time, that it is 1000.
    fn clock() -> (FollowingClock, Instant) {
        let start = Instant::now();
        (FollowingClock::new(Reading { asked: start, said: UnixMillis(1000), answered: start }), start)
    }

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    fn reading(start: Instant, asked: u64, said: i64, answered: u64) -> Reading {
        Reading { asked: after(start, asked), said: UnixMillis(said), answered: after(start, answered) }
    }

    /// Told `said` between these moments, the clock stands at `expected` when the answer is there.
    #[track_caller]
    fn check((asked, said, answered): (u64, i64, u64), expected: i64) {
        let (clock, start) = clock();
        clock.follow(reading(start, asked, said, answered));
        assert_eq!(clock.at(after(start, answered)), UnixMillis(expected));
    }

    #[test]
    fn a_first_reading_is_taken_for_the_middle_of_its_way() {
        let start = Instant::now();
        let clock = FollowingClock::new(reading(start, 0, 1000, 100));
        assert_eq!(clock.at(after(start, 100)), UnixMillis(1050));
    }

    #[test]
    fn it_counts_on_between_readings() {
        let (clock, start) = clock();
        assert_eq!(clock.at(after(start, 70)), UnixMillis(1070));
    }

    #[test]
    fn a_reading_moves_the_clock_only_as_far_as_it_certainly_was_wrong() {
        check((100, 1100, 100), 1100);
        check((100, 1130, 200), 1200);
        check((100, 1250, 200), 1250);
        check((100, 9000, 100), 9000);
        check((100, 1050, 200), 1150);
    }

    #[test]
    fn it_never_goes_back_and_goes_on_when_its_time_has_come() {
        let (clock, start) = clock();
        assert_eq!(clock.at(after(start, 500)), UnixMillis(1500));
        clock.follow(reading(start, 500, 1200, 500));
        assert_eq!(clock.at(after(start, 600)), UnixMillis(1500));
        assert_eq!(clock.at(after(start, 900)), UnixMillis(1600));
    }
}
