//! Looking for accounts: what a login says, and how long it takes to say it, never tells who has one.

use std::time::Instant;

use perennial_testkit::{Browser, Server, Setup};

use super::looks;
use crate::{
    BINARY,
    login::{PASSWORD, ask_for_account, assert_refused, registered},
};

#[tokio::test]
async fn f56_unknown_wrong_disabled_and_unverified_look_the_same() {
    let server = Server::start(BINARY);
    registered(&server, "disabled@example.com", PASSWORD).await;
    assert!(server.command(&["user", "disable", "disabled@example.com"]).status.success());
    ask_for_account(&mut server.browser(), "unverified@example.com", PASSWORD).await;

    let unknown = server.browser().log_in("unknown@example.com", PASSWORD).await;
    assert_refused(&unknown, 401, "invalid_credentials");
    let table = [
        (server.demo().email.as_str(), "wrong"),
        ("disabled@example.com", PASSWORD),
        ("disabled@example.com", "wrong"),
        ("unverified@example.com", PASSWORD),
        ("no address at all", PASSWORD),
        ("", ""),
    ];
    for (email, password) in table {
        assert_eq!(looks(&server.browser().log_in(email, password).await), looks(&unknown), "{email} {password}");
    }
}

#[tokio::test]
async fn f56_a_locked_account_and_a_locked_nobody_look_the_same() {
    let server = Server::start(BINARY);
    let (demo, password) = (server.demo().email.clone(), server.demo().password.clone());
    for _ in 0..10 {
        for email in [demo.as_str(), "unknown@example.com"] {
            assert_refused(&server.browser().log_in(email, "wrong").await, 401, "invalid_credentials");
        }
    }
    let known = server.browser().log_in(&demo, &password).await;
    let unknown = server.browser().log_in("unknown@example.com", &password).await;
    assert_refused(&known, 429, "too_many_attempts");
    assert_eq!(looks(&known), looks(&unknown));
}

const SAMPLES: usize = 40;

#[tokio::test]
async fn f56_unknown_wrong_and_disabled_take_as_long() {
    let setup = Setup::default()
        .with("limits.login_failures_per_account", "100000")
        .with("limits.login_failures_per_address", "100000");
    let server = Server::start_with(BINARY, setup);
    registered(&server, "disabled@example.com", PASSWORD).await;
    assert!(server.command(&["user", "disable", "disabled@example.com"]).status.success());
    let cases =
        [("unknown@example.com", "wrong"), (server.demo().email.as_str(), "wrong"), ("disabled@example.com", PASSWORD)];

    let mut browser = server.browser();
    let mut times: [Vec<f64>; 3] = Default::default();
    for round in 0..SAMPLES {
        for place in 0..cases.len() {
            // Each case comes first, second and third as often as the others.
            let case = (place + round) % cases.len();
            times[case].push(millis_of(&mut browser, cases[case]).await);
        }
    }
    times.iter_mut().for_each(|samples| samples.sort_by(f64::total_cmp));
    // What other work delays is delayed by chance; the quickest fifth was delayed least.
    let quick = times.each_ref().map(|samples| samples[SAMPLES / 5]);
    let medians = times.each_ref().map(|samples| samples[SAMPLES / 2]);
    eprintln!("quickest fifth {quick:.2?} ms, medians {medians:.2?} ms");
    // Other tests run beside this one. An answer without a hash would be faster by nearly all of its time.
    let (fastest, slowest) = quick.iter().fold((f64::MAX, 0.0_f64), |(low, high), one| (low.min(*one), high.max(*one)));
    assert!(fastest * 2.0 > slowest, "{quick:.2?} ms");
}

#[tokio::test]
async fn f56_unknown_wrong_and_disabled_cost_one_hash_each() {
    let server = Server::start(BINARY);
    registered(&server, "disabled@example.com", PASSWORD).await;
    assert!(server.command(&["user", "disable", "disabled@example.com"]).status.success());
    let mut browser = server.browser();
    for (email, password) in
        [("unknown@example.com", "wrong"), (server.demo().email.as_str(), "wrong"), ("disabled@example.com", PASSWORD)]
    {
        let before = hashes(&server).await;
        assert_refused(&browser.log_in(email, password).await, 401, "invalid_credentials");
        assert_eq!(hashes(&server).await, before + 1, "{email}");
    }
}

/// How many passwords the server has hashed or compared.
async fn hashes(server: &Server) -> u64 {
    let metrics = Browser::new(&server.admin_url).get("/metrics").await.text;
    let line = metrics.lines().find_map(|line| line.strip_prefix("perennial_hash_seconds_count "));
    line.map_or(0, |count| count.parse().expect("a number"))
}

async fn millis_of(browser: &mut Browser, (email, password): (&str, &str)) -> f64 {
    browser.session_and_keep().await;
    let body = serde_json::json!({ "email": email, "password": password });
    let started = Instant::now();
    let answer = browser.post("/login", Some(&body)).await;
    let elapsed = started.elapsed();
    assert_refused(&answer, 401, "invalid_credentials");
    elapsed.as_secs_f64() * 1000.0
}
