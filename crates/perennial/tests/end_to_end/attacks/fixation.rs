//! Fixation: what was planted before a login, or copied before it, is worth nothing after it.

use perennial_testkit::{Browser, Server};

use crate::{
    BINARY,
    login::{
        assert_authenticated, assert_refused, challenged, forget_used_steps, give_password, send_code, shown_code,
    },
};

fn session_key(browser: &Browser) -> String {
    let token = browser.jar.csrf().expect("a session has an anti-CSRF token");
    token.split('.').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn f58_cookies_that_were_planted_before_a_login_are_worth_nothing_after_it() {
    let server = Server::start(BINARY);
    let mut attacker = server.browser();
    attacker.session_and_keep().await;
    let planted_csrf = attacker.jar.csrf().expect("a visitor has a token").to_owned();
    let pending = challenged(&server, server.with_second_factor()).await;
    let own_session = challenged_to_the_end(&server).await;

    let mut victim = server.browser();
    victim.jar.set("csrftoken", &planted_csrf);
    victim.jar.set("mfa_verify", pending.jar.get("mfa_verify").expect("a step"));
    victim.jar.set("refreshtoken", own_session.jar.refresh().expect("a session"));
    victim.jar.set("accesstoken-aa", own_session.jar.find("accesstoken").expect("a session").1);
    let answer = victim.log_in(&server.demo().email, &server.demo().password).await;
    assert_authenticated(&answer, 1);
    assert_eq!(answer.field("user")["email"], server.demo().email);

    let names: Vec<&str> = victim.jar.names();
    let tokens = names.iter().filter(|name| name.starts_with("refreshtoken") || name.starts_with("accesstoken"));
    assert_eq!(tokens.count(), 2, "{names:?}");
    assert!(!names.contains(&"mfa_verify"), "{names:?}");
    assert_ne!(victim.jar.csrf(), Some(planted_csrf.as_str()));
    assert_refused(&own_session.refresh().await, 401, "session_ended");
    let forged = [("origin", victim.url.as_str()), ("x-csrftoken", planted_csrf.as_str())];
    assert_refused(&victim.send("POST", "/auth/token", &forged, None).await, 403, "csrf_failed");
    assert_refused(&victim.send("DELETE", "/auth/sessions/x", &forged, None).await, 403, "csrf_failed");
}

/// A session of the account with a second factor.
async fn challenged_to_the_end(server: &Server) -> Browser {
    let account = server.with_second_factor();
    let mut browser = challenged(server, account).await;
    assert_authenticated(&send_code(&mut browser, "/mfa/verify", &shown_code(account)).await, 2);
    forget_used_steps(server);
    browser
}

#[tokio::test]
async fn f58_every_login_begins_another_session_and_ends_the_one_it_found() {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    let (first, first_key) = (browser.copy(), session_key(&browser));
    assert_authenticated(&browser.log_in(&server.demo().email, &server.demo().password).await, 1);
    assert_ne!(session_key(&browser), first_key);
    assert_refused(&first.refresh().await, 401, "session_ended");
    assert_eq!(first.get("/auth/session").await.field("status"), "unauthenticated");
    let live = server.time_travel().number("SELECT count(*) FROM session WHERE ended_at IS NULL");
    assert_eq!(live, 1);
}

#[tokio::test]
async fn f58_the_session_changes_with_the_second_factor_and_not_before() {
    let server = Server::start(BINARY);
    let account = server.with_second_factor();
    let mut browser = challenged_to_the_end(&server).await;
    let (first, first_key) = (browser.copy(), session_key(&browser));

    give_password(&mut browser, account).await;
    assert_eq!(first.get("/auth/session").await.field("status"), "authenticated", "a password alone ends nothing");
    let step = browser.copy();
    assert_authenticated(&send_code(&mut browser, "/mfa/verify", &shown_code(account)).await, 2);
    assert_ne!(session_key(&browser), first_key);
    assert_refused(&first.refresh().await, 401, "session_ended");
    let mut again = step.copy();
    again.jar = step.jar.clone();
    again.jar.remove_all("refreshtoken");
    again.jar.remove_all("accesstoken");
    again.session_and_keep().await;
    assert_refused(&send_code(&mut again, "/mfa/verify", &shown_code(account)).await, 401, "not_authenticated");
}

#[tokio::test]
async fn f58_a_second_login_in_another_jar_leaves_the_first_alone() {
    let server = Server::start(BINARY);
    let first = server.logged_in().await;
    let second = server.logged_in().await;
    assert_ne!(session_key(&first), session_key(&second));
    for browser in [first, second] {
        assert_eq!(browser.get("/auth/session").await.field("status"), "authenticated");
    }
}
