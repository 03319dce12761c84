//! Work that many ask for at once and that is done once, in this process.
//!
//! The first who asks starts it, and those who come meanwhile wait for the same outcome. What is `join`ed goes on
//! when all of them have gone; what is `share`d is done by one of them. What is to be once in many processes is for
//! the store to say.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::limits;

/// The work that is under way, by what it is for.
pub struct Flights<K: Hash + Eq, T>(Arc<UnderWay<K, T>>);

struct UnderWay<K: Hash + Eq, T>(Mutex<HashMap<K, watch::Receiver<Option<T>>>>);

impl<K: Hash + Eq, T> UnderWay<K, T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, watch::Receiver<Option<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self(Arc::new(UnderWay(Mutex::default())))
    }
}

impl<K: Hash + Eq, T> fmt::Debug for Flights<K, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Flights({} under way)", self.0.lock().len())
    }
}

impl<K, T> Flights<K, T>
where
    K: Hash + Eq + Clone + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// The outcome of the work for `key` that is under way, or of `work`. Nothing where the work broke off, or
    /// where too much is under way.
    pub async fn join(&self, key: K, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let mut outcome = self.outcome(key, work)?;
        outcome.wait_for(Option::is_some).await.ok()?.clone()
    }

    /// The outcome of the same work, done by one of those who ask: where that one goes away, another begins it
    /// anew.
    pub async fn share(&self, key: K, work: impl Future<Output = T>) -> Shared<T> {
        let tell = loop {
            let under_way = match self.seat(&key) {
                Seat::Leads(tell) => break tell,
                Seat::Follows(outcome) => outcome,
            };
            if let Ok(told) = under_way.clone().wait_for(Option::is_some).await
                && let Some(told) = &*told
            {
                return Shared { outcome: told.clone(), role: Role::Followed };
            }
        };
        let landing = Landing { under_way: Arc::clone(&self.0), key };
        let outcome = work.await;
        drop(landing);
        let _ = tell.send(Some(outcome.clone()));
        Shared { outcome, role: Role::Led }
    }

    fn seat(&self, key: &K) -> Seat<T> {
        let mut under_way = self.0.lock();
        if let Some(outcome) = under_way.get(key) {
            return Seat::Follows(outcome.clone());
        }
        let (tell, outcome) = watch::channel(None);
        under_way.insert(key.clone(), outcome);
        Seat::Leads(tell)
    }

    /// Waits until nothing is under way.
    pub async fn landed(&self) {
        loop {
            let next = self.0.lock().values().next().cloned();
            let Some(mut outcome) = next else { return };
            // That it broke off is as good.
            let _ = outcome.wait_for(Option::is_some).await;
        }
    }

    fn outcome(&self, key: K, work: impl Future<Output = T> + Send + 'static) -> Option<watch::Receiver<Option<T>>> {
        let mut under_way = self.0.lock();
        if let Some(outcome) = under_way.get(&key) {
            return Some(outcome.clone());
        }
        if under_way.len() >= limits::FLIGHTS_MAX {
            return None;
        }
        let (tell, outcome) = watch::channel(None);
        under_way.insert(key.clone(), outcome.clone());
        let landing = Landing { under_way: Arc::clone(&self.0), key };
        tokio::spawn(async move {
            let told = work.await;
            drop(landing);
            // Those who asked may have gone.
            let _ = tell.send(Some(told));
        });
        Some(outcome)
    }
}

/// What became of shared work.
#[derive(Debug)]
pub struct Shared<T> {
    pub outcome: T,
    pub role: Role,
}

/// Whether somebody did the work or waited for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Led,
    Followed,
}

enum Seat<T> {
    Leads(watch::Sender<Option<T>>),
    Follows(watch::Receiver<Option<T>>),
}

/// Takes the work off the list, also when it breaks off.
struct Landing<K: Hash + Eq, T> {
    under_way: Arc<UnderWay<K, T>>,
    key: K,
}

impl<K: Hash + Eq, T> Drop for Landing<K, T> {
    fn drop(&mut self) {
        self.under_way.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::atomic::{AtomicU32, Ordering},
        time::Duration,
    };

    use tokio::{task::yield_now, time::timeout};

    use super::*;

    /// Work that takes a moment and tells how often it was done.
    fn counted(times: &Arc<AtomicU32>) -> impl Future<Output = u32> + Send + 'static {
        let times = Arc::clone(times);
        async move {
            yield_now().await;
            times.fetch_add(1, Ordering::Relaxed) + 1
        }
    }

    #[tokio::test]
    async fn work_that_is_shared_is_done_by_one_and_taken_over_when_that_one_leaves() {
        let flights: Flights<u8, u32> = Flights::default();
        let times = Arc::new(AtomicU32::new(0));
        let leaves = flights.share(1, pending());
        let stays = async {
            yield_now().await;
            tokio::join!(flights.share(1, counted(&times)), flights.share(1, counted(&times)))
        };
        let left = timeout(Duration::from_millis(50), leaves);
        let (left, (one, other)) = tokio::join!(left, stays);
        assert!(left.is_err());
        assert_eq!((one.outcome, other.outcome, times.load(Ordering::Relaxed)), (1, 1, 1));
        assert_ne!(one.role, other.role);
    }

    #[tokio::test]
    async fn those_who_ask_together_get_one_outcome_and_later_ones_another() {
        let (flights, times) = (Flights::default(), Arc::default());
        let (one, other, apart) = tokio::join!(
            flights.join(1, counted(&times)),
            flights.join(1, counted(&times)),
            flights.join(2, async { 100 })
        );
        assert_eq!((one, other, apart), (Some(1), Some(1), Some(100)));
        assert_eq!(flights.join(1, counted(&times)).await, Some(2));
        assert_eq!(format!("{flights:?}"), "Flights(0 under way)");
    }

    #[tokio::test(start_paused = true)]
    async fn work_goes_on_when_whoever_asked_has_gone() {
        let (flights, times) = (Flights::default(), Arc::default());
        let slow = {
            let work = counted(&times);
            async {
                tokio::time::sleep(Duration::from_secs(5)).await;
                work.await
            }
        };
        assert!(timeout(Duration::from_secs(1), flights.join(1, slow)).await.is_err());
        assert_eq!(flights.join(1, async { 100 }).await, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn everything_under_way_can_be_waited_for() {
        let (flights, times) = (Flights::default(), Arc::default());
        for key in [1, 2] {
            let work = counted(&times);
            assert!(
                flights
                    .outcome(key, async move {
                        tokio::time::sleep(Duration::from_secs(key)).await;
                        work.await
                    })
                    .is_some()
            );
        }
        assert!(flights.outcome(3, async { panic!("it breaks off") }).is_some());
        flights.landed().await;
        assert_eq!(times.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn work_that_breaks_off_has_no_outcome_and_can_be_started_again() {
        let flights = Flights::default();
        assert_eq!(flights.join(1, async { panic!("it breaks off") }).await, None);
        assert_eq!(flights.join(1, async { 2 }).await, Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_is_under_way_than_the_limit() {
        let flights = Flights::default();
        for key in 0..limits::FLIGHTS_MAX {
            assert!(flights.outcome(key, pending::<()>()).is_some());
        }
        assert!(flights.outcome(limits::FLIGHTS_MAX, pending()).is_none());
        assert!(flights.outcome(0, pending()).is_some(), "who joins adds nothing");
    }
}
