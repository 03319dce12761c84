//! Whose bearer it is: one of another login than the jar's acts for nobody, and tabs with tokens of their own
//! do not disturb each other.

use perennial_testkit::{Browser, Server};
use serde_json::json;

use super::{bearer, calls_for_a_person, from_page, minted};
use crate::BINARY;

/// A tab that still remembers the access token of a login which another tab has replaced since.
async fn stale_tab(server: &Server) -> Browser {
    let mut jar = server.logged_in().await;
    let former = jar.access.clone();
    let login = jar.log_in(&server.demo().email, &server.demo().password).await;
    assert_eq!(login.status, 200, "{}", login.text);
    jar.access = former;
    jar
}

#[tokio::test]
async fn f17_a_bearer_of_another_login_than_the_jars_acts_for_neither() {
    let server = Server::start_with(BINARY, bearer());
    let tab = stale_tab(&server).await;
    let time = server.time_travel();
    let rows = || time.text("SELECT group_concat(session_key || coalesce(ended_at, '') || generation) FROM session");
    let before = rows();
    let mut calls = calls_for_a_person().to_vec();
    calls.push(("POST", "/auth/token", None));
    for (method, path, body) in calls {
        let answer = from_page(&tab, method, path, body.as_ref()).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "identity_changed"), "{path}: {}", answer.text);
        assert!(answer.sets("csrftoken"), "{path}: {:?}", answer.cookie_names());
        assert_eq!(answer.field("csrf_token").as_str(), tab.jar.csrf(), "{path}");
    }
    assert_eq!(rows(), before);
}

#[tokio::test]
async fn f18_an_expired_bearer_still_says_whose_page_it_is() {
    let setup = bearer().with("tokens.access_ttl", "3s").with("tokens.jitter", "0");
    let server = Server::start_with(BINARY, setup);
    let mut tab = stale_tab(&server).await;
    tokio::time::sleep(std::time::Duration::from_millis(3100)).await;
    let answer = from_page(&tab, "POST", "/auth/token", None).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "identity_changed"), "{}", answer.text);

    let told = tab.session_and_keep().await;
    assert_eq!(told.field("has_refresh_token"), true, "{}", told.text);
    let settled = tab.post_and_keep("/session", None).await;
    minted(&settled);
    assert_eq!(settled.field("session_key"), told.field("session_key"));
    assert_eq!(from_page(&tab, "GET", "/auth/sessions", None).await.status, 200);
}

#[tokio::test]
async fn login_and_logout_ask_no_bearer_whose_it_is() {
    let server = Server::start_with(BINARY, bearer());
    let mut tab = stale_tab(&server).await;
    let former = tab.access.clone();
    let body = json!({ "email": server.demo().email, "password": server.demo().password });
    let answer = tab.post_and_keep("/login", Some(&body)).await;
    minted(&answer);
    tab.access = former;
    assert_eq!(from_page(&tab, "POST", "/auth/logout", None).await.status, 204);
    assert_eq!(server.time_travel().number("SELECT count(*) FROM session WHERE ended_at IS NULL"), 0);
}

#[tokio::test]
async fn a_bearer_of_a_session_that_is_over_is_refused_at_once() {
    let server = Server::start_with(BINARY, bearer());
    let mut browser = server.logged_in().await;
    let mut thief = server.browser();
    thief.access = browser.access.clone();
    assert_eq!(from_page(&thief, "GET", "/auth/sessions", None).await.status, 200, "an access token stands alone");
    assert_eq!(browser.log_out().await.status, 204);
    for page in [&browser, &thief] {
        let answer = from_page(page, "GET", "/auth/sessions", None).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "session_ended"), "{}", answer.text);
        assert_eq!(answer.field("reason"), "logout");
    }
}

#[tokio::test]
async fn tabs_with_access_tokens_of_their_own_leave_the_hint_to_the_newest() {
    let server = Server::start_with(BINARY, bearer());
    let mut first = server.logged_in().await;
    let mut second = first.copy();
    minted(&second.refresh_and_keep().await);
    first.jar = second.jar.clone();
    let newest = first.jar.get("auth_hint").expect("a hint").to_owned();
    for tab in [&mut first, &mut second] {
        let answer = tab.session_and_keep().await;
        assert_eq!(answer.field("status"), "authenticated", "{}", answer.text);
        assert!(!answer.sets("auth_hint") && !answer.sets("csrftoken"), "{:?}", answer.cookie_names());
    }
    for odd in ["", "ended.logout", "authenticated.kq3kq3kq3kq3kq3k.abcd"] {
        first.jar.set("auth_hint", odd);
        let answer = first.session_and_keep().await;
        assert!(answer.sets("auth_hint"), "{odd}: {:?}", answer.cookie_names());
        assert_eq!(first.jar.get("auth_hint").map(|hint| hint.len()), Some(newest.len()));
    }
}
