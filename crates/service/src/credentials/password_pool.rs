//! Hashing passwords in a bounded pool, away from everything else.
//!
//! Argon2id with 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet). So many are hashed at a
//! time, so many may wait, and nobody waits long: a flood of logins slows logins down, never a refresh. A
//! place is given back when the hashing ends, not when the client goes away.
//!
//! The pool has threads of its own, and each has the memory of one hash, which it uses again and again: what
//! the pool takes is what was configured. An allocator that is asked for so much each time keeps several times
//! as much, and for every thread that ever asked.
//!
//! Hashes that came from elsewhere take longer than ours. While they are met, whoever is wrong waits as long as
//! the slowest of them took, or the time would tell which addresses were imported.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::{Semaphore, oneshot};

use super::{
    Password,
    kept_hash::{KeptHash, Memory, hash_in},
};
use crate::{entropy, entropy::Entropy, limits};

/// Whether a password was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    Right,
    /// By a hash that another system made, or that is made otherwise by now: time for a new one.
    RightByAnotherHash,
    Wrong,
}

/// Too many passwords are being hashed or waiting; nothing is known about this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server is busy checking passwords")]
pub struct Busy;

/// What a thread of the pool does next.
type Work = Box<dyn FnOnce(&mut Memory) + Send>;

/// The pool. Its threads end with its last clone.
#[derive(Debug, Clone)]
pub struct PasswordPool {
    threads: Sender<Work>,
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// What an unknown account's password is compared with, so that it takes as long as a known one's.
    nobody: Arc<KeptHash>,
    /// How long a foreign hash takes, in microseconds.
    foreign: Arc<AtomicU64>,
}

impl PasswordPool {
    /// A pool that hashes `permits` passwords at a time.
    pub fn new(permits: usize, entropy: &dyn Entropy) -> Self {
        let nobody = hash_in(&mut Memory::new(), b"nobody", &entropy::bytes(entropy));
        let permits = permits.max(1);
        Self {
            threads: start_threads(permits),
            running: Arc::new(Semaphore::new(permits)),
            waiting: Arc::new(Semaphore::new(limits::HASH_QUEUE_MAX)),
            nobody: Arc::new(KeptHash::parse(&nobody).expect("our own hashes are within the bounds")),
            foreign: Arc::default(),
        }
    }

    /// The PHC string to keep for a password.
    pub async fn hash(&self, password: Password, salt: [u8; 16]) -> Result<String, Busy> {
        self.run(move |memory| hash_in(memory, password.expose(), &salt)).await
    }

    /// Compares a password with what is kept; `None` takes as long and is wrong.
    pub async fn verify(&self, password: Password, kept: Option<&str>) -> Result<Verified, Busy> {
        let (kept, nobody) = (kept.map(str::to_owned), Arc::clone(&self.nobody));
        let work = move |memory: &mut Memory| {
            let started = Instant::now();
            let judged = judged_in(memory, &password, kept.as_deref(), &nobody);
            (judged, started.elapsed())
        };
        let ((verified, made), took) = self.run(work).await?;
        if made == Made::Elsewhere {
            self.remember(took);
        }
        if verified == Verified::Wrong {
            tokio::time::sleep(self.slowest().saturating_sub(took)).await;
        }
        Ok(verified)
    }

    /// The slowest counts, but one that was slow because the machine was busy is forgotten in time.
    fn remember(&self, took: Duration) {
        let took = took.min(Duration::from(limits::HASH_WAIT));
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let _ = self.foreign.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |slowest| {
            Some(took.max(slowest - slowest / FORGETTING))
        });
    }

    fn slowest(&self) -> Duration {
        Duration::from_micros(self.foreign.load(Ordering::Relaxed))
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut Memory) -> T + Send + 'static) -> Result<T, Busy> {
        let started = Instant::now();
        let waiting = self.waiting.try_acquire().map_err(|_| Busy)?;
        let patience = Duration::from(limits::HASH_WAIT);
        let place = tokio::time::timeout(patience, Arc::clone(&self.running).acquire_owned())
            .await
            .map_err(|_| Busy)?
            .map_err(|_| Busy)?;
        drop(waiting);
        let (answer, answered) = oneshot::channel();
        let work = move |memory: &mut Memory| {
            let result = work(memory);
            drop(place);
            let _ = answer.send(result);
        };
        self.threads.send(Box::new(work)).map_err(|_| Busy)?;
        let result = answered.await.map_err(|_| Busy);
        metrics::histogram!("perennial_hash_seconds").record(started.elapsed().as_secs_f64());
        result
    }
}

fn start_threads(count: usize) -> Sender<Work> {
    let (sender, works) = channel();
    let works = Arc::new(Mutex::new(works));
    for _ in 0..count {
        let works = Arc::clone(&works);
        let run = move || {
            let mut memory = Memory::new();
            while let Some(work) = next(&works) {
                // Whoever waits for work that panicked is told `Busy`; the thread goes on.
                let _ = catch_unwind(AssertUnwindSafe(|| work(&mut memory)));
            }
        };
        thread::Builder::new().name("passwords".into()).spawn(run).expect("a process can start a few threads");
    }
    sender
}

/// Waits for work; `None` once the pool is gone.
fn next(works: &Mutex<Receiver<Work>>) -> Option<Work> {
    works.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Each foreign hash takes off this share of what the slowest one took.
const FORGETTING: u64 = 64;

/// Who made the hash that a password was compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    Here,
    Elsewhere,
}

/// What became of a guess. Where there is nothing to compare with, or nothing that can be read, the guess takes
/// as long and is wrong.
fn judged_in(memory: &mut Memory, password: &Password, kept: Option<&str>, nobody: &KeptHash) -> (Verified, Made) {
    let Some(kept) = kept.and_then(|kept| KeptHash::parse(kept).ok()) else {
        let _ = nobody.is_of(password, memory);
        return (Verified::Wrong, Made::Here);
    };
    let made = if kept.is_as_we_make_it() { Made::Here } else { Made::Elsewhere };
    let verified = match kept.is_of(password, memory) {
        false => Verified::Wrong,
        true if made == Made::Here || !kept.says_all_of(password) => Verified::Right,
        true => Verified::RightByAnotherHash,
    };
    (verified, made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    #[tokio::test]
    async fn a_password_verifies_in_either_unicode_form() {
        let pool = PasswordPool::new(2, &SystemEntropy);
        let composed = Password::given("caf\u{e9} au lait").expect("a password");
        let decomposed = Password::given("cafe\u{301} au lait").expect("a password");
        let kept = pool.hash(composed, [1; 16]).await.expect("hashed");
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_eq!(pool.verify(decomposed.clone(), Some(&kept)).await, Ok(Verified::Right));
        assert_eq!(pool.verify(Password::given("else").expect("a password"), Some(&kept)).await, Ok(Verified::Wrong));
        assert_eq!(pool.verify(decomposed, None).await, Ok(Verified::Wrong));
        assert_eq!(pool.verify(Password::given("nobody").expect("a password"), None).await, Ok(Verified::Wrong));
    }

    #[tokio::test]
    async fn nobody_can_tell_by_the_time_whose_hash_came_from_elsewhere() {
        let pool = PasswordPool::new(1, &SystemEntropy);
        let guess = || Password::given("a wrong guess").expect("a password");
        let ours = pool.hash(guess(), [1; 16]).await.expect("hashed");
        assert_eq!(pool.slowest(), Duration::ZERO);
        let foreign = bcrypt::hash("else", 11).expect("hashed");
        assert_eq!(pool.verify(guess(), Some(&foreign)).await, Ok(Verified::Wrong));
        let slowest = pool.slowest();
        assert!(slowest > Duration::ZERO);
        for kept in [None, Some("damaged"), Some(ours.as_str())] {
            let typed = Password::given("another guess").expect("a password");
            let started = Instant::now();
            assert_eq!(pool.verify(typed, kept).await, Ok(Verified::Wrong));
            assert!(started.elapsed() >= slowest, "{kept:?}");
        }
        for _ in 0..3 {
            pool.remember(Duration::from_micros(1));
        }
        assert!(pool.slowest() < slowest && pool.slowest() > slowest / 2);
        pool.remember(Duration::from_secs(3600));
        assert_eq!(pool.slowest(), Duration::from(limits::HASH_WAIT));
    }

    #[test]
    fn memory_that_was_used_before_changes_no_hash_and_agrees_with_the_library() {
        use argon2::{Argon2, password_hash::PasswordHasher};
        let mut memory = Memory::new();
        let kept = hash_in(&mut memory, b"four amber kettles", &[7; 16]);
        let again = hash_in(&mut memory, b"four amber kettles", &[7; 16]);
        let by_library = Argon2::default().hash_password_with_salt(b"four amber kettles", &[7; 16]).expect("hashed");
        assert_eq!((&kept, &by_library.to_string()), (&again, &kept));
    }
}
