//! The thread that writes: what it puts together, whom it answers, and what it does in need.

mod scratch;

use perennial_store::{Applied, Store, StoreError, Write};
use perennial_store_sqlite::SqliteStore;
use rusqlite::{Connection, TransactionBehavior};
use scratch::{Directory, ask, done, generation, rotate, session};

/// Holds the write lock, as another process that is in the middle of a transaction.
fn lock(connection: &mut Connection) -> rusqlite::Transaction<'_> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate).expect("the lock is free")
}

async fn count(directory: &Directory) -> u32 {
    let count = directory.connect().query_row("SELECT count(*) FROM session", [], |row| row.get(0));
    count.expect("counted")
}

#[tokio::test]
async fn writes_that_wait_together_share_a_commit() {
    let directory = Directory::new();
    let store = directory.open();
    let mut other = directory.connect();
    let lock = lock(&mut other);
    let asked: Vec<_> = (0..600).map(|number| ask(&store, Write::InsertSession(session(number))).0).collect();
    lock.rollback().expect("released");
    for answer in asked {
        assert_eq!(answer.await.expect("available"), Applied::Done);
    }
    // The first may have been taken alone, and 600 are more than two batches of 256.
    assert!((3..=4).contains(&store.commits()), "{} commits", store.commits());
    assert_eq!(count(&directory).await, 600);
}

#[tokio::test]
async fn a_job_that_fails_harms_none_of_its_batch() {
    let directory = Directory::new();
    let store = directory.open();
    let mut other = directory.connect();
    // The trigger stands in for a row that the schema refuses.
    other
        .execute_batch(
            "CREATE TRIGGER refuse AFTER UPDATE ON session WHEN new.generation = 2
             BEGIN SELECT RAISE(FAIL, 'refused'); END",
        )
        .expect("created");
    let lock = lock(&mut other);
    let mut asked = Vec::new();
    for number in 0..9 {
        let sid = session(number).sid;
        let mut change = vec![Write::InsertSession(session(number)), rotate(sid, 0)];
        if number == 4 {
            change.push(rotate(sid, 1));
        }
        asked.push(store.apply(perennial_store::Change(change)));
    }
    let mut asked: Vec<_> = asked.into_iter().map(|asked| scratch::poll_once(asked).0).collect();
    lock.rollback().expect("released");
    let refused = asked.remove(4).await.expect_err("refused").to_string();
    assert!(refused.contains("refused"), "{refused}");
    for answer in asked {
        assert_eq!(answer.await.expect("available"), Applied::Done);
    }
    assert_eq!(count(&directory).await, 8);
    assert!(store.load_sessions(&[session(4).sid]).await.expect("available").is_empty());
}

#[tokio::test]
async fn a_database_that_stays_locked_is_unavailable_until_it_is_free() {
    let directory = Directory::new();
    let store = directory.open();
    done(&store, Write::InsertSession(session(1))).await;
    let mut other = directory.connect();
    let lock = lock(&mut other);
    let asked: Vec<_> = (0..3).map(|_| ask(&store, rotate(session(1).sid, 0)).0).collect();
    assert_eq!(generation(&store, session(1).sid).await, 0, "reads go on meanwhile");
    let mut unavailable = 0;
    for answer in asked {
        // The first wait is over after two seconds; those behind it wait anew.
        assert!(matches!(answer.await, Err(StoreError::Unavailable(_))));
        unavailable += 1;
    }
    assert_eq!(unavailable, 3);
    lock.rollback().expect("released");
    done(&store, rotate(session(1).sid, 0)).await;
}

#[tokio::test]
async fn a_full_queue_is_unavailable_at_once() {
    let directory = Directory::new();
    let store = directory.open();
    let mut other = directory.connect();
    let lock = lock(&mut other);
    let (mut waiting, mut refused) = (Vec::new(), 0);
    for number in 0..5000 {
        match ask(&store, Write::InsertSession(session(number))) {
            (asked, None) => waiting.push(asked),
            (_, Some(answer)) => {
                assert!(matches!(answer, Err(StoreError::Unavailable(_))));
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "no bound on the queue");
    lock.rollback().expect("released");
    let accepted = waiting.len();
    for answer in waiting {
        assert_eq!(answer.await.expect("available"), Applied::Done);
    }
    assert_eq!(count(&directory).await as usize, accepted);
    done(&store, Write::InsertSession(session(9999))).await;
}

#[tokio::test]
async fn a_store_that_is_dropped_finishes_what_is_queued() {
    let directory = Directory::new();
    let store = directory.open();
    for number in 0..1000 {
        drop(ask(&store, Write::InsertSession(session(number))));
    }
    drop(store);
    assert_eq!(count(&directory).await, 1000);
}

#[tokio::test]
async fn reads_see_what_is_committed_and_wait_for_nobody() {
    let directory = Directory::new();
    let store = directory.open();
    done(&store, Write::InsertSession(session(1))).await;
    let mut other = directory.connect();
    let transaction = lock(&mut other);
    transaction.execute("UPDATE session SET generation = 5", []).expect("written");
    assert_eq!(generation(&store, session(1).sid).await, 0);
    transaction.commit().expect("committed");
    assert_eq!(generation(&store, session(1).sid).await, 5);
}

#[tokio::test]
async fn ten_thousand_rotations_leave_one_row() {
    let directory = Directory::new();
    let store = directory.open();
    done(&store, Write::InsertSession(session(1))).await;
    let sid = session(1).sid;
    let mut before = None;
    for batch in 0..100 {
        let asked: Vec<_> = (0..100).map(|step| ask(&store, rotate(sid, batch * 100 + step))).collect();
        for (answer, at_once) in asked {
            let answer = match at_once {
                Some(answer) => answer,
                None => answer.await,
            };
            assert_eq!(answer.expect("available"), Applied::Done);
        }
        if batch == 0 {
            before = Some(pages(&directory));
        }
    }
    assert_eq!(generation(&store, sid).await, 10_000);
    assert_eq!(count(&directory).await, 1);
    assert_eq!(Some(pages(&directory)), before, "the database grew with the rotations");
}

fn pages(directory: &Directory) -> u32 {
    directory.connect().query_row("PRAGMA page_count", [], |row| row.get(0)).expect("counted")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_stores_on_one_file_never_win_the_same_rotation() {
    let directory = Directory::new();
    let stores = [directory.open(), directory.open()];
    done(&stores[0], Write::InsertSession(session(1))).await;
    let race = async |store: &SqliteStore| {
        let mut won = 0;
        for generation in 0..300 {
            let applied = store.apply([rotate(session(1).sid, generation)].into()).await.expect("available");
            won += u32::from(applied == Applied::Done);
            // Whoever lost follows: the other store's rotation is seen here.
            assert!(scratch::generation(store, session(1).sid).await > generation);
        }
        won
    };
    let (first, second) = tokio::join!(race(&stores[0]), race(&stores[1]));
    assert_eq!(first + second, 300, "{first} + {second}");
    assert_eq!(generation(&stores[1], session(1).sid).await, 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_writes_seldom_is_not_starved_by_one_that_writes_always() {
    let directory = Directory::new();
    let (busy, seldom) = (std::sync::Arc::new(directory.open()), directory.open());
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut writers = Vec::new();
    for number in 0..64 {
        let (busy, stop) = (std::sync::Arc::clone(&busy), std::sync::Arc::clone(&stop));
        writers.push(tokio::spawn(async move {
            done(&busy, Write::InsertSession(session(number))).await;
            let mut generation = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                done(&busy, rotate(session(number).sid, generation)).await;
                generation += 1;
            }
        }));
    }
    for number in 1000..1100 {
        done(&seldom, Write::InsertSession(session(number))).await;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("every rotation was done");
    }
    assert_eq!(count(&directory).await, 164);
}
