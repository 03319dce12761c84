//! Whether the database is there, and how long a call waits to learn it.
//!
//! A call that waits has the connections asked whether anybody is there (`doubt`). While the database
//! answers anything at all, it is slow and not gone, and the call waits on, within its bound. When it says
//! nothing on any connection for a while, the call is told that the store is unavailable.

use std::{
    pin::pin,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use perennial_store::Result;
use tokio::{
    sync::{Notify, Semaphore, futures::Notified},
    time::{Instant, timeout},
};

use crate::{error::unavailable, limits};

#[derive(Debug)]
pub(crate) struct Pulse {
    /// How many answers came so far, of whatever kind.
    beats: AtomicU64,
    doubt: Notify,
    /// Every connection is to be opened anew.
    demotion: Notify,
    calls: Semaphore,
    silence: Duration,
    links_up: AtomicUsize,
}

impl Pulse {
    pub(crate) fn new(silence: Duration) -> Self {
        Self {
            beats: AtomicU64::new(0),
            doubt: Notify::new(),
            demotion: Notify::new(),
            calls: Semaphore::new(limits::CALLS),
            silence,
            links_up: AtomicUsize::new(0),
        }
    }

    /// The database answered something.
    pub(crate) fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// Resolves when a call doubts that the database is there.
    pub(crate) fn doubted(&self) -> Notified<'_> {
        self.doubt.notified()
    }

    /// The server takes no writes any more, so that another one may be the primary now.
    pub(crate) fn demote(&self) {
        self.demotion.notify_waiters();
    }

    /// Resolves when the server was found to be no primary.
    pub(crate) fn demoted(&self) -> Notified<'_> {
        self.demotion.notified()
    }

    /// Waits for `answer`: at most so long while the database answers others, less when it is silent.
    pub(crate) async fn patient<T>(&self, at_most: Duration, answer: impl Future<Output = Result<T>>) -> Result<T> {
        let _call = self.calls.try_acquire().map_err(|_| unavailable("too many calls wait for the database"))?;
        let mut answer = pin!(answer);
        let asked = Instant::now();
        let (mut step, mut quiet) = (limits::DOUBT_AFTER.min(self.silence), Duration::ZERO);
        let mut heard = self.beats.load(Ordering::Relaxed);
        loop {
            if let Ok(answer) = timeout(step, answer.as_mut()).await {
                return answer;
            }
            // Steps are counted instead of time: while this process itself stands still, nobody is silent.
            let beats = self.beats.load(Ordering::Relaxed);
            quiet = if beats == heard { quiet + step } else { Duration::ZERO };
            heard = beats;
            if quiet >= self.silence {
                return Err(unavailable(format!("the database is silent for {} ms", quiet.as_millis())));
            }
            if asked.elapsed() >= at_most {
                return Err(unavailable(format!("no answer in {} ms", at_most.as_millis())));
            }
            self.doubt.notify_waiters();
            step = limits::DOUBT_STEP;
        }
    }

    pub(crate) fn is_anybody_there(&self) -> bool {
        self.links_up.load(Ordering::Acquire) > 0
    }

    pub(crate) fn link_is_up(&self) {
        self.beat();
        if self.links_up.fetch_add(1, Ordering::AcqRel) == 0 {
            tracing::info!("the database is reached");
        }
    }

    pub(crate) fn link_is_down(&self) {
        if self.links_up.fetch_sub(1, Ordering::AcqRel) == 1 {
            tracing::warn!("the database is lost: every call is unavailable until it is reached again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse() -> Pulse {
        Pulse::new(limits::SILENCE)
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_to_a_silent_database_is_given_up_soon() {
        let began = Instant::now();
        let answer = pulse().patient(limits::LOAD_WAIT, std::future::pending::<Result<()>>()).await;
        assert!(answer.expect_err("nobody answers").to_string().contains("silent"));
        assert!(began.elapsed() < Duration::from_millis(150), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_for_a_database_that_answers_others() {
        let pulse = pulse();
        let others = async {
            loop {
                pulse.doubted().await;
                pulse.beat();
            }
        };
        let slow = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            Ok(7)
        };
        let answer = tokio::select! {
            answer = pulse.patient(limits::LOAD_WAIT, slow) => answer,
            () = others => unreachable!("others never end"),
        };
        assert_eq!(answer.expect("it came"), 7);
    }

    #[tokio::test]
    async fn one_call_too_many_is_given_up_at_once() {
        let pulse = pulse();
        let _all = pulse.calls.try_acquire_many(u32::try_from(limits::CALLS).expect("few")).expect("free");
        let answer = pulse.patient(limits::LOAD_WAIT, std::future::ready(Ok(()))).await;
        assert!(answer.expect_err("no room").to_string().contains("too many"));
    }
}
