//! A database that stops, stands still, or comes back as it was before: nobody is logged out.

use std::time::{Duration, Instant};

use perennial_testkit::{Browser, Cluster, Nodes, Setup};
use serde_json::json;

use super::{EXPIRY, suspicions};
use crate::BINARY;

/// 250 ms are promised, the rest is slack for a machine with other things to do.
const UNAVAILABLE_WITHIN: Duration = Duration::from_millis(250 + 250);

/// How soon a node finds its database again that is back.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// What every node does while the database cannot be asked.
async fn everybody_is_spared(nodes: &Nodes, browsers: &[Browser]) {
    let (mut slowest, mut quickest_visit) = (Duration::ZERO, Duration::MAX);
    for (turn, browser) in browsers.iter().enumerate() {
        let browser = browser.at(&nodes.node(turn % nodes.count()).url);
        let began = Instant::now();
        let answer = browser.refresh().await;
        slowest = slowest.max(began.elapsed());
        assert_eq!((answer.status, answer.code().as_str()), (503, "auth_unavailable"), "{}", answer.text);
        assert!(answer.header("retry-after").is_some_and(|value| value.parse::<u32>().is_ok()), "{:?}", answer.headers);
        assert_eq!(answer.set_cookie, Vec::<String>::new());
        // A good access token needs no store.
        let standing = browser.get("/auth/session").await;
        assert_eq!((standing.status, standing.field("status")), (200, json!("authenticated")), "{}", standing.text);
        // A visitor asks nothing of the store, and waits for nothing.
        let mut visitor = nodes.browser(turn % nodes.count());
        let began = Instant::now();
        assert_eq!(visitor.session_and_keep().await.field("status"), "unauthenticated");
        quickest_visit = quickest_visit.min(began.elapsed());
    }
    eprintln!("the slowest refusal took {slowest:?}");
    assert!(slowest < UNAVAILABLE_WITHIN, "{slowest:?}");
    assert!(quickest_visit < Duration::from_millis(100), "less than it takes to find out: {quickest_visit:?}");
}

/// Every node serves every session again.
async fn everybody_goes_on(nodes: &Nodes, browsers: &mut [Browser]) {
    let began = Instant::now();
    for (turn, browser) in browsers.iter_mut().enumerate() {
        let mut elsewhere = browser.at(&nodes.node(turn % nodes.count()).url);
        loop {
            let answer = elsewhere.refresh_and_keep().await;
            if answer.status == 200 {
                break;
            }
            assert_eq!(answer.code(), "auth_unavailable", "{}", answer.text);
            assert_eq!(answer.set_cookie, Vec::<String>::new());
            assert!(began.elapsed() < BACK_WITHIN, "the database is not found again");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        *browser = elsewhere;
    }
    eprintln!("all of them go on after {:?}", began.elapsed());
    assert_eq!(nodes.number("SELECT count(*) FROM session WHERE ended_at IS NOT NULL"), 0);
}

async fn check_outage(begin: fn(&Cluster), end: fn(&Cluster)) {
    let nodes = Nodes::start_apart(BINARY, 2, Setup::always_rotating());
    let mut browsers = nodes.issue("spared", 20);
    everybody_goes_on(&nodes, &mut browsers).await;
    for _ in 0..2 {
        begin(nodes.cluster());
        everybody_is_spared(&nodes, &browsers).await;
        end(nodes.cluster());
        everybody_goes_on(&nodes, &mut browsers).await;
    }
    assert_eq!(suspicions(&nodes), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f12_while_the_database_is_stopped_nobody_is_logged_out_and_afterwards_all_go_on() {
    check_outage(Cluster::stop, Cluster::start).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f12_while_the_database_stands_still_nobody_is_logged_out_and_afterwards_all_go_on() {
    check_outage(Cluster::freeze, Cluster::thaw).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f12_a_database_that_was_killed_has_lost_nothing_that_was_answered() {
    let nodes = Nodes::start_apart(BINARY, 2, Setup::always_rotating());
    let mut browsers = nodes.issue("spared", 20);
    for _ in 0..3 {
        everybody_goes_on(&nodes, &mut browsers).await;
        nodes.cluster().kill();
        everybody_is_spared(&nodes, &browsers[..4]).await;
        nodes.cluster().start();
    }
    everybody_goes_on(&nodes, &mut browsers).await;
    assert_eq!(suspicions(&nodes), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f12_a_database_that_was_restored_to_an_older_state_goes_forward_and_nobody_is_logged_out() {
    let nodes = Nodes::start_apart(BINARY, 2, Setup::default());
    let mut browsers = nodes.issue("ahead", 6);
    nodes.cluster().keep_copy();
    everybody_goes_on(&nodes, &mut browsers).await;
    for _ in 0..2 {
        nodes.pass(EXPIRY);
        everybody_goes_on(&nodes, &mut browsers).await;
    }
    assert!(browsers.iter().all(|browser| browser.generation() == Some(2)));

    nodes.cluster().go_back_to_copy();
    assert_eq!(nodes.number("SELECT max(generation) FROM session"), 0, "the database knows nothing of it");
    everybody_goes_on(&nodes, &mut browsers).await;
    assert_eq!(nodes.audited("store_behind"), 6);
    assert_eq!(nodes.number("SELECT min(generation) FROM session"), 2, "it went forward to what the jars hold");
    for browser in &mut browsers {
        assert_eq!(browser.session_and_keep().await.field("status"), "authenticated");
    }
    nodes.pass(EXPIRY);
    everybody_goes_on(&nodes, &mut browsers).await;
    assert!(browsers.iter().all(|browser| browser.generation() == Some(3)));
    assert_eq!(suspicions(&nodes), 6, "nothing but the six that were ahead");
}
