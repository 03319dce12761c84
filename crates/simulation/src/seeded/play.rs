//! Many histories of one world: one for each seed. They share nothing, so every core plays its own.

use std::{
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use super::{
    plan::{Expected, Plan},
    report::Findings,
    world::{self, Chronicle},
};

/// Plays a world under each seed.
pub fn play(plan: Plan, seeds: Range<u64>) -> Findings {
    let next = AtomicU64::new(seeds.start);
    let chronicles: Mutex<Vec<Chronicle>> = Mutex::default();
    let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let chronicle = world::run(plan, seed);
                    chronicles.lock().unwrap_or_else(PoisonError::into_inner).push(chronicle);
                }
            });
        }
    });
    let mut chronicles = chronicles.into_inner().unwrap_or_else(PoisonError::into_inner);
    chronicles.sort_by_key(|chronicle| chronicle.seed);
    Findings::of(plan, chronicles)
}

/// Plays a world that must fail until it does, or the seeds are used up.
pub fn play_until_broken(plan: Plan, seeds: Range<u64>) -> Option<Chronicle> {
    let Expected::Fails(property) = plan.expected else { return None };
    let broken = |chronicle: &Chronicle| chronicle.violation.as_ref().is_some_and(|it| it.property == property);
    seeds.map(|seed| world::run(plan, seed)).find(broken)
}
