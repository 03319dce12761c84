//! New keys for all nodes at once, under running traffic.

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};

use perennial_testkit::{Browser, Nodes, Setup, decode_base64url};
use serde_json::Value;

use crate::{
    BINARY,
    storm::{Balancer, Storm},
};

/// The keys that a node publishes.
async fn published(nodes: &Nodes, number: usize) -> BTreeSet<String> {
    let answer = nodes.browser(number).get("/.well-known/jwks.json").await;
    let keys = answer.json()["keys"].as_array().expect("a JWK Set").clone();
    keys.iter().map(|key| key["kid"].as_str().expect("every key has a name").to_owned()).collect()
}

/// The key that signed the access token in a jar.
fn kid(browser: &Browser) -> String {
    let token = browser.jar.find("accesstoken").expect("the jar holds an access token").1;
    let header = token.split('.').next().and_then(decode_base64url).expect("a JWT begins with its header");
    let header: Value = serde_json::from_slice(&header).expect("the header is JSON");
    header["kid"].as_str().expect("every token names its key").to_owned()
}

async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(20), "it took too long until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Publishes the next keys and watches them come into use: every node knows a key before any node signs with it.
async fn next_key_is_known_everywhere_before_it_signs(nodes: &Nodes, witness: &mut Browser, number: u16) {
    let (name, lead, began) = (format!("es256-{number}"), Duration::from_secs(5), Instant::now());
    nodes.printed(&["keys", "rotate", "--kind", "all", "--after", "5s"]);
    for node in 0..nodes.count() {
        eventually("every node publishes the new key", async || published(nodes, node).await.contains(&name)).await;
    }
    witness.refresh_and_keep().await;
    // On a machine that stood still for so long, the new key may sign by now.
    assert!(kid(witness) != name || began.elapsed() >= lead, "the new key signs before everybody can know it");
    for node in 0..nodes.count() {
        let mut here = witness.at(&nodes.node(node).url);
        eventually("every node signs with the new key", async || {
            let answer = here.refresh_and_keep().await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            kid(&here) == name
        })
        .await;
        *witness = here;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f44_two_rotations_of_every_key_on_two_nodes_under_load_fail_no_request() {
    let nodes = Nodes::start(BINARY, 2, Setup::always_rotating());
    let mut witness = nodes.issue("witness", 1).remove(0);
    let resting = nodes.issue("resting", 1).remove(0);
    let storm = Storm::start(nodes.issue("busy", 30), Balancer::over(nodes.urls()), Duration::from_millis(40));
    for number in [2, 3] {
        next_key_is_known_everywhere_before_it_signs(&nodes, &mut witness, number).await;
        // What the former keys made is good at every node.
        for url in nodes.urls() {
            let standing = resting.at(&url).get("/auth/session").await;
            assert_eq!(standing.field("status"), "authenticated", "{}", standing.text);
        }
    }
    // Everybody comes by once more.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (browsers, tally) = storm.end().await;
    eprintln!("2 rotations: {} refreshed", tally.refreshed);
    assert!(tally.refused.is_empty(), "{:?}", tally.refused);
    assert_eq!((tally.unanswered, tally.unavailable), (0, 0));
    assert!(browsers.iter().all(|browser| kid(browser) == "es256-3"));
    assert_eq!(resting.at(&nodes.node(1).url).refresh().await.status, 200);
    let listed = nodes.printed(&["keys", "list"]);
    assert_eq!(listed.lines().filter(|line| line.ends_with("in use")).count(), 3, "{listed}");
    assert_eq!(nodes.number("SELECT count(*) FROM sealed_key"), 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f45_public_keys_are_kept_for_less_time_than_a_new_one_is_published_before_it_signs() {
    let nodes = Nodes::start(BINARY, 2, Setup::always_rotating());
    let default_lead = 600;
    for number in 0..nodes.count() {
        let answer = nodes.browser(number).get("/.well-known/jwks.json").await;
        let control = answer.header("cache-control").expect("verifiers are told how long they may keep it");
        let age = control.split(", ").find_map(|part| part.strip_prefix("max-age="));
        let age: u32 = age.and_then(|age| age.parse().ok()).expect("a number of seconds");
        assert!(control.contains("public") && age > 0 && age < default_lead, "{control}");
    }
    assert!(nodes.printed(&["keys", "rotate"]).contains("signing key 2: published now, in use in 10m"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_master_key_costs_no_request_and_the_former_one_opens_nothing_any_more() {
    let nodes = Nodes::start(BINARY, 1, Setup::always_rotating());
    let mut browser = nodes.issue("resealed", 1).remove(0);
    let next = nodes.scratch().join("next");
    fs::copy(nodes.scratch().join("master"), &next).expect("a copy keeps the mode");
    fs::write(&next, format!("{}A=\n", "B".repeat(42))).expect("another key of 32 bytes");
    let next = next.to_str().expect("a path of ours");

    assert!(nodes.printed(&["keys", "reseal", "--to", next]).starts_with("3 keys are sealed under "));
    // Longer than the pause between two looks at the keys.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(browser.refresh_and_keep().await.status, 200, "a running node goes on");
    assert!(nodes.node(0).log().contains("the keys could not be read again"), "{}", nodes.node(0).log());

    let listed = nodes.command(&["keys", "list"]);
    assert!(String::from_utf8_lossy(&listed.stderr).contains("holds another master key"), "{listed:?}");
    let mut nodes = nodes;
    nodes.add(&[("PERENNIAL__KEYS__MASTER_FILE", next)]);
    let mut elsewhere = browser.at(&nodes.node(1).url);
    assert_eq!(elsewhere.refresh_and_keep().await.status, 200, "the keys are the same as before");
    assert_eq!(published(&nodes, 0).await, published(&nodes, 1).await);
}
