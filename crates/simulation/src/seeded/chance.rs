//! Chance that repeats itself: all of a world's randomness, the service's included, comes from one seed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use perennial_protocol::time::Millis;
use perennial_service::entropy::Entropy;

/// The dice of one world. Everything in it runs on one thread, so the order of throws repeats itself too.
#[derive(Debug)]
pub struct Chance(Mutex<fastrand::Rng>);

impl Chance {
    pub fn of(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    fn dice(&self) -> MutexGuard<'_, fastrand::Rng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True once in `times` on average; never for 0.
    pub fn one_in(&self, times: u32) -> bool {
        times > 0 && self.dice().u32(0..times) == 0
    }

    /// A number from 0 up to, but without, `limit`.
    pub fn below(&self, limit: usize) -> usize {
        self.dice().usize(0..limit.max(1))
    }

    /// Evenly distributed, both ends included.
    pub fn between(&self, shortest: Millis, longest: Millis) -> Millis {
        Millis(self.dice().i64(shortest.0..=longest.0.max(shortest.0)))
    }

    /// Mostly shorter than `mean`, now and then many times as long.
    pub fn around(&self, mean: Millis) -> Millis {
        let share = self.dice().f64().max(1e-6);
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "hours of milliseconds fit")]
        let span = (-share.ln() * mean.0 as f64) as i64;
        Millis(span + 1)
    }

    pub fn pick<T: Copy>(&self, among: &[T]) -> T {
        among[self.below(among.len())]
    }
}

impl Entropy for Chance {
    fn fill(&self, bytes: &mut [u8]) {
        self.dice().fill(bytes);
    }
}
