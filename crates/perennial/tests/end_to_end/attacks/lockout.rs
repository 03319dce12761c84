//! Lockout as a weapon: guessing at someone's password must not keep that person out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use perennial_testkit::{Browser, Server, Setup};
use serde_json::{Value, json};

use crate::{BINARY, login::assert_refused};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f54_the_owner_comes_in_on_a_known_browser_while_others_guess_without_end() {
    let server = Server::start(BINARY);
    let session = server.logged_in().await;
    let mut known = server.logged_in().await;
    known.log_out().await;
    let email = server.demo().email.clone();

    let stop = Arc::new(AtomicBool::new(false));
    let attackers: Vec<_> =
        (0..8).map(|number| tokio::spawn(guess(server.browser(), email.clone(), number, Arc::clone(&stop)))).collect();
    let mut stranger = server.browser();
    while stranger.log_in(&email, "wrong").await.status != 429 {}
    assert_refused(&stranger.log_in(&email, &server.demo().password).await, 429, "too_many_attempts");

    for _ in 0..3 {
        let started = Instant::now();
        let answer = known.log_in(&email, &server.demo().password).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
    server.time_travel().execute("UPDATE session SET delivered_at = delivered_at - 900000");
    assert_eq!(session.refresh().await.status, 200);
    assert_eq!(session.get("/auth/session").await.field("status"), "authenticated");
    stop.store(true, Ordering::Relaxed);
    let mut tries = 0;
    for attacker in attackers {
        tries += attacker.await.expect("the attacker ends");
    }
    assert!(tries > 50, "{tries} tries are no attack");
}

/// Fails logins for one person, each from another forged address, until told to stop; answers how many.
async fn guess(mut browser: Browser, email: String, seed: usize, stop: Arc<AtomicBool>) -> usize {
    browser.session_and_keep().await;
    let mut tries = 0;
    while !stop.load(Ordering::Relaxed) {
        tries += 1;
        let address = format!("198.51.{seed}.{}", tries % 250);
        let body = json!({ "email": email, "password": format!("guess {tries}") });
        let answer = log_in_from(&browser, &address, &body).await;
        assert!(matches!(answer, 401 | 429 | 503), "{answer}");
    }
    tries
}

async fn log_in_from(browser: &Browser, address: &str, body: &Value) -> u16 {
    let csrf = browser.jar.csrf().unwrap_or_default();
    let forwarded = format!("for={address}");
    let headers = [
        ("origin", browser.url.as_str()),
        ("x-csrftoken", csrf),
        ("x-forwarded-for", address),
        ("x-real-ip", address),
        ("forwarded", &forwarded),
        ("cf-connecting-ip", address),
    ];
    browser.send("POST", "/auth/login", &headers, Some(body)).await.status
}

#[tokio::test]
async fn f54_a_forged_address_changes_nothing() {
    let setup = Setup::default().with("limits.login_failures_per_address", "12");
    let server = Server::start_with(BINARY, setup);
    let mut browser = server.browser();
    browser.session_and_keep().await;
    let mut statuses = Vec::new();
    for number in 0..15 {
        let body = json!({ "email": format!("nobody-{number}@example.com"), "password": "wrong" });
        statuses.push(log_in_from(&browser, &format!("203.0.113.{number}"), &body).await);
    }
    assert_eq!(statuses[..12], [401; 12]);
    assert_eq!(statuses[12..], [429; 3]);
}

#[tokio::test]
async fn f54_an_address_that_may_not_try_any_more_locks_nobody() {
    let setup = Setup::default()
        .with("server.trusted_proxies", "[\"127.0.0.1/32\"]")
        .with("limits.login_failures_per_address", "5");
    let server = Server::start_with(BINARY, setup);
    let mut browser = server.browser();
    browser.session_and_keep().await;
    for number in 0..5 {
        let body = json!({ "email": format!("nobody-{number}@example.com"), "password": "wrong" });
        assert_eq!(log_in_from(&browser, "203.0.113.1", &body).await, 401);
    }
    let wrong = json!({ "email": server.demo().email, "password": "wrong" });
    for _ in 0..20 {
        assert_eq!(log_in_from(&browser, "203.0.113.1", &wrong).await, 429);
    }
    let right = json!({ "email": server.demo().email, "password": server.demo().password });
    assert_eq!(log_in_from(&browser, "203.0.113.2", &right).await, 200);
}

#[tokio::test]
async fn f54_failures_on_a_known_browser_are_counted_by_themselves() {
    let server = Server::start(BINARY);
    let email = server.demo().email.clone();
    let mut known = server.logged_in().await;
    known.log_out().await;
    for _ in 0..10 {
        assert_refused(&known.log_in(&email, "wrong").await, 401, "invalid_credentials");
    }
    assert_refused(&known.log_in(&email, &server.demo().password).await, 429, "too_many_attempts");
    // Elsewhere nobody guessed.
    server.logged_in().await;
}

#[tokio::test]
async fn a_right_password_ends_the_count_of_wrong_ones() {
    let server = Server::start(BINARY);
    let email = server.demo().email.clone();
    for _ in 0..3 {
        for _ in 0..9 {
            assert_refused(&server.browser().log_in(&email, "wrong").await, 401, "invalid_credentials");
        }
        server.logged_in().await;
    }
}
