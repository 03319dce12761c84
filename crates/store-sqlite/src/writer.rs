//! The one thread that writes, and its queue.
//!
//! It takes what has gathered, runs each job in a savepoint of one transaction, commits, and only then
//! answers: many writes share one wait for the disk. A job whose guard does not hold, or that fails, is
//! rolled back alone. When the commit fails, nobody of the batch is told that it happened. Whether the
//! caller still waits for its answer changes nothing.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use perennial_protocol::time::UnixMillis;
use perennial_store::{Applied, Change, Result, StoreError};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{error::store_error, limits, write};

#[derive(Debug)]
pub(crate) struct Writer {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    commits: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Job {
    work: Work,
    answer: oneshot::Sender<Result<Outcome>>,
}

#[derive(Debug)]
pub(crate) enum Work {
    Apply(Change),
    /// Deletes by each of `over`.
    Sweep {
        over: &'static [&'static str],
        before: UnixMillis,
        limit: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done {
        swept: usize,
    },
    /// A guard did not hold.
    Stale,
}

impl Writer {
    pub(crate) fn start(connection: Connection) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(limits::QUEUE_LENGTH);
        let commits = Arc::new(AtomicU64::new(0));
        let batches = Batches { connection, commits: Arc::clone(&commits), failing: false };
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || batches.run(&jobs))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), commits })
    }

    /// Waits for `work` to be durable, or for the reason why it is not.
    pub(crate) async fn run(&self, work: Work) -> Result<Outcome> {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.as_ref().expect("the queue is closed when the store is dropped");
        queue.try_send(Job { work, answer }).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Unavailable("too many writes are waiting".into()),
            TrySendError::Disconnected(_) => writer_is_gone(),
        })?;
        answered.await.unwrap_or_else(|_| Err(writer_is_gone()))
    }

    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported when it happened.
            let _ = thread.join();
        }
    }
}

fn writer_is_gone() -> StoreError {
    StoreError::Unavailable("the thread that writes is gone".into())
}

struct Batches {
    connection: Connection,
    commits: Arc<AtomicU64>,
    /// Whether the last batch failed, so that a disk that stays full is reported once.
    failing: bool,
}

impl Batches {
    fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let others = jobs.try_iter().take(limits::BATCH_LENGTH - 1);
            let batch: Vec<Job> = std::iter::once(first).chain(others).collect();
            self.write(batch);
        }
        if let Err(error) = self.connection.execute_batch("PRAGMA optimize") {
            tracing::debug!(%error, "the database was closed without statistics for its queries");
        }
    }

    fn write(&mut self, batch: Vec<Job>) {
        match commit_together(&self.connection, &batch) {
            Ok(outcomes) => {
                self.commits.fetch_add(1, Ordering::Relaxed);
                self.report_recovery();
                for (job, outcome) in batch.into_iter().zip(outcomes) {
                    let _ = job.answer.send(outcome);
                }
            }
            Err(error) => {
                self.report_failure(&error);
                for job in batch {
                    let _ = job.answer.send(Err(StoreError::Unavailable(error.to_string())));
                }
            }
        }
    }

    fn report_failure(&mut self, error: &rusqlite::Error) {
        if !self.failing {
            tracing::error!(%error, "the store cannot write: {error}");
        }
        self.failing = true;
    }

    fn report_recovery(&mut self) {
        if self.failing {
            tracing::info!("the store writes again");
        }
        self.failing = false;
    }
}

/// One transaction for all of `batch`. An error means that nothing of it is known to have happened.
fn commit_together(connection: &Connection, batch: &[Job]) -> rusqlite::Result<Vec<Result<Outcome>>> {
    roll_back(connection);
    execute(connection, "BEGIN IMMEDIATE")?;
    let ran: rusqlite::Result<Vec<_>> = batch.iter().map(|job| run_alone(connection, &job.work)).collect();
    let committed = ran.and_then(|outcomes| execute(connection, "COMMIT").map(|()| outcomes));
    roll_back(connection);
    committed
}

/// One job in its savepoint. The outer error means that the whole transaction is lost.
fn run_alone(connection: &Connection, work: &Work) -> rusqlite::Result<Result<Outcome>> {
    execute(connection, "SAVEPOINT job")?;
    let outcome = match work {
        Work::Apply(change) => write::change(connection, change).map(|applied| match applied {
            Applied::Done => Outcome::Done { swept: 0 },
            Applied::Stale => Outcome::Stale,
        }),
        Work::Sweep { over, before, limit } => {
            write::sweep(connection, over, *before, *limit).map(|swept| Outcome::Done { swept })
        }
    };
    match outcome {
        // A full disk or a failing one makes SQLite give up the whole transaction by itself.
        Err(error) if connection.is_autocommit() => return Err(error),
        Err(_) | Ok(Outcome::Stale) => execute(connection, "ROLLBACK TO job")?,
        Ok(Outcome::Done { .. }) => {}
    }
    execute(connection, "RELEASE job")?;
    Ok(outcome.map_err(|error| store_error(&error)))
}

/// Leaves a transaction that is still open; there is none after a commit that went well.
fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        // Where this fails too, the next batch tries again before it begins.
        let _ = execute(connection, "ROLLBACK");
    }
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}

#[cfg(test)]
mod tests {
    use perennial_protocol::{
        audit::{AuditEvent, AuditKind},
        time::UnixMillis,
    };
    use perennial_store::Write;

    use super::*;

    /// A database in memory whose writer works like the one of a file.
    fn batches() -> Batches {
        let connection = Connection::open_in_memory().expect("opens");
        connection.execute_batch(include_str!("../migrations/0001_first.sql")).expect("migrated");
        Batches { connection, commits: Arc::default(), failing: false }
    }

    fn job(length: usize) -> (Job, oneshot::Receiver<Result<Outcome>>) {
        let (answer, answered) = oneshot::channel();
        let detail = "x".repeat(length);
        let event =
            AuditEvent { at: UnixMillis(0), kind: AuditKind::StoreBehind, subject: None, session_key: None, detail };
        (Job { work: Work::Apply([Write::Audit(event)].into()), answer }, answered)
    }

    fn write(batches: &mut Batches, lengths: &[usize]) -> Vec<bool> {
        let (jobs, answers): (Vec<_>, Vec<_>) = lengths.iter().map(|length| job(*length)).unzip();
        batches.write(jobs);
        answers.into_iter().map(|mut answer| answer.try_recv().expect("answered").is_ok()).collect()
    }

    fn rows(batches: &Batches) -> u32 {
        batches.connection.query_row("SELECT count(*) FROM audit", [], |row| row.get(0)).expect("counted")
    }

    #[test]
    fn a_full_disk_tells_nobody_that_a_write_happened_and_is_over_when_there_is_room() {
        let mut batches = batches();
        assert_eq!(write(&mut batches, &[1, 1]), [true, true]);
        let pages: u32 = batches.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("counted");
        let limit = |batches: &Batches, pages: u32| {
            batches.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).expect("limited");
        };
        limit(&batches, pages);
        let told = write(&mut batches, &[1, 100_000, 1]);
        let kept = rows(&batches) - 2;
        assert_eq!(told.iter().filter(|done| **done).count() as u32, kept, "{told:?}");
        assert!(!told[1]);
        limit(&batches, pages + 1000);
        assert_eq!(write(&mut batches, &[1, 100_000, 1]), [true, true, true]);
        assert_eq!(rows(&batches), 5 + kept);
    }

    #[test]
    fn a_commit_that_fails_tells_nobody_that_a_write_happened() {
        let mut batches = batches();
        // A foreign key that is checked at the end makes the commit fail, and leaves the transaction open.
        batches
            .connection
            .execute_batch(
                "PRAGMA foreign_keys = ON;
                 CREATE TABLE parent (id INTEGER PRIMARY KEY);
                 CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
                 CREATE TRIGGER orphan AFTER INSERT ON audit WHEN length(new.detail) = 7
                 BEGIN INSERT INTO child VALUES (1); END;",
            )
            .expect("created");
        assert_eq!(write(&mut batches, &[1, 7, 1]), [false, false, false]);
        assert_eq!(rows(&batches), 0);
        assert_eq!(write(&mut batches, &[1, 1]), [true, true]);
        assert_eq!(rows(&batches), 2);
    }
}
