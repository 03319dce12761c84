//! Nodes that are killed, replaced and restarted one after the other while people go on.

use std::time::Duration;

use perennial_testkit::{Browser, Nodes, Setup};

use super::suspicions;
use crate::{
    BINARY,
    storm::{Balancer, Storm},
};

const SESSIONS: usize = 100;

/// Every session refreshes at every node, and none of them was ended or suspected.
async fn assert_nothing_is_lost(nodes: &Nodes, browsers: Vec<Browser>) {
    for mut browser in browsers {
        for url in nodes.urls() {
            browser = browser.at(&url);
            let answer = browser.refresh_and_keep().await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert_eq!(browser.session_and_keep().await.field("status"), "authenticated");
        }
    }
    let sessions = i64::try_from(SESSIONS).expect("a small number");
    assert_eq!(nodes.number("SELECT count(*) FROM session"), sessions);
    assert_eq!(nodes.number("SELECT count(*) FROM session WHERE ended_at IS NULL"), sessions);
    assert_eq!(suspicions(nodes), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f40_kill_9_of_nodes_in_a_refresh_storm_loses_no_session() {
    let mut nodes = Nodes::start(BINARY, 2, Setup::always_rotating());
    let balancer = Balancer::over(nodes.urls());
    let storm = Storm::start(nodes.issue("storm", SESSIONS), balancer.clone(), Duration::ZERO);
    for kill in 0..6 {
        tokio::time::sleep(Duration::from_millis(300 + 71 * kill as u64)).await;
        nodes.node_mut(kill % 2).kill();
        tokio::time::sleep(Duration::from_millis(100)).await;
        nodes.replace(kill % 2);
        balancer.set(nodes.urls());
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (browsers, tally) = storm.end().await;
    eprintln!(
        "6 kills: {} refreshed, {} without an answer, {} unavailable",
        tally.refreshed, tally.unanswered, tally.unavailable
    );
    assert!(tally.refused.is_empty(), "{:?}", tally.refused);
    assert!(tally.unanswered > 0, "the kills came into the middle of requests");
    assert!(tally.refreshed > SESSIONS, "the storm went on between them");
    assert_nothing_is_lost(&nodes, browsers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f43_a_rolling_restart_under_load_fails_no_request() {
    let mut nodes = Nodes::start(BINARY, 2, Setup::always_rotating());
    let balancer = Balancer::over(nodes.urls());
    let storm = Storm::start(nodes.issue("storm", SESSIONS), balancer.clone(), Duration::from_millis(5));
    for round in 0..4 {
        let (goes, stays) = (round % 2, 1 - round % 2);
        tokio::time::sleep(Duration::from_millis(400)).await;
        // Whoever deploys takes a node out of the balancer first: on a connection that is kept open, a request
        // and its end may cross.
        balancer.set(vec![nodes.node(stays).url.clone()]);
        tokio::time::sleep(Duration::from_millis(200)).await;
        nodes.node(goes).terminate();
        assert_eq!(nodes.node_mut(goes).wait_for_end(), Some(0));
        nodes.replace(goes);
        balancer.set(nodes.urls());
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    let (browsers, tally) = storm.end().await;
    eprintln!(
        "4 restarts: {} refreshed, {} without an answer, {} unavailable",
        tally.refreshed, tally.unanswered, tally.unavailable
    );
    assert!(tally.refused.is_empty(), "{:?}", tally.refused);
    assert_eq!((tally.unanswered, tally.unavailable), (0, 0));
    assert!(tally.refreshed > SESSIONS, "the storm went on between them");
    assert_nothing_is_lost(&nodes, browsers).await;
}
