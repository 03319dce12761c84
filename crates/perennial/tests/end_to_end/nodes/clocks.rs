//! Nodes whose machines disagree about the time: sessions go by the database's clock.

use std::fs;

use perennial_testkit::{Nodes, Setup};

use super::{EXPIRY, at_once, logged_in, suspicions};
use crate::BINARY;

/// What gives a process another clock, from Debian's package `faketime`.
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// Adds a node whose machine's clock is off by what the answered file says, also later on.
fn add_node_off_by(nodes: &mut Nodes, offset: &str) -> std::path::PathBuf {
    assert!(fs::exists(LIBRARY).expect("a path"), "`cargo xtask setup` installs faketime");
    let file = nodes.scratch().join(format!("offset-{offset}"));
    fs::write(&file, offset).expect("written");
    let path = file.to_str().expect("a path of ours");
    nodes.add(&[
        ("LD_PRELOAD", LIBRARY),
        ("FAKETIME_TIMESTAMP_FILE", path),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ]);
    file
}

async fn skew(nodes: &Nodes, number: usize) -> f64 {
    let mut admin = nodes.browser(number);
    admin.url.clone_from(&nodes.node(number).admin_url);
    let metrics = admin.get("/metrics").await.text;
    let line = metrics.lines().find_map(|line| line.strip_prefix("perennial_clock_skew_seconds "));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{metrics}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f46_nodes_whose_clocks_are_off_by_45_seconds_and_jump_accept_each_others_tokens() {
    let mut nodes = Nodes::start(BINARY, 1, Setup::default());
    let ahead = add_node_off_by(&mut nodes, "+45");
    add_node_off_by(&mut nodes, "-45");
    for (number, expected) in [(0, 0.0), (1, 45.0), (2, -45.0)] {
        let skew = skew(&nodes, number).await;
        assert!((skew - expected).abs() < 2.0, "node {number} is off by {skew} s");
        let warned = nodes.node(number).log().contains("set this one right");
        assert_eq!(warned, expected != 0.0, "{}", nodes.node(number).log());
    }

    let mut browser = logged_in(&nodes).await;
    for round in 1..=6 {
        let issuer = round % 3;
        if round == 4 {
            fs::write(&ahead, "-30").expect("the machine's clock is set back");
        }
        nodes.pass(EXPIRY);
        browser = browser.at(&nodes.node(issuer).url);
        assert_eq!(browser.refresh_and_keep().await.status, 200);
        for url in nodes.urls() {
            let standing = browser.at(&url).get("/auth/session").await;
            assert_eq!(
                standing.field("status"),
                "authenticated",
                "issued by {issuer}, read at {url}: {}",
                standing.text
            );
            let left = standing.field("expires_in").as_i64().expect("a number of seconds");
            assert!((800..=1000).contains(&left), "issued by {issuer}, read at {url}: {left} s");
        }
        for answer in at_once(&nodes, &browser, 12, "/token").await {
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        assert_eq!(browser.generation(), u32::try_from(round).ok(), "no node takes another one's cooldown for over");
    }
    assert_eq!(nodes.number("SELECT generation FROM session"), 6);
    assert_eq!(suspicions(&nodes), 0);
}
