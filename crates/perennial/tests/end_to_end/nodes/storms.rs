//! Many refreshes at once, over all nodes.

use std::{collections::BTreeSet, time::Duration};

use perennial_testkit::{Answer, Browser, Nodes, Setup};

use super::{EXPIRY, at_once, logged_in, suspicions};
use crate::{
    BINARY,
    storm::{Balancer, Storm},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_fifty_parallel_refreshes_over_two_nodes_are_all_answered_and_make_one_generation() {
    let nodes = Nodes::start(BINARY, 2, Setup::default());
    let browser = logged_in(&nodes).await;
    nodes.pass(EXPIRY);

    let mut tokens = BTreeSet::new();
    for answer in at_once(&nodes, &browser, 50, "/token").await {
        assert_eq!(answer.status, 200, "{}", answer.text);
        let mut tab = browser.copy();
        tab.keep(&answer);
        assert_eq!(tab.generation(), Some(1));
        assert_eq!(tab.jar.csrf(), browser.jar.csrf());
        tokens.insert(tab.jar.refresh().expect("a refresh token").to_owned());
    }
    assert_eq!(tokens.len(), 50, "every answer has a branch of its own");
    assert_eq!(nodes.number("SELECT generation FROM session"), 1);
    assert_eq!(nodes.number("SELECT count(*) FROM session"), 1);
    assert_eq!(suspicions(&nodes), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f13_a_hundred_requests_over_four_nodes_without_stickiness_make_one_rotation_and_none_fails() {
    let nodes = Nodes::start(BINARY, 4, Setup::default());
    let mut browser = logged_in(&nodes).await;
    for generation in 1..=3 {
        nodes.pass(EXPIRY);
        browser.lose_access_token();
        let (refreshed, resumed) = tokio::join!(
            at_once(&nodes, &browser, 50, "/token"), //
            at_once(&nodes, &browser, 50, "/session")
        );
        for answer in refreshed.into_iter().chain(resumed) {
            assert_eq!(answer.status, 200, "{}", answer.text);
            browser.keep(&answer);
        }
        assert_eq!(browser.generation(), Some(generation));
        assert_eq!(nodes.number("SELECT generation FROM session"), i64::from(generation));
        assert_eq!(browser.session_and_keep().await.field("status"), "authenticated");
    }
    assert_eq!(suspicions(&nodes), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f42_what_one_node_wrote_the_other_reads_at_once() {
    const LOGINS: u32 = 100;
    let nodes = Nodes::start(BINARY, 2, Setup::always_rotating());
    let account = nodes.add_account("ada@example.com");
    for number in 0..LOGINS {
        let here = number as usize % 2;
        let there = nodes.node(1 - here).url.clone();
        let mut browser = nodes.browser(here);
        assert_eq!(browser.log_in(&account.email, &account.password).await.status, 200, "login {number}");
        let mut elsewhere = browser.at(&there);
        assert_eq!(elsewhere.session_and_keep().await.field("status"), "authenticated", "login {number}");
        let refreshed = elsewhere.refresh_and_keep().await;
        assert!(refreshed.status == 200 && refreshed.hands_out_refresh(), "login {number}: {}", refreshed.text);
        let mut back = elsewhere.at(&browser.url);
        assert_eq!(back.refresh_and_keep().await.status, 200, "login {number}");
        assert_eq!(back.generation(), Some(2), "login {number}");
    }
    assert_eq!(nodes.number("SELECT count(*) FROM session WHERE ended_at IS NOT NULL"), 0);
    assert_eq!(suspicions(&nodes), 0);
}

/// How many refreshes of one session are under way at the same time.
const CROWD: usize = 1000;

/// What the refreshes of other sessions took, beside and without a crowd.
async fn others_beside(
    nodes: &Nodes,
    browsers: Vec<Browser>,
    name: &str,
    crowd: impl Future<Output = ()>,
) -> Vec<Browser> {
    let storm = Storm::start(browsers, Balancer::over(nodes.urls()), Duration::from_millis(20));
    crowd.await;
    let (browsers, mut tally) = storm.end().await;
    tally.took.sort();
    let p99 = tally.took[(tally.took.len() - 1) * 99 / 100];
    eprintln!("others {name}: {} refreshed, {} unavailable, p99 {p99:?}", tally.refreshed, tally.unavailable);
    assert!(tally.refused.is_empty(), "{:?}", tally.refused);
    assert_eq!(tally.unanswered, 0);
    browsers
}

/// A client that is told to wait comes back, as the SDK does.
async fn refreshed_at_last(tab: Browser) -> (Answer, u32) {
    let mut waits = 0;
    loop {
        let answer = tab.refresh().await;
        if answer.status != 503 || waits == 20 {
            return (answer, waits);
        }
        waits += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f41_a_thousand_refreshes_of_one_session_at_once_all_succeed_and_so_do_those_of_others() {
    let nodes = Nodes::start(BINARY, 2, Setup::default());
    let hot = logged_in(&nodes).await;
    let others = nodes.issue("others", 20);
    nodes.pass(EXPIRY);
    let quiet = tokio::time::sleep(Duration::from_secs(2));
    let others = others_beside(&nodes, others, "alone", quiet).await;
    let crowd = async {
        let tabs = (0..CROWD).map(|turn| refreshed_at_last(hot.at(&nodes.node(turn % 2).url)));
        let tabs: Vec<_> = tabs.map(tokio::spawn).collect();
        let mut waits = 0;
        for tab in tabs {
            let (answer, waited) = tab.await.expect("a tab");
            assert_eq!(answer.status, 200, "{}", answer.text);
            waits += waited;
        }
        eprintln!("{CROWD} refreshes of one session: {waits} were told to wait");
    };
    others_beside(&nodes, others, "beside the crowd", crowd).await;
    assert_eq!(nodes.number("SELECT generation FROM session WHERE subject <> 'others'"), 1);
    assert_eq!(nodes.number("SELECT count(*) FROM session"), 21);
    assert_eq!(suspicions(&nodes), 0);
}
