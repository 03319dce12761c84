//! The wire `simplejwt`: the access token in memory, one refresh token for the life of the session, renewed by
//! a bare POST.

use perennial_testkit::{Answer, Browser, Server, Setup};
use serde_json::{Value, json};

use super::{DAY, HOUR, assert_clear_refusal, claims, refresh_line};
use crate::{BINARY, login::PASSWORD};

fn server() -> Server {
    Server::start_with(BINARY, Setup::wire("simplejwt"))
}

/// POST as axios sends it: JSON where there is a body, else nothing but what the browser adds.
async fn post(browser: &mut Browser, path: &str, body: Option<&Value>) -> Answer {
    let path = format!("/api/accounts/auth/{path}");
    let answer = browser.send("POST", &path, &[("origin", &browser.url.clone())], body).await;
    browser.keep(&answer);
    answer
}

async fn log_in(server: &Server) -> Browser {
    let mut browser = server.browser();
    let body = json!({ "email": server.demo().email, "password": server.demo().password });
    let answer = post(&mut browser, "login/", Some(&body)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    browser
}

#[tokio::test]
async fn simplejwt_registers_logs_in_is_renewed_and_leaves() {
    let server = server();
    let mut browser = server.browser();
    let credentials = json!({ "email": "ada@example.com", "password": PASSWORD });
    assert_eq!(post(&mut browser, "register/", Some(&credentials)).await.status, 200);
    let code = server.code_of_mail("ada@example.com", 1).await;
    let verified = post(&mut browser, "verify-otp/", Some(&json!({ "code": code }))).await;
    assert!(verified.status == 200 && verified.access().is_some(), "{}", verified.text);
    assert_eq!(post(&mut browser, "logout/", None).await.status, 204);

    let login = post(&mut browser, "login/", Some(&credentials)).await;
    let access = login.access().expect("a login brings an access token");
    let token = browser.jar.refresh().expect("a refresh token").to_owned();
    let line = refresh_line(&login);
    let week = line.strip_prefix(&format!("refreshtoken={token}; HttpOnly; SameSite=Lax; Path=/; Max-Age="));
    assert!(week.is_some_and(|seconds| ["604800", "604799"].contains(&seconds)), "{line}");
    let lives = claims(&access)["exp"].as_i64().expect("seconds") - claims(&access)["iat"].as_i64().expect("seconds");
    assert!((HOUR * 9 / 10..=HOUR * 11 / 10).contains(&lives), "{lives}");
    assert_eq!(browser.get("/auth/sessions").await.status, 200, "the access token travels as a bearer");

    browser.access = None;
    let renewed = post(&mut browser, "token/refresh/", None).await;
    let access = renewed.access().expect("a refresh brings an access token");
    assert_eq!((renewed.status, renewed.text.as_str()), (200, format!("{{\"access\":\"{access}\"}}").as_str()));
    assert_eq!(renewed.header("content-type"), Some("application/json"));
    assert!(!renewed.sets("refreshtoken"), "the refresh token stays: {:?}", renewed.cookie_names());
}

#[tokio::test]
async fn simplejwt_one_refresh_token_serves_for_seven_days_and_not_for_longer() {
    let server = server();
    let mut browser = log_in(&server).await;
    let token = browser.jar.refresh().expect("a refresh token").to_owned();
    for _day in 0..6 {
        server.time_travel().pass(DAY);
        browser.access = None;
        assert_eq!(post(&mut browser, "token/refresh/", None).await.status, 200);
        assert_eq!(browser.jar.refresh(), Some(token.as_str()));
    }
    server.time_travel().pass(DAY);
    assert_clear_refusal(&post(&mut browser, "token/refresh/", None).await, 401, "session_ended");
}

#[tokio::test]
async fn simplejwt_logout_kills_the_refresh_token() {
    let server = server();
    let mut browser = log_in(&server).await;
    let mut copy = browser.copy();
    assert_eq!(post(&mut browser, "logout/", None).await.status, 204);
    assert_eq!(browser.jar.refresh(), None);
    let answer = post(&mut copy, "token/refresh/", None).await;
    assert_clear_refusal(&answer, 401, "session_ended");
    assert_eq!((answer.field("reason"), answer.access()), ("logout".into(), None));
}

#[tokio::test]
async fn simplejwt_a_dead_or_missing_refresh_cookie_is_a_clear_401_and_never_a_200() {
    let server = server();
    assert_clear_refusal(&post(&mut server.browser(), "token/refresh/", None).await, 401, "not_authenticated");
    let good = log_in(&server).await.jar.refresh().expect("a token").to_owned();
    let forged = good.replace(&good[good.len() - 6..], "AAAAAA");
    for (value, code) in [("", "invalid_token"), ("null", "invalid_token"), (&forged, "invalid_token")] {
        let mut browser = server.browser();
        browser.jar.set("refreshtoken", value);
        let answer = post(&mut browser, "token/refresh/", None).await;
        assert_clear_refusal(&answer, 401, code);
        assert_eq!(answer.access(), None);
    }
}

#[tokio::test]
async fn simplejwt_the_origin_alone_vouches_for_a_refresh() {
    let server = server();
    let browser = log_in(&server).await;
    let path = "/api/accounts/auth/token/refresh/";
    for headers in [&[][..], &[("origin", "https://evil.example")], &[("origin", "null")]] {
        assert_clear_refusal(&browser.send("POST", path, headers, None).await, 403, "csrf_failed");
    }
    let own = [("origin", browser.url.as_str())];
    let json = [own[0], ("content-type", "application/json")];
    for headers in [&own[..], &json] {
        assert_eq!(browser.send("POST", path, headers, None).await.status, 200, "{headers:?}");
    }
}

#[tokio::test]
async fn simplejwt_the_last_login_is_kept_and_a_refresh_is_none() {
    let server = server();
    let last_login = || server.time_travel().number("SELECT coalesce(max(last_login_at), 0) FROM account");
    assert_eq!(last_login(), 0);
    let mut browser = log_in(&server).await;
    let first = last_login();
    assert!(first > 0);
    post(&mut browser, "token/refresh/", None).await;
    assert_eq!(last_login(), first);
    log_in(&server).await;
    assert!(last_login() > first);
    let listed = server.command(&["user", "list"]).stdout;
    let listed = String::from_utf8(listed).expect("JSON lines");
    let demo = listed.lines().find(|line| line.contains(&server.demo().email)).expect("the account is listed");
    let seconds = serde_json::from_str::<Value>(demo).expect("JSON")["last_login_seconds_ago"].clone();
    assert!(seconds.as_i64().is_some_and(|seconds| (0..60).contains(&seconds)), "{demo}");
}
