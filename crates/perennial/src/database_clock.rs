//! The clock of many nodes: that of the database they share, so that nodes whose own clocks differ agree.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use perennial_protocol::time::{Millis, UnixMillis};
use perennial_service::clock::{Clock, FollowingClock, Reading, SystemClock};
use perennial_store::Result;
use perennial_store_postgres::PostgresStore;

/// How often the database is asked what time it is.
const ASK: Duration = Duration::from_secs(3);

/// How often it is asked at the start; the quickest answer tells the most.
const ASK_AT_START: usize = 3;

/// How far this machine's clock may be from the database's before somebody has to look after it.
const SKEW_MAX: Millis = Millis::seconds(5);

/// A clock that follows the database's, and what keeps it there.
pub(crate) struct DatabaseClock {
    store: Arc<PostgresStore>,
    clock: Arc<FollowingClock>,
    skew: Skew,
}

impl DatabaseClock {
    pub(crate) async fn start(store: Arc<PostgresStore>) -> Result<Self> {
        let mut best = ask(&store).await?;
        for _ in 1..ASK_AT_START {
            let next = ask(&store).await?;
            if next.answered - next.asked < best.answered - best.asked {
                best = next;
            }
        }
        let mut skew = Skew::default();
        let clock = Arc::new(FollowingClock::new(best));
        skew.note(SystemClock.now(), clock.now());
        Ok(Self { store, clock, skew })
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::<FollowingClock>::clone(&self.clock)
    }

    /// Follows the database for as long as it is polled. While the database does not answer, the clock counts on.
    pub(crate) async fn keep(mut self) {
        let mut turn = tokio::time::interval(ASK);
        turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            turn.tick().await;
            if let Ok(reading) = ask(&self.store).await {
                self.clock.follow(reading);
                self.skew.note(SystemClock.now(), self.clock.now());
            }
        }
    }
}

async fn ask(store: &PostgresStore) -> Result<Reading> {
    let asked = Instant::now();
    let said = store.database_now().await?;
    Ok(Reading { asked, said, answered: Instant::now() })
}

/// How far this machine's clock is from the database's: measured always, told when it gets too much.
#[derive(Default)]
struct Skew {
    is_told: bool,
}

impl Skew {
    fn note(&mut self, machine: UnixMillis, database: UnixMillis) {
        let skew = machine.since(database);
        #[expect(clippy::cast_precision_loss, reason = "a gauge is for people, and so are its last digits")]
        metrics::gauge!("perennial_clock_skew_seconds").set(skew.0 as f64 / 1000.0);
        let is_too_much = skew.0.abs() > SKEW_MAX.0;
        if is_too_much && !self.is_told {
            tracing::warn!(
                skew_ms = skew.0,
                "this machine's clock is {} s from the database's: sessions go by the database's, but set this one right",
                skew.whole_seconds()
            );
        }
        self.is_told = is_too_much;
    }
}
