//! A database that goes away and comes back: what the store says meanwhile, and what is there afterwards.

mod samples;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use perennial_store::{Applied, Change, Store, StoreError, Write};
use perennial_store_postgres::{Options, PostgresStore};
use perennial_testkit::Cluster;
use samples::{NOW, done, for_each, generation, rotate, session};

/// What a call to a database that is away may take: 250 ms are promised, the rest is slack for a machine with
/// other things to do.
const SOON: Duration = Duration::from_millis(250 + 250);

async fn store(url: &str) -> Arc<PostgresStore> {
    Arc::new(PostgresStore::connect(url, Options::default()).await.expect("the database is there"))
}

/// Checks that each kind of call says soon that it cannot know.
async fn everything_is_unavailable(store: &PostgresStore) {
    let sid = session(1).sid;
    let touch = || Write::Touch { sid, at: NOW };
    let began = Instant::now();
    let took = async |name: &str, answer: Result<(), StoreError>| {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{name}: {answer:?}");
        assert!(began.elapsed() < SOON, "{name}: {:?}", began.elapsed());
    };
    tokio::join!(
        async { took("load", store.load_sessions(&[sid]).await.map(|_| ())).await },
        async { took("rotate", store.apply([rotate(sid, 0)].into()).await.map(|_| ())).await },
        async { took("change", store.apply([touch(), touch()].into()).await.map(|_| ())).await },
        async { took("sweep", store.sweep(NOW, 10).await.map(|_| ())).await },
        async { took("clock", store.database_now().await.map(|_| ())).await },
    );
}

/// Rotates until it is done; answers how long that took.
async fn rotate_again(store: &PostgresStore, number: u32) -> Duration {
    let (began, sid) = (Instant::now(), session(number).sid);
    loop {
        let from = match store.load_sessions(&[sid]).await {
            Ok(found) => found.first().expect("the session is there").rotation.generation.0,
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            }
        };
        if let Ok(Applied::Done) = store.apply([rotate(sid, from)].into()).await {
            return began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(20), "it does not go on");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_stopped_is_unavailable_at_once_and_goes_on_when_it_is_back() {
    let cluster = Cluster::own();
    let store = store(&cluster.database().keep()).await;
    done(&store, Write::InsertSession(session(1))).await;
    for _ in 0..2 {
        cluster.stop();
        for _ in 0..20 {
            everything_is_unavailable(&store).await;
        }
        cluster.start();
        let took = rotate_again(&store, 1).await;
        eprintln!("back after {took:?}");
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert_eq!(
            store.apply([(); 2].map(|()| Write::Touch { sid: session(1).sid, at: NOW }).into()).await.ok(),
            Some(Applied::Done)
        );
    }
    assert_eq!(generation(&store, session(1).sid).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_says_nothing_is_unavailable_soon_and_goes_on_when_it_speaks() {
    let cluster = Cluster::own();
    let store = store(&cluster.database().keep()).await;
    done(&store, Write::InsertSession(session(1))).await;
    // Once for a moment, and once for longer than a connection is waited for.
    for calls in [1, 25] {
        cluster.freeze();
        for _ in 0..calls {
            everything_is_unavailable(&store).await;
        }
        cluster.thaw();
        let took = rotate_again(&store, 1).await;
        eprintln!("back after {took:?}");
        assert!(took < Duration::from_secs(8), "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_an_administrator_ends_cost_no_load_and_come_back() {
    let cluster = Cluster::shared();
    let database = cluster.used_database(samples::CLEAN);
    let store = samples::patient_store(&database.url()).await;
    done(&store, Write::InsertSession(session(1))).await;
    for _ in 0..5 {
        database.sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        rotate_again(&store, 1).await;
    }
    assert!(generation(&store, session(1).sid).await >= 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_has_lost_nothing_that_was_acknowledged() {
    const SESSIONS: u32 = 16;
    let cluster = Cluster::own();
    let store = store(&cluster.database().keep()).await;
    let acknowledged: Arc<Vec<AtomicU32>> = Arc::new((0..SESSIONS).map(|_| AtomicU32::new(0)).collect());
    let insert = (0..SESSIONS).map(|number| Write::InsertSession(session(number))).collect();
    assert_eq!(store.apply(Change(insert)).await.expect("available"), Applied::Done);
    for round in 1..=3 {
        let stop = Arc::new(AtomicBool::new(false));
        let writers = for_each(0..SESSIONS, |number| {
            let (store, acknowledged, stop) = (Arc::clone(&store), Arc::clone(&acknowledged), Arc::clone(&stop));
            async move { rotate_until(&store, number, &acknowledged[number as usize], &stop).await }
        });
        let total = || acknowledged.iter().map(|count| count.load(Ordering::Relaxed)).sum::<u32>();
        let killer = async {
            while total() < 500 * round {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            cluster.kill();
            stop.store(true, Ordering::Relaxed);
        };
        tokio::join!(writers, killer);
        cluster.start();
        for number in 0..SESSIONS {
            rotate_again(&store, number).await;
            let (found, known) = (
                generation(&store, session(number).sid).await,
                acknowledged[number as usize].load(Ordering::Relaxed) + 1,
            );
            // One more rotation may have been written without its answer.
            assert!((known..=known + 1).contains(&found), "session {number}: {found} found, {known} known");
            acknowledged[number as usize].store(found, Ordering::Relaxed);
        }
        eprintln!("round {round}: {} rotations acknowledged", total());
    }
}

async fn rotate_until(store: &PostgresStore, number: u32, acknowledged: &AtomicU32, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let from = acknowledged.load(Ordering::Relaxed);
        match store.apply([rotate(session(number).sid, from)].into()).await {
            Ok(applied) => {
                assert_eq!(applied, Applied::Done, "session {number} from {from}");
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            // Nobody knows whether this one happened.
            Err(_) => return,
        }
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named_without_its_password() {
    let refused = PostgresStore::connect("postgres://me:secret@127.0.0.1:1/app", Options::default()).await;
    let said = refused.expect_err("nobody listens").to_string();
    assert!(said.contains("127.0.0.1:1/app") && !said.contains("secret"), "{said}");
}
