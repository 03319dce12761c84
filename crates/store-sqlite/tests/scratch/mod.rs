//! What the tests of this store share: a directory that goes away, and some records.

#![allow(dead_code, unused_imports, reason = "no test uses all of it")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    task::{Context, Poll, Waker},
};

use perennial_protocol::{
    id::Sid,
    refresh::{Generation, Rotation},
};
pub(crate) use perennial_store::contract::{NOW, numbered_session as session};
use perennial_store::{Applied, Result, Store, Write};
use perennial_store_sqlite::SqliteStore;
use rusqlite::Connection;

/// A directory of this test alone, removed with everything in it.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("perennial-store-{}-{number}", process::id()));
        fs::create_dir(&path).expect("a directory for this test");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("perennial.db")
    }

    pub(crate) fn open(&self) -> SqliteStore {
        SqliteStore::open(self.database()).expect("the store opens")
    }

    /// A connection beside the store, as another process has it.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.database()).expect("the database opens")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn rotate(sid: Sid, generation: u32) -> Write {
    let from_generation = Generation(generation);
    let to = Rotation { generation: from_generation.next(), ..Rotation::first(NOW) };
    Write::Rotate { sid, from_generation, from_late: 0, to, active_at: NOW }
}

pub(crate) async fn done(store: &SqliteStore, write: Write) {
    let applied = store.apply([write].into()).await.expect("the store is available");
    assert_eq!(applied, Applied::Done);
}

pub(crate) async fn generation(store: &SqliteStore, sid: Sid) -> u32 {
    let sessions = store.load_sessions(&[sid]).await.expect("the store is available");
    sessions.first().expect("the session is there").rotation.generation.0
}

/// A change that was handed to the store, whoever waits for its answer.
pub(crate) type Asked<'a> = std::pin::Pin<Box<dyn Future<Output = Result<Applied>> + Send + 'a>>;

/// Hands a write to the store; answers what it said at once, if it did.
pub(crate) fn ask(store: &SqliteStore, write: Write) -> (Asked<'_>, Option<Result<Applied>>) {
    poll_once(store.apply([write].into()))
}

pub(crate) fn poll_once(mut asked: Asked<'_>) -> (Asked<'_>, Option<Result<Applied>>) {
    match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => (asked, Some(answer)),
        Poll::Pending => (asked, None),
    }
}
