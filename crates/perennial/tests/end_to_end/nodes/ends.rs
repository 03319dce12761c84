//! What one node ended is over at every node, whatever the database can say about it.

use std::time::{Duration, Instant};

use perennial_testkit::{Browser, Nodes, Setup};
use serde_json::json;

use crate::BINARY;

/// The promise: an end is known to every node in less than this.
const KNOWN_WITHIN: Duration = Duration::from_secs(2);

/// How soon a node finds its database again that is back, and tells it what it has lost.
const TOLD_WITHIN: Duration = Duration::from_secs(15);

/// Logs out at the first node, as soon as it has its database. The jars stay as they are, as a thief's would.
async fn log_out(nodes: &Nodes, browsers: &[Browser]) {
    let began = Instant::now();
    for browser in browsers {
        loop {
            let answer = browser.at(&nodes.node(0).url).log_out().await;
            if answer.status == 204 {
                break;
            }
            assert_eq!(answer.code(), "auth_unavailable", "{}", answer.text);
            assert!(began.elapsed() < TOLD_WITHIN, "the database is not found again");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f50_what_one_node_ended_every_node_refuses_at_once_and_without_its_database_within_two_seconds() {
    let nodes = Nodes::start_apart(BINARY, 2, Setup::default());
    let browsers = nodes.issue("person", 12);
    let (over, alive) = browsers.split_at(6);
    log_out(&nodes, over).await;
    for browser in over {
        let answer = browser.at(&nodes.node(1).url).refresh().await;
        assert_eq!((answer.code(), answer.field("reason")), ("session_ended".into(), json!("logout")));
    }

    log_out(&nodes, &alive[..1]).await;
    tokio::time::sleep(KNOWN_WITHIN).await;
    nodes.cluster().freeze();
    for node in 0..nodes.count() {
        let standing = async |browser: &Browser| browser.at(&nodes.node(node).url).get("/auth/session").await;
        for browser in over.iter().chain(&alive[..1]) {
            let standing = standing(browser).await;
            assert_eq!(standing.field("status"), "unauthenticated", "at node {node}: {}", standing.text);
            assert_eq!(standing.field("ended_reason"), "logout");
        }
        for browser in &alive[1..] {
            assert_eq!(standing(browser).await.field("status"), "authenticated", "at node {node}");
        }
    }
    nodes.cluster().thaw();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f50_a_database_that_was_restored_to_before_a_logout_learns_it_again() {
    let nodes = Nodes::start_apart(BINARY, 2, Setup::default());
    let browsers = nodes.issue("person", 4);
    nodes.cluster().keep_copy();
    log_out(&nodes, &browsers[..2]).await;
    tokio::time::sleep(KNOWN_WITHIN).await;
    nodes.cluster().go_back_to_copy();

    let began = Instant::now();
    for (turn, browser) in browsers.iter().enumerate() {
        let elsewhere = browser.at(&nodes.node(turn % nodes.count()).url);
        loop {
            let answer = elsewhere.refresh().await;
            match answer.code().as_str() {
                "auth_unavailable" => assert!(began.elapsed() < TOLD_WITHIN, "the database is not found again"),
                code if turn < 2 => {
                    break assert_eq!((code, answer.field("reason")), ("session_ended", json!("logout")));
                }
                _ => break assert_eq!(answer.status, 200, "{}", answer.text),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    while nodes.number("SELECT count(*) FROM session WHERE end_reason = 'logout'") < 2 {
        assert!(began.elapsed() < TOLD_WITHIN, "the database is not told what it has lost");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    eprintln!("the database had both ends again after {:?}", began.elapsed());
    assert!(nodes.audited("end_restored") >= 2);
    assert_eq!(nodes.number("SELECT count(*) FROM session WHERE ended_at IS NOT NULL"), 2);
}
