//! A no of the issuer ends the login; everything else ends nothing.

use std::time::Duration;

use perennial_testkit::{
    Browser, Fault, FaultProxy, Server,
    upstream::{Issuer, IssuerSetup},
};

use super::{
    LOGOUT, ME, NAVIGATES, PAGE, REFRESH, call, clears_cookies, configured, leaves_cookies, logged_in, started,
};
use crate::BINARY;

/// Longer than nobody asks an issuer again after a call of unknown outcome.
const PAUSE: Duration = Duration::from_millis(2600);

/// Somebody whose next request needs a refresh.
async fn due(server: &Server) -> Browser {
    let mut browser = logged_in(server).await;
    browser.jar.remove("access_token");
    browser
}

#[tokio::test]
async fn a_refused_refresh_clears_the_cookies_and_leads_a_person_to_the_login() {
    for status in [400, 401, 403] {
        let (issuer, server) = started(IssuerSetup::default());
        let browser = due(&server).await;
        issuer.fail_refresh(status);
        let answer = browser.get(ME).await;
        assert_eq!((answer.status, answer.code()), (401, "not_authenticated".to_owned()), "{status}");
        clears_cookies(&answer);
        let page = browser.send("GET", PAGE, NAVIGATES, None).await;
        assert_eq!((page.status, page.header("location")), (303, Some("/users/login")));
        clears_cookies(&page);
        assert_eq!(issuer.refresh_calls(), 1, "the no is remembered");
        let script = call(&browser, REFRESH).await;
        assert_eq!(script.status, 401);
        clears_cookies(&script);
    }
}

#[tokio::test]
async fn without_a_login_page_a_person_is_told_401() {
    let issuer = Issuer::start(IssuerSetup::default());
    let server =
        Server::start_with(BINARY, configured(&issuer.upstream.url(), "").with("gateway.issuers.users.login_page", ""));
    let browser = due(&server).await;
    issuer.fail_refresh(401);
    assert_eq!(browser.send("GET", PAGE, NAVIGATES, None).await.status, 401);
}

#[tokio::test]
async fn the_login_page_is_reached_with_cookies_that_nothing_removes() {
    let (issuer, server) = started(IssuerSetup::default());
    let mut browser = server.browser();
    browser.jar.set("refresh_token", "planted");
    let answer = browser.send("GET", "/users/login", NAVIGATES, None).await;
    assert_eq!((answer.status, issuer.upstream.last().path()), (404, "/login"));
    clears_cookies(&answer);
    browser.jar.set("refresh_token", "planted too");
    issuer.fail_refresh(503);
    let answer = browser.send("GET", "/users/login", NAVIGATES, None).await;
    assert_eq!((answer.status, issuer.upstream.last().path()), (404, "/login"), "also while nothing is known");
    leaves_cookies(&answer);
}

#[tokio::test]
async fn an_access_token_that_is_over_and_cannot_be_renewed_ends_the_login() {
    let (issuer, server) = started(IssuerSetup::default());
    let mut browser = logged_in(&server).await;
    browser.jar.remove("refresh_token");
    issuer.expire_access_tokens();
    let answer = browser.get(ME).await;
    assert_eq!((answer.status, answer.code()), (401, "not_authenticated".to_owned()));
    clears_cookies(&answer);
}

#[tokio::test]
async fn f12_an_issuer_that_is_not_well_clears_nothing_and_the_next_request_heals() {
    let (issuer, server) = started(IssuerSetup::default());
    for status in [503, 429, 302] {
        let mut browser = due(&server).await;
        issuer.fail_refresh(status);
        let calls = issuer.refresh_calls();
        for headers in [&[][..], NAVIGATES] {
            let answer = browser.send("GET", PAGE, headers, None).await;
            assert_eq!((answer.status, answer.code()), (503, "auth_unavailable".to_owned()), "{status}");
            leaves_cookies(&answer);
        }
        assert_eq!(issuer.refresh_calls(), calls + 1, "{status}: it gets a pause");
        tokio::time::sleep(PAUSE).await;
        let answer = browser.get(PAGE).await;
        assert_eq!((answer.status, issuer.refresh_calls()), (200, calls + 2), "{status}");
        browser.keep(&answer);
        call(&browser, LOGOUT).await;
    }
}

#[tokio::test]
async fn f12_an_issuer_that_cannot_be_reached_or_is_cut_off_clears_nothing() {
    let issuer = Issuer::start(IssuerSetup::default());
    let proxy = FaultProxy::start(issuer.upstream.port());
    let server = Server::start_with(BINARY, configured(&proxy.url(), ""));
    let mut browser = due(&server).await;
    proxy.refuse().await;
    for _ in 0..3 {
        let answer = browser.get(ME).await;
        assert_eq!((answer.status, answer.code()), (503, "auth_unavailable".to_owned()));
        leaves_cookies(&answer);
    }
    proxy.heal().await;
    let answer = browser.get(ME).await;
    assert_eq!(answer.status, 200, "nobody had seen the token, so there is no pause: {}", answer.text);
    browser.keep(&answer);

    browser.jar.remove("access_token");
    proxy.next_exchange(Fault::CutRequest(40));
    let answer = browser.get(ME).await;
    assert_eq!(answer.status, 503);
    leaves_cookies(&answer);
    tokio::time::sleep(PAUSE).await;
    assert_eq!(browser.get(ME).await.status, 200);
}

#[tokio::test]
async fn f12_an_answer_of_the_issuer_that_got_lost_clears_nothing_before_the_issuer_says_no() {
    let issuer = Issuer::start(IssuerSetup::default());
    let proxy = FaultProxy::start(issuer.upstream.port());
    let server = Server::start_with(BINARY, configured(&proxy.url(), ""));
    let browser = due(&server).await;
    proxy.next_exchange(Fault::CutAnswer(60));
    let answer = browser.get(ME).await;
    assert_eq!((answer.status, issuer.refresh_calls()), (503, 1));
    leaves_cookies(&answer);
    tokio::time::sleep(PAUSE).await;
    // The token is spent. This issuer punishes that, and it alone can say so.
    let answer = browser.get(ME).await;
    assert_eq!((answer.status, issuer.refresh_calls(), issuer.punished()), (401, 2, 1));
    clears_cookies(&answer);
}

#[tokio::test]
async fn f12_a_slow_issuer_is_waited_for_and_its_answer_is_there_for_the_next_request() {
    let setup = IssuerSetup { refresh_takes: Duration::from_secs(12), ..IssuerSetup::default() };
    let (issuer, server) = started(setup);
    let browser = due(&server).await;
    let answer = browser.get(ME).await;
    assert_eq!(answer.status, 503);
    leaves_cookies(&answer);
    let answer = browser.get(ME).await;
    assert_eq!((answer.status, issuer.refresh_calls(), issuer.punished()), (200, 1, 0));
}

#[tokio::test]
async fn a_token_that_dies_soon_still_serves_while_the_issuer_is_not_well() {
    let setup = IssuerSetup { access_ttl: Duration::from_secs(15), ..IssuerSetup::default() };
    let (issuer, server) = started(setup);
    let browser = logged_in(&server).await;
    tokio::time::sleep(Duration::from_millis(12_700)).await;
    issuer.fail_refresh(503);
    let answer = browser.get(ME).await;
    assert_eq!((answer.status, issuer.refresh_calls()), (200, 1));
    leaves_cookies(&answer);
}

#[tokio::test]
async fn made_up_tokens_of_one_address_do_not_flood_the_issuer() {
    let (issuer, server) = started(IssuerSetup::default());
    let mut browser = server.browser();
    let mut refused = 0;
    for number in 0..200 {
        browser.jar.set("refresh_token", &format!("made-up-{number}"));
        let answer = browser.get(ME).await;
        match answer.status {
            401 => refused += 1,
            503 => leaves_cookies(&answer),
            other => panic!("{other}: {}", answer.text),
        }
    }
    assert_eq!(issuer.refresh_calls(), refused);
    assert!((100..150).contains(&refused), "{refused}");
}

#[tokio::test]
async fn an_upstream_that_breaks_off_after_a_renewal_costs_none_of_the_new_tokens() {
    let issuer = Issuer::start(IssuerSetup::default());
    let proxy = FaultProxy::start(issuer.upstream.port());
    let server = Server::start_with(BINARY, configured(&proxy.url(), ""));
    let mut browser = due(&server).await;
    proxy.exchange(proxy.exchanges() + 2, Fault::DropAnswer);
    let answer = browser.get(ME).await;
    assert_eq!((answer.status, answer.code()), (502, "upstream_unavailable".to_owned()));
    browser.keep(&answer);
    assert_eq!((browser.get(ME).await.status, issuer.refresh_calls()), (200, 1));
}
