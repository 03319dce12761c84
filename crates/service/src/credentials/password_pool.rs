//! Hashing passwords in a bounded pool, away from everything else.
//!
//! Argon2id with 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet). So many are hashed at a
//! time, so many may wait, and nobody waits long: a flood of logins slows logins down, never a refresh. A
//! place is given back when the hashing ends, not when the client goes away.
//!
//! The pool has threads of its own, and each has the memory of one hash, which it uses again and again: what
//! the pool takes is what was configured. An allocator that is asked for so much each time keeps several times
//! as much, and for every thread that ever asked.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use tokio::sync::{Semaphore, oneshot};

use super::Password;
use crate::{entropy, entropy::Entropy, limits};

/// Whether a password was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    Right,
    Wrong,
}

/// Too many passwords are being hashed or waiting; nothing is known about this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server is busy checking passwords")]
pub struct Busy;

/// What a thread hashes in.
type Memory = Vec<Block>;

/// What a thread of the pool does next.
type Work = Box<dyn FnOnce(&mut Memory) + Send>;

/// The pool. Its threads end with its last clone.
#[derive(Debug, Clone)]
pub struct PasswordPool {
    threads: Sender<Work>,
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// What an unknown account's password is compared with, so that it takes as long as a known one's.
    nobody: Arc<str>,
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
            nobody: nobody.into(),
        }
    }

    /// The PHC string to keep for a password.
    pub async fn hash(&self, password: Password, salt: [u8; 16]) -> Result<String, Busy> {
        self.run(move |memory| hash_in(memory, password.expose(), &salt)).await
    }

    /// Compares a password with what is kept; `None` takes as long and is wrong.
    pub async fn verify(&self, password: Password, kept: Option<&str>) -> Result<Verified, Busy> {
        let (kept, known) = (kept.map_or_else(|| Arc::clone(&self.nobody), Arc::from), kept.is_some());
        self.run(move |memory| {
            let right = is_right_in(memory, password.expose(), &kept).unwrap_or(false);
            if right && known { Verified::Right } else { Verified::Wrong }
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut Memory) -> T + Send + 'static) -> Result<T, Busy> {
        let started = std::time::Instant::now();
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

/// The PHC string of a password under the default parameters.
fn hash_in(memory: &mut Memory, password: &[u8], salt: &[u8; 16]) -> String {
    let argon2 = Argon2::default();
    let output = derive_in(memory, &argon2, password, salt, Params::DEFAULT_OUTPUT_LEN)
        .expect("the default parameters fit a salt of 16 bytes and a bounded password");
    let hash = PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(argon2.params()).expect("the default parameters can be written down"),
        salt: Some(Salt::new(salt).expect("16 bytes are a salt")),
        hash: Some(output),
    };
    hash.to_string()
}

/// Whether a password is the one of a PHC string, under the parameters of that string; `None` if it is none.
fn is_right_in(memory: &mut Memory, password: &[u8], kept: &str) -> Option<bool> {
    let hash = PasswordHash::new(kept).ok()?;
    let (salt, expected) = (hash.salt.as_ref()?, hash.hash.as_ref()?);
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
    let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
    let argon2 = Argon2::new(algorithm, version, Params::try_from(&hash).ok()?);
    let output = derive_in(memory, &argon2, password, salt, expected.len())?;
    // Outputs compare in constant time.
    Some(output == *expected)
}

/// What is left of a former hash is overwritten before it is read.
fn derive_in(memory: &mut Memory, argon2: &Argon2<'_>, password: &[u8], salt: &[u8], length: usize) -> Option<Output> {
    let blocks = argon2.params().block_count();
    memory.resize(memory.len().max(blocks), Block::default());
    let mut output = [0; Output::MAX_LENGTH];
    let output = output.get_mut(..length)?;
    argon2.hash_password_into_with_memory(password, salt, output, &mut memory[..blocks]).ok()?;
    Output::new(output).ok()
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

    #[test]
    fn memory_that_was_used_before_changes_no_hash_and_agrees_with_the_library() {
        use argon2::password_hash::{PasswordHasher, PasswordVerifier};
        let mut memory = Memory::new();
        let kept = hash_in(&mut memory, b"four amber kettles", &[7; 16]);
        let again = hash_in(&mut memory, b"four amber kettles", &[7; 16]);
        let by_library = Argon2::default().hash_password_with_salt(b"four amber kettles", &[7; 16]).expect("hashed");
        assert_eq!((&kept, &by_library.to_string()), (&again, &kept));

        // A hash that came from elsewhere, with more memory and another length.
        let params = Params::new(32 * 1024, 1, 2, Some(24)).expect("parameters");
        let foreign = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_with_salt(b"six green doors", b"a salt of theirs")
            .expect("hashed");
        for (password, right) in [(&b"six green doors"[..], true), (b"six green door", false)] {
            assert_eq!(is_right_in(&mut memory, password, &foreign.to_string()), Some(right));
            assert_eq!(Argon2::default().verify_password(password, &foreign).is_ok(), right);
        }
        assert_eq!(is_right_in(&mut memory, b"four amber kettles", &kept), Some(true));
        for damaged in ["", "$argon2id$v=19$m=19456,t=2,p=1", "$2b$12$abcdefghijklmnopqrstuv", &kept[..kept.len() - 1]]
        {
            assert_ne!(is_right_in(&mut memory, b"four amber kettles", damaged), Some(true), "{damaged}");
        }
    }
}
