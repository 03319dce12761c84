//! The wire `rotating-bearer`: short access tokens in memory, a refresh token that rotates within thirty days
//! which begin with the login.

use perennial_testkit::{Answer, Browser, Server, Setup};
use serde_json::json;

use super::{DAY, assert_clear_refusal, claims, refresh_line};
use crate::BINARY;

const COOLDOWN: i64 = 20;

async fn log_in() -> (Server, Browser, Answer) {
    let server = Server::start_with(BINARY, Setup::wire("rotating-bearer"));
    let mut browser = server.browser();
    let body = json!({ "email": server.demo().email, "password": server.demo().password });
    let answer = browser.send("POST", "/auth/login", &[("origin", &browser.url.clone())], Some(&body)).await;
    browser.keep(&answer);
    (server, browser, answer)
}

/// A refresh as this frontend sends it: nothing but cookies and what the browser adds.
async fn refresh(browser: &Browser) -> Answer {
    browser.send("POST", "/auth/token", &[("origin", &browser.url)], None).await
}

#[tokio::test]
async fn rotating_bearer_the_refresh_answer_carries_the_access_token_and_the_user() {
    let (server, mut browser, login) = log_in().await;
    browser.access = None;
    for answer in [login, refresh(&browser).await] {
        let access = answer.access().unwrap_or_else(|| panic!("no access token: {}", answer.text));
        let claims = claims(&access);
        let lives = claims["exp"].as_i64().expect("seconds") - claims["iat"].as_i64().expect("seconds");
        assert!((810..=990).contains(&lives), "{lives}");
        assert_eq!(answer.field("user")["email"], server.demo().email.as_str());
        assert_eq!(answer.field("user")["id"], claims["sub"]);
        assert!((answer.field("expires_in").as_i64().expect("seconds") - lives).abs() <= 1);
    }
}

#[tokio::test]
async fn rotating_bearer_thirty_days_begin_with_the_login_and_are_never_prolonged() {
    let (server, mut browser, login) = log_in().await;
    let max_age = |answer: &Answer| {
        let line = refresh_line(answer);
        let (_, seconds) = line.split_once("Max-Age=").expect("every cookie says how long it lives");
        seconds.parse::<i64>().expect("seconds")
    };
    assert!((30 * DAY - 2..=30 * DAY).contains(&max_age(&login)));
    for day in 1..30 {
        server.time_travel().pass(DAY);
        let answer = refresh(&browser).await;
        assert_eq!(answer.status, 200, "day {day}: {}", answer.text);
        let left = (30 - day) * DAY;
        assert!((left - 60..=left).contains(&max_age(&answer)), "day {day}: {}", max_age(&answer));
        browser.keep(&answer);
    }
    server.time_travel().pass(DAY);
    assert_clear_refusal(&refresh(&browser).await, 401, "session_ended");
}

#[tokio::test]
async fn rotating_bearer_only_the_last_generation_is_good_once_it_has_settled() {
    let (server, mut browser, _) = log_in().await;
    let time = server.time_travel();
    let answer = refresh(&browser).await;
    assert!(!answer.hands_out_refresh() && answer.access().is_some(), "within the cooldown: {}", answer.text);

    time.pass(COOLDOWN);
    let former = browser.copy();
    browser.keep(&refresh(&browser).await);
    assert_eq!(browser.generation(), Some(1));
    time.pass(COOLDOWN);
    let late = refresh(&former).await;
    assert!(late.hands_out_refresh(), "a lost answer is given again: {}", late.text);
    browser.keep(&late);
    time.pass(COOLDOWN);
    let settled = browser.copy();
    browser.keep(&refresh(&browser).await);
    assert_eq!(browser.generation(), Some(2));
    assert_clear_refusal(&refresh(&former).await, 401, "stale_token");
    time.pass(COOLDOWN);
    assert_eq!(refresh(&browser).await.status, 200);
    assert_clear_refusal(&refresh(&settled).await, 401, "stale_token");
    assert_eq!(refresh(&browser).await.status, 200, "nobody is logged out by it");
}
