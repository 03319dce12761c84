//! The account page: devices, logging out here and everywhere, and what the next login page says about it.

use perennial_testkit::{Browser, Server};

use super::{assert_page, at_account, log_in};
use crate::BINARY;

#[tokio::test]
async fn another_device_is_ended_from_the_account_page() {
    let server = Server::start(BINARY);
    let (mut other, _) = at_account(&server).await;
    let (mut browser, _) = at_account(&server).await;
    let page = browser.open("/account").await;
    assert!(page.text.contains("End every session that you do not know."), "{}", page.text);
    assert_eq!(page.forms().iter().filter(|form| form.action == "/account/sessions/end").count(), 1);
    let place = |words: &str| page.text.find(words).expect("both devices are listed");
    assert!(place("This device") < place("/account/sessions/end"), "this device comes first");

    let form = page.form("/account/sessions/end");
    let page = browser.submit_and_follow(&form).await;
    assert_page(&page, "Demo");
    assert!(page.text.contains("That device has been signed out."), "{}", page.text);
    assert!(page.text.contains("You are signed in on this device only."), "{}", page.text);
    let page = other.open("/account").await;
    assert_page(&page, "Sign in");
    assert!(page.text.contains("Your session was ended."), "{}", page.text);
    assert_page(&browser.submit_and_follow(&form).await, "Demo");
}

#[tokio::test]
async fn a_device_is_ended_from_a_page_that_was_open_for_long() {
    let server = Server::start(BINARY);
    let (mut other, _) = at_account(&server).await;
    let (mut browser, page) = at_account(&server).await;
    server.time_travel().pass(3600);
    browser.lose_access_token();
    let page = browser.submit_and_follow(&page.form("/account/sessions/end")).await;
    assert!(page.text.contains("That device has been signed out."), "{}", page.text);
    assert_page(&other.open("/account").await, "Sign in");
    assert_eq!(browser.generation(), Some(1));
}

#[tokio::test]
async fn somebody_elses_device_cannot_be_ended() {
    let server = Server::start(BINARY);
    let (mut demo, _) = at_account(&server).await;
    let (mut other, _) = crate::login::registered(&server, "eve@example.com", crate::login::PASSWORD).await;
    let key = page_key(&demo);
    let page = other.open("/account").await;
    let mut form = page.form("/logout").with("session_key", &key);
    form.action = "/account/sessions/end".to_owned();
    let answer = other.submit(&form).await;
    assert_eq!((answer.status, answer.location()), (303, "/account"));
    assert_page(&demo.open("/account").await, "Demo");
}

fn page_key(browser: &Browser) -> String {
    let token = browser.jar.csrf().expect("a session has a token");
    token.split('.').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn logging_out_leads_to_the_login_page_that_says_so() {
    let server = Server::start(BINARY);
    let (mut browser, page) = at_account(&server).await;
    let before = browser.copy();
    let answer = browser.submit(&page.form("/logout")).await;
    assert_eq!((answer.status, answer.location()), (303, "/login"));
    assert_eq!(answer.header("clear-site-data"), Some("\"cache\""));
    let page = browser.follow(answer).await;
    assert_page(&page, "Sign in");
    assert!(page.text.contains("You have been signed out."), "{}", page.text);
    assert_page(&browser.open("/account").await, "Sign in");
    assert_eq!(before.refresh().await.code(), "session_ended");
    assert_page(&log_in(&mut browser, server.demo()).await, "Demo");
}

#[tokio::test]
async fn logging_out_everywhere_ends_every_session_of_the_person_and_of_nobody_else() {
    let server = Server::start(BINARY);
    let (mut first, _) = at_account(&server).await;
    let (mut stranger, _) = crate::login::registered(&server, "eve@example.com", crate::login::PASSWORD).await;
    let (mut second, page) = at_account(&server).await;
    assert_page(&second.submit_and_follow(&page.form("/logout-all")).await, "Sign in");
    for browser in [&mut first, &mut second] {
        assert_page(&browser.open("/account").await, "Sign in");
    }
    assert_page(&stranger.open("/account").await, "Ada Lovelace");
}

#[tokio::test]
async fn after_a_theft_the_login_page_tells_the_person() {
    let server = Server::start(BINARY);
    let (mut owner, _) = at_account(&server).await;
    let mut thief = owner.copy();
    for _ in 0..2 {
        server.time_travel().pass(900);
        thief.lose_access_token();
        assert_page(&thief.open("/account").await, "Demo");
    }
    server.time_travel().pass(900);
    owner.lose_access_token();
    let page = owner.open("/account").await;
    assert_page(&page, "Sign in");
    assert!(page.text.contains("We ended your session to protect you."), "{}", page.text);
    assert!(page.text.contains("message warning"), "{}", page.text);
    thief.lose_access_token();
    assert_page(&thief.open("/account").await, "Sign in");
    assert_eq!(server.time_travel().audited("reuse_detected"), 1);
    assert_page(&log_in(&mut owner, server.demo()).await, "Demo");
}

#[tokio::test]
async fn a_session_is_renewed_in_passing_and_ends_when_it_ends() {
    let server = Server::start(BINARY);
    let (mut browser, _) = at_account(&server).await;
    server.time_travel().pass(900);
    browser.lose_access_token();
    assert_page(&browser.open("/account").await, "Demo");
    assert_eq!(browser.generation(), Some(1));
    server.time_travel().pass(8 * 86_400);
    browser.lose_access_token();
    let page = browser.open("/account").await;
    assert_page(&page, "Sign in");
    assert!(page.text.contains("Your session has expired."), "{}", page.text);
}
