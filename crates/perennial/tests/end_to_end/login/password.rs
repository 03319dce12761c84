//! A new password: this session and its tabs notice nothing, and everything else that stood on the old one ends.

use perennial_testkit::{Browser, Server};
use serde_json::json;

use super::challenged;
use crate::BINARY;

const NEW: &str = "copper-Lantern4-drifts-slowly";

async fn change(browser: &Browser, current: &str, new: &str) -> perennial_testkit::Answer {
    browser.post("/password/change", Some(&json!({ "current_password": current, "new_password": new }))).await
}

#[tokio::test]
async fn f50_a_new_password_ends_every_other_session_and_fails_no_request_of_this_one() {
    let server = Server::start(BINARY);
    let account = server.demo().clone();
    let [mut here, mut elsewhere] = [server.logged_in().await, server.logged_in().await];
    let other_tab = here.copy();

    let answer = change(&here, &account.password, NEW).await;
    assert_eq!((answer.status, answer.field("status")), (200, json!("authenticated")), "{}", answer.text);
    here.keep(&answer);
    for tab in [&here, &other_tab] {
        assert_eq!(tab.get("/auth/session").await.field("status"), "authenticated");
        assert_eq!(tab.get("/auth/sessions").await.status, 200);
        assert_eq!(tab.refresh().await.status, 200);
    }
    let ended = elsewhere.refresh_and_keep().await;
    assert_eq!((ended.code(), ended.field("reason")), ("session_ended".into(), json!("password_changed")));

    let mail = server.mails_to(&account.email, 1).await.remove(0);
    assert!(mail.subject.contains("was changed") && mail.code.is_none(), "{}", mail.subject);
    assert_eq!(server.time_travel().audited("password_set"), 1);
    let mut anew = server.browser();
    assert_eq!(anew.log_in(&account.email, &account.password).await.code(), "invalid_credentials");
    assert_eq!(anew.log_in(&account.email, NEW).await.status, 200);
}

#[tokio::test]
async fn a_wrong_or_weak_password_changes_nothing() {
    let server = Server::start(BINARY);
    let account = server.demo().clone();
    let here = server.logged_in().await;
    assert_eq!(change(&here, "not-the-Password-7", NEW).await.code(), "invalid_credentials");
    assert_eq!(change(&here, &account.password, "short").await.code(), "invalid_request");
    assert_eq!(change(&server.browser(), &account.password, NEW).await.code(), "csrf_failed");
    assert_eq!(server.time_travel().audited("password_set"), 0);
    let mut anew = server.browser();
    assert_eq!(anew.log_in(&account.email, &account.password).await.status, 200);
}

#[tokio::test]
async fn the_current_password_cannot_be_guessed_from_an_open_session() {
    let server = Server::start(BINARY);
    let here = server.logged_in().await;
    let mut codes = Vec::new();
    for guess in 0..30 {
        codes.push(change(&here, &format!("guess-{guess}-Quartz9"), NEW).await.code());
    }
    assert_eq!(codes.last().map(String::as_str), Some("too_many_attempts"), "{codes:?}");
    assert_eq!(here.refresh().await.status, 200, "the session itself is untouched");
}

#[tokio::test]
async fn a_login_that_was_begun_with_the_old_password_ends_with_it() {
    let server = Server::start(BINARY);
    let account = server.with_second_factor().clone();
    let half_way = challenged(&server, &account).await;
    let mut here = challenged(&server, &account).await;
    let code = perennial_testkit::code_at(account.totp_secret.as_deref().expect("a second factor"), 0);
    let body = json!({ "code": code });
    assert_eq!(here.post_and_keep("/mfa/verify", Some(&body)).await.status, 200);
    assert_eq!(change(&here, &account.password, NEW).await.status, 200);
    assert_eq!(half_way.get("/auth/session").await.field("status"), "unauthenticated");
}

#[tokio::test]
async fn the_page_changes_the_password_without_scripts() {
    let server = Server::start(BINARY);
    let account = server.demo().clone();
    let mut here = server.logged_in().await;
    let elsewhere = server.logged_in().await;
    assert!(here.open("/account").await.text.contains("href=\"/account/password\""));

    let page = here.open("/account/password").await;
    let form = page.form("/account/password").with("new_password", NEW);
    let refused = here.submit(&form.clone().with("current_password", "not-the-Password-7")).await;
    assert!(refused.text.contains("The current password is not right."), "{}", refused.text);
    assert!(!refused.text.contains(NEW), "what was typed is not shown again");

    let done = here.submit_and_follow(&form.with("current_password", &account.password)).await;
    assert!(done.text.contains("Your password was changed."), "{}", done.text);
    assert_eq!(elsewhere.refresh().await.field("reason"), "password_changed");
}
