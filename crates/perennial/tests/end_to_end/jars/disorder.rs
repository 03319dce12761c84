//! Answers that reach the jar in another order than they were given, or after the login they belong to.

use std::time::{Duration, Instant};

use perennial_testkit::{Answer, Browser, Dice, Server};
use serde_json::{Value, json};

use crate::BINARY;

const EXPIRY: i64 = 1000;

#[tokio::test]
async fn f04_no_refusal_touches_the_cookies_of_the_live_session() {
    let server = Server::start(BINARY);
    let browser = server.logged_in().await;
    let time = server.time_travel();
    time.pass(EXPIRY);
    let (name, token) =
        browser.jar.find("refreshtoken").map(|(name, token)| (name.to_owned(), token.to_owned())).expect("one");

    let mut forger = browser.copy();
    forger.jar.set(&name, &format!("{}{}", &token[..token.len() - 1], if token.ends_with('A') { 'B' } else { 'A' }));
    check_refusal(&forger.refresh().await, 401, "invalid_token", &[]);
    forger.jar.set(&name, "garbage");
    check_refusal(&forger.refresh().await, 401, "invalid_token", &[]);

    let origin = ("origin", browser.url.as_str());
    check_refusal(
        &browser.send("POST", "/auth/token", &[origin], None).await,
        403,
        "csrf_failed",
        &["auth_hint", "csrftoken"],
    );
    let wrong = [origin, ("x-csrftoken", "garbage")];
    check_refusal(
        &browser.send("POST", "/auth/token", &wrong, None).await,
        403,
        "csrf_failed",
        &["auth_hint", "csrftoken"],
    );

    // Somebody else holds the store's only pen.
    time.execute("BEGIN IMMEDIATE");
    let started = Instant::now();
    let unavailable = browser.refresh().await;
    let waited = started.elapsed();
    let mut tired = browser.copy();
    tired.lose_access_token();
    let resumed = tired.post("/session", None).await;
    time.execute("ROLLBACK");
    check_refusal(&unavailable, 503, "auth_unavailable", &[]);
    check_refusal(&resumed, 503, "auth_unavailable", &[]);
    assert!(unavailable.header("retry-after").is_some());
    assert!(waited < Duration::from_secs(2), "{waited:?}");

    let mut held = browser.copy();
    let mut page = browser.copy();
    assert_eq!(page.refresh_and_keep().await.status, 200);
    time.pass(121);
    page.session_and_keep().await;
    held.lose_access_token();
    let mark = name.replace("refreshtoken", "stale");
    check_refusal(&held.refresh().await, 401, "stale_token", &[&mark]);
    check_refusal(&held.post_and_keep("/session", None).await, 401, "stale_token", &[&mark]);
    assert_eq!(page.refresh_and_keep().await.status, 200);
}

#[tokio::test]
async fn f04_winners_and_losers_in_any_of_a_thousand_orders_leave_the_next_token() {
    let server = Server::start(BINARY);
    let browser = server.logged_in().await;
    server.time_travel().pass(EXPIRY);
    let mut tired = browser.copy();
    tired.lose_access_token();

    let mut answers = Vec::new();
    for tab in [&browser, &tired] {
        for call in ["/token", "/session", "/token"] {
            answers.push(tab.post(call, None).await);
        }
        answers.push(tab.get("/auth/session").await);
        answers.push(tab.send("POST", "/auth/token", &[("origin", &tab.url), ("x-csrftoken", "stale")], None).await);
    }
    let mut renewed = browser.copy();
    renewed.keep(&answers[0]);
    // Within the cooldown there is only an access token, and a reader sets nothing at all.
    answers.push(renewed.refresh().await);
    answers.push(renewed.get("/auth/session").await);
    let mut forger = browser.copy();
    forger.jar.set(forger.jar.find("refreshtoken").expect("a token").0.to_owned().as_str(), "garbage");
    answers.push(forger.refresh().await);

    let mut dice = Dice::new(4);
    for run in 0..1000 {
        dice.shuffle(&mut answers);
        let mut jar = browser.copy();
        for answer in &answers {
            jar.keep(answer);
        }
        assert_eq!(jar.generation(), Some(1), "run {run}");
        assert_eq!(jar.jar.csrf(), browser.jar.csrf(), "run {run}");
        assert!(jar.jar.find("accesstoken-").is_some(), "run {run}");
        if run % 50 == 0 {
            assert_eq!(jar.session_and_keep().await.field("status"), "authenticated", "run {run}");
            assert_eq!(jar.refresh_and_keep().await.status, 200, "run {run}");
        }
    }
}

#[tokio::test]
async fn f09_an_older_answer_that_comes_last_is_healed_by_the_next_request() {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    let time = server.time_travel();
    time.pass(EXPIRY);
    let older = browser.refresh_and_keep().await;
    time.pass(EXPIRY);
    let newer = browser.refresh_and_keep().await;
    assert_eq!((older.status, newer.status, browser.generation()), (200, 200, Some(2)));

    for delay in [0, 25, 600, 3600] {
        time.pass(delay);
        // A middlebox delivers the answer of the generation before once more.
        browser.keep(&older);
        assert_eq!(browser.generation(), Some(1));
        assert_eq!(browser.session_and_keep().await.field("has_refresh_token"), true, "after {delay} s");
        let healed = browser.refresh_and_keep().await;
        assert_eq!(healed.status, 200, "after {delay} s: {}", healed.text);
        assert_eq!(browser.generation(), Some(2), "after {delay} s");
    }
    assert_eq!(time.audited("reuse_detected") + time.audited("stale_refused"), 0);
}

#[tokio::test]
async fn f09_late_answers_of_a_former_login_never_bring_the_former_person_back() {
    let server = Server::start(BINARY);
    let setup = server.command(&["user", "add", "second@perennial.test", "--name", "Second"]);
    assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
    let account: Value = serde_json::from_slice(&setup.stdout).expect("JSON");
    let second = (account["email"].as_str().expect("a text"), account["password"].as_str().expect("a text"));
    let mut dice = Dice::new(9);

    let former = server.logged_in().await;
    server.time_travel().pass(EXPIRY);
    let mut late = Vec::new();
    for call in ["/token", "/session", "/token"] {
        late.push(former.post(call, None).await);
    }
    let mut former = former;
    former.session_and_keep().await;
    let csrf_of_former = former.jar.csrf().expect("a token").to_owned();
    let mut page = former.copy();
    let login = page.post_and_keep("/login", Some(&json!({ "email": second.0, "password": second.1 }))).await;
    assert_eq!(login.status, 200, "{}", login.text);
    let key = login.field("session_key");

    for run in 0..300 {
        let mut order: Vec<&Answer> = late.iter().chain([&login]).collect();
        dice.shuffle(&mut order);
        let mut jar = former.copy();
        for answer in order {
            jar.keep(answer);
        }
        if run % 3 == 0 {
            jar.lose_access_token();
        }
        if run % 2 == 0 {
            check_read(&mut jar, &key, second.0, run % 3 == 0).await;
        } else {
            check_act(&mut jar, &csrf_of_former, &key).await;
        }
        let after = jar.post_and_keep("/session", None).await;
        assert_eq!(
            (after.field("status"), after.field("session_key")),
            ("authenticated".into(), key.clone()),
            "run {run}"
        );
        assert_eq!(after.field("user")["email"], second.0, "run {run}");
        assert_crossed_nowhere(&jar, &key);
    }
    assert_eq!(server.time_travel().audited("reuse_detected"), 0);
}

#[tokio::test]
async fn f21_a_logout_wins_against_every_refresh_that_is_under_way() {
    let server = Server::start(BINARY);
    let browsers = server.issue("person", 250);
    let time = server.time_travel();
    time.pass(EXPIRY);
    let mut dice = Dice::new(21);
    let mut renewed = 0;
    for (round, browser) in browsers.into_iter().enumerate() {
        let mut calls = ["/token", "/logout", "/session", "/token"];
        dice.shuffle(&mut calls);
        let mut tired = browser.copy();
        tired.lose_access_token();
        let mut under_way = Vec::new();
        for call in calls {
            let tab = tired.copy();
            under_way.push(tokio::spawn(async move { tab.post(call, None).await }));
            tokio::time::sleep(Duration::from_micros(dice.number() % 900)).await;
        }
        let mut answers = Vec::new();
        for request in under_way {
            answers.push(request.await.expect("a tab"));
        }
        assert!(answers.iter().any(|answer| answer.status == 204), "round {round}");
        renewed += answers.iter().filter(|answer| answer.hands_out_refresh()).count();

        for _ in 0..4 {
            dice.shuffle(&mut answers);
            let mut jar = browser.copy();
            for answer in &answers {
                jar.keep(answer);
            }
            let call = *dice.pick(&["GET", "POST"]);
            check_anonymous(jar, call, round).await;
        }
    }
    assert!(renewed > 50, "only {renewed} refreshes were faster than their logout");
    assert_eq!(time.number("SELECT count(*) FROM session WHERE ended_at IS NULL"), 0);
    assert_eq!(time.audited("reuse_detected"), 0);
}

async fn check_anonymous(mut jar: Browser, method: &str, round: usize) {
    let headers = [("origin", jar.url.as_str())];
    let next = jar.send(method, "/auth/session", &headers, None).await;
    jar.keep(&next);
    assert_eq!((next.status, next.field("status")), (200, "unauthenticated".into()), "round {round}: {}", next.text);
    assert_eq!((next.field("is_authenticated"), next.field("has_refresh_token")), (false.into(), false.into()));
    assert_eq!((jar.jar.refresh(), jar.jar.find("accesstoken")), (None, None), "round {round}");
    assert!(jar.jar.csrf().is_some_and(|csrf| csrf.starts_with("anon.")), "round {round}");
    assert!(!jar.jar.get("auth_hint").is_some_and(|hint| hint.starts_with("authenticated")), "round {round}");
}

fn check_refusal(answer: &Answer, status: u16, code: &str, cookies: &[&str]) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text);
    let allowed = answer.cookie_names().iter().all(|name| cookies.contains(name) && !answer.clears(name));
    assert!(allowed, "{code}: {:?}", answer.set_cookie);
}

/// A read of the session is the next request.
async fn check_read(jar: &mut Browser, key: &Value, email: &str, renewable: bool) {
    let answer = jar.session_and_keep().await;
    assert_eq!((answer.status, &answer.field("session_key")), (200, key), "{}", answer.text);
    assert_eq!(answer.field("has_refresh_token"), true);
    assert_eq!(answer.field("is_authenticated"), !renewable);
    assert!(renewable || answer.field("user")["email"] == email, "{}", answer.text);
    assert_crossed_nowhere(jar, key);
}

/// A page of the former login acts: it fails closed and hears what fits.
async fn check_act(jar: &mut Browser, former_csrf: &str, key: &Value) {
    let headers = [("origin", jar.url.as_str()), ("x-csrftoken", former_csrf)];
    let answer = jar.send("POST", "/auth/token", &headers, None).await;
    jar.keep(&answer);
    assert_eq!((answer.status, answer.code().as_str()), (409, "identity_changed"), "{}", answer.text);
    assert_crossed_nowhere(jar, key);
}

/// Token and hint speak of no other session than this one.
fn assert_crossed_nowhere(jar: &Browser, key: &Value) {
    let key = key.as_str().expect("a key");
    assert!(jar.jar.csrf().is_some_and(|csrf| csrf.starts_with(key)), "{:?}", jar.jar.csrf());
    let hint = jar.jar.get("auth_hint").unwrap_or_default();
    assert!(hint.is_empty() || hint.contains(key), "{hint}");
}
