//! How writes travel: which share a commit, who waits for whom, and what is refused.

mod samples;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use perennial_store::{Applied, Change, Store, StoreError, Write};
use perennial_testkit::Cluster;
use samples::{done, for_each, generation, patient_store, rotate, session, shared};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotations_that_wait_together_share_round_trips() {
    const CALLERS: u32 = 64;
    let cluster = Cluster::shared();
    let database = cluster.used_database(samples::CLEAN);
    let store = shared(patient_store(&database.tcp_url()).await);
    let insert = (0..CALLERS).map(|number| Write::InsertSession(session(number))).collect();
    assert_eq!(store.apply(Change(insert)).await.expect("available"), Applied::Done);
    let (mut one, mut all) = (Vec::new(), Vec::new());
    for round in 0..20 {
        let began = Instant::now();
        done(&store, rotate(session(0).sid, 2 * round)).await;
        one.push(began.elapsed());
        let began = Instant::now();
        for_each(0..CALLERS, |number| {
            let store = Arc::clone(&store);
            let from = if number == 0 { 2 * round + 1 } else { round };
            async move { done(&store, rotate(session(number).sid, from)).await }
        })
        .await;
        all.push(began.elapsed());
    }
    one.sort();
    all.sort();
    let ratio = all[10].as_secs_f64() / one[10].as_secs_f64();
    eprintln!("one rotation {:?}, {CALLERS} at once {:?}: as long as {ratio:.1} in a row", one[10], all[10]);
    assert!(ratio < f64::from(CALLERS) / 2.0, "{CALLERS} rotations take as long as {ratio:.1} in a row");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_rotations_leave_a_row_for_each_session() {
    const SESSIONS: u32 = 16;
    let cluster = Cluster::shared();
    let database = cluster.used_database(samples::CLEAN);
    let store = shared(patient_store(&database.url()).await);
    for_each(0..SESSIONS, |number| {
        let store = Arc::clone(&store);
        async move {
            done(&store, Write::InsertSession(session(number))).await;
            for from in 0..10_000 / SESSIONS {
                done(&store, rotate(session(number).sid, from)).await;
            }
        }
    })
    .await;
    assert_eq!(generation(&store, session(0).sid).await, 10_000 / SESSIONS);
    assert_eq!(database.sql("SELECT count(*) FROM perennial.session"), "16");
    // What the versions in between leave behind is the database's to tidy up, when it gets to it.
    let pages = database.sql("SELECT pg_relation_size('perennial.session') / 8192");
    eprintln!("{pages} pages after 10,000 rotations");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_to_one_row_happen_in_the_order_in_which_they_were_asked_for() {
    let cluster = Cluster::shared();
    let database = cluster.used_database(samples::CLEAN);
    let store = patient_store(&database.url()).await;
    done(&store, Write::InsertSession(session(1))).await;
    for batch in 0..12 {
        let asked = (0..100).map(|step| store.apply([rotate(session(1).sid, batch * 100 + step)].into()));
        for applied in join_all(asked).await {
            assert_eq!(applied.expect("available"), Applied::Done);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_write_harms_none_that_share_its_commit() {
    let cluster = Cluster::shared();
    let database = cluster.used_database(samples::CLEAN);
    let store = shared(patient_store(&database.url()).await);
    for_each(0..400, |number| {
        let store = Arc::clone(&store);
        async move { done(&store, Write::InsertSession(session(number))).await }
    })
    .await;
    for_each(0..400, |number| {
        let store = Arc::clone(&store);
        async move {
            let applied = store.apply([rotate(session(number).sid, number % 2)].into()).await.expect("available");
            assert_eq!(applied, if number % 2 == 0 { Applied::Done } else { Applied::Stale });
        }
    })
    .await;
    assert_eq!(database.sql("SELECT count(*) FROM perennial.session WHERE generation = 1"), "200");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_the_database_refuses_harms_none_that_share_its_commit() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    let store = shared(patient_store(&database.url()).await);
    // The rule stands in for a row that the schema refuses.
    database.sql("ALTER TABLE perennial.session ADD CHECK (sid <> '\\x00000007000000000000000000000000')");
    for_each(0..200, |number| {
        let store = Arc::clone(&store);
        async move {
            match store.apply([Write::InsertSession(session(number))].into()).await {
                Ok(applied) => assert_eq!((applied, number == 7), (Applied::Done, false)),
                Err(error) => assert_eq!(number, 7, "{error}"),
            }
        }
    })
    .await;
    assert_eq!(database.sql("SELECT count(*) FROM perennial.session"), "199");
}

/// A row that somebody else holds, such as an administrator in the middle of a transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_held_makes_only_its_own_writes_unavailable() {
    let cluster = Cluster::shared();
    let database = cluster.used_database(samples::CLEAN);
    let store = shared(patient_store(&database.url()).await);
    for number in 0..40 {
        done(&store, Write::InsertSession(session(number))).await;
    }
    let (name, sid) = (database.name().to_owned(), "'\\x00000003000000000000000000000000'");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let hold = format!(
                "BEGIN; SELECT 1 FROM perennial.session WHERE sid = {sid} FOR UPDATE; SELECT pg_sleep(4); COMMIT"
            );
            cluster.sql(&name, &hold)
        });
        tokio::task::block_in_place(|| {
            let held =
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(4)%' AND wait_event = 'PgSleep'";
            while cluster.sql("postgres", held) == "0" {
                std::thread::yield_now();
            }
            tokio::runtime::Handle::current().block_on(for_each(0..40, |number| {
                let store = Arc::clone(&store);
                async move {
                    match store.apply([rotate(session(number).sid, 0)].into()).await {
                        Ok(applied) => assert_eq!((applied, number == 3), (Applied::Done, false)),
                        Err(error) => assert_eq!(number, 3, "{error}"),
                    }
                }
            }));
        });
    });
    assert_eq!(generation(&store, session(3).sid).await, 0);
    done(&store, rotate(session(3).sid, 0)).await;
}

#[tokio::test]
async fn a_text_with_nul_is_refused_before_anything_is_written() {
    let cluster = Cluster::shared();
    let database = cluster.used_database(samples::CLEAN);
    let store = patient_store(&database.url()).await;
    let mut with_nul = session(2);
    with_nul.device = "Fire\0fox".into();
    let change = [Write::InsertSession(session(1)), Write::InsertSession(with_nul)];
    let refused = store.apply(change.into()).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    assert_eq!(database.sql("SELECT count(*) FROM perennial.session"), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_dropped_leaves_no_connection() {
    let cluster = Cluster::shared();
    let database = cluster.used_database(samples::CLEAN);
    let store = patient_store(&database.url()).await;
    done(&store, Write::InsertSession(session(1))).await;
    let touch = || Write::Touch { sid: session(1).sid, at: samples::NOW };
    assert_eq!(store.apply([touch(), touch()].into()).await.expect("available"), Applied::Done);
    drop(store);
    let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let began = Instant::now();
    while database.sql(count) != "0" {
        assert!(began.elapsed() < Duration::from_secs(5), "connections stay open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
