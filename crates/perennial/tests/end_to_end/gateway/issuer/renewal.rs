//! An access token that is over costs the browser nothing.

use std::time::Duration;

use perennial_testkit::{
    Browser, Server,
    upstream::{Issuer, IssuerSetup, Reply, Upstream},
};
use serde_json::json;

use super::{ME, NAVIGATES, PAGE, clears_cookies, configured, leaves_cookies, logged_in, short, started, tokens};
use crate::BINARY;

async fn expired() {
    tokio::time::sleep(Duration::from_millis(3100)).await;
}

#[tokio::test]
async fn an_expired_access_token_is_renewed_before_the_request_is_sent() {
    let (issuer, server) = started(short());
    let mut browser = logged_in(&server).await;
    let old = tokens(&browser);
    expired().await;
    let answer = browser.get(ME).await;
    assert_eq!((answer.status, issuer.refresh_calls()), (200, 1));
    assert_eq!(issuer.upstream.seen_at("/api/v1/users/me").len(), 1, "it was sent once");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    browser.keep(&answer);
    assert!(tokens(&browser).iter().zip(&old).all(|(new, old)| new != old));
    assert_eq!((browser.get(ME).await.status, issuer.refresh_calls()), (200, 1));
}

#[tokio::test]
async fn a_missing_access_token_is_renewed_and_a_visitor_is_nobody() {
    let (issuer, server) = started(IssuerSetup::default());
    let mut browser = logged_in(&server).await;
    browser.jar.remove("access_token");
    assert_eq!((browser.get(ME).await.status, issuer.refresh_calls()), (200, 1));
    let visitor = server.browser().get(ME).await;
    assert_eq!((visitor.status, visitor.json()), (401, json!({ "detail": "Could not validate credentials" })));
    assert_eq!(issuer.upstream.last().header("authorization"), None);
    leaves_cookies(&visitor);
    assert_eq!(visitor.header("cache-control"), None);
}

#[tokio::test]
async fn a_page_is_rendered_once_with_the_new_token_and_sets_the_new_cookies() {
    let (issuer, server) = started(short());
    let mut browser = logged_in(&server).await;
    expired().await;
    let answer = browser.send("GET", PAGE, NAVIGATES, None).await;
    assert_eq!((answer.status, issuer.renders(), issuer.refresh_calls()), (200, 1, 1));
    browser.keep(&answer);
    assert_eq!(issuer.upstream.last().bearer(), Some(tokens(&browser)[0].as_str()));
}

#[tokio::test]
async fn f36_a_token_that_only_the_upstream_knows_to_be_over_is_renewed_and_the_request_sent_once_more() {
    let (issuer, server) = started(IssuerSetup::default());
    let mut browser = logged_in(&server).await;
    issuer.expire_access_tokens();
    let body = json!({ "text": "kept" });
    let answer = browser.send("POST", ME, &[], Some(&body)).await;
    assert_eq!((answer.status, issuer.refresh_calls()), (200, 1));
    let seen = issuer.upstream.seen_at("/api/v1/users/me");
    assert_eq!(seen.iter().map(|seen| seen.json()).collect::<Vec<_>>(), [body.clone(), body]);
    browser.keep(&answer);
    assert_eq!(seen[1].bearer(), Some(tokens(&browser)[0].as_str()));
    let page = browser.send("GET", PAGE, NAVIGATES, None).await;
    assert_eq!((page.status, issuer.refresh_calls(), issuer.renders()), (200, 1, 1));
}

#[tokio::test]
async fn f14_other_refusals_pass_untouched_and_renew_nothing() {
    let (issuer, server) = started(IssuerSetup::default());
    let browser = logged_in(&server).await;
    for _ in 0..3 {
        let answer = browser.get("/users/api/v1/users/admin").await;
        assert_eq!((answer.status, answer.json()), (401, json!({ "detail": "The role is not sufficient" })));
        leaves_cookies(&answer);
    }
    assert_eq!((issuer.refresh_calls(), issuer.upstream.seen_at("/api/v1/users/admin").len()), (0, 3));
}

#[tokio::test]
async fn f16_a_body_that_is_gone_is_asked_for_again_and_the_new_cookies_come_with_that() {
    let issuer = Issuer::start(IssuerSetup::default());
    let setup = configured(&issuer.upstream.url(), "").with("gateway.replay_bytes", "1000");
    let server = Server::start_with(BINARY, setup);
    let mut browser = logged_in(&server).await;
    issuer.expire_access_tokens();
    let body = json!({ "text": "x".repeat(5000) });
    let answer = browser.send("POST", ME, &[], Some(&body)).await;
    assert_eq!((answer.status, answer.code()), (409, "retry_with_body".to_owned()));
    browser.keep(&answer);
    assert_eq!(issuer.upstream.seen_at("/api/v1/users/me").len(), 1);
    let again = browser.send("POST", ME, &[], Some(&body)).await;
    assert_eq!((again.status, issuer.refresh_calls()), (200, 1));
}

#[tokio::test]
async fn f07_an_answer_that_may_not_reach_the_jar_sets_nothing_and_loses_nothing() {
    let (issuer, server) = started(IssuerSetup::default());
    let mut browser = logged_in(&server).await;
    browser.jar.remove("access_token");
    for (method, headers) in [("HEAD", &[][..]), ("GET", &[("sec-purpose", "prefetch")][..])] {
        let answer = browser.send(method, ME, headers, None).await;
        assert_eq!((answer.status, issuer.refresh_calls()), (200, 1), "{method}");
        leaves_cookies(&answer);
    }
    let answer = browser.get(ME).await;
    assert_eq!((answer.status, issuer.refresh_calls(), answer.sets("refresh_token=")), (200, 1, true));
    browser.keep(&answer);
    browser.jar.remove("access_token");
    assert_eq!((browser.get(ME).await.status, issuer.refresh_calls(), issuer.punished()), (200, 2, 0));
}

#[tokio::test]
async fn f28_of_two_cookies_of_one_name_the_one_of_the_whole_site_counts() {
    let (issuer, server) = started(IssuerSetup::default());
    let [_, refresh] = tokens(&logged_in(&server).await);
    // A browser names the cookie of the longer path first.
    let cookie = format!("access_token=old; refresh_token=old; access_token=; refresh_token={refresh}");
    let answer = server.browser().send("GET", ME, &[("cookie", &cookie)], None).await;
    assert_eq!((answer.status, issuer.refresh_calls()), (200, 1), "{}", answer.text);
}

#[tokio::test]
async fn f36_a_refusal_that_the_upstream_compresses_is_understood() {
    const EXPIRED: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xabVJI-I\xcc\xccQ\xb2RrLNN-.V(\xc9\xcfN\xcdS\xc8H,VH\xad(\xc8,JMQ\xaa\x05\x002\x9e\xbd\xe0%\x00\x00\x00";
    let upstream = Upstream::answering(|seen| match (seen.path(), seen.bearer()) {
        ("/api/v1/users/auth/refresh-token", _) => Reply::json(200, &new_tokens("new")),
        (_, Some("new")) => Reply::status(200),
        _ => Reply::status(401).header("content-encoding", "gzip").body(EXPIRED),
    });
    let server = Server::start_with(BINARY, configured(&upstream.url(), ""));
    let browser = with_tokens(&server, "old");
    let answer = browser.send("GET", ME, &[("accept-encoding", "gzip, deflate, br, zstd")], None).await;
    assert_eq!((answer.status, answer.sets("access_token=new")), (200, true));
    assert_eq!(upstream.last().header("accept-encoding"), Some("gzip"), "what else could not be read");
}

#[tokio::test]
async fn f14_a_fresh_token_that_is_called_expired_is_not_renewed_again_and_again() {
    let upstream = Upstream::answering(|seen| match seen.path() {
        "/api/v1/users/auth/refresh-token" => Reply::json(200, &new_tokens("new")),
        _ => Reply::json(401, &json!({ "detail": "Access token has expired" })),
    });
    let server = Server::start_with(BINARY, configured(&upstream.url(), ""));
    let mut browser = with_tokens(&server, "old");
    let counts = || ["/api/v1/users/auth/refresh-token", "/api/v1/users/me"].map(|path| upstream.seen_at(path).len());
    for sent in 2..5 {
        let answer = browser.get(ME).await;
        assert_eq!((answer.status, answer.field("detail")), (401, json!("Access token has expired")));
        browser.keep(&answer);
        assert_eq!(counts(), [1, sent]);
    }
}

#[tokio::test]
async fn f09_a_late_answer_neither_brings_tokens_nor_takes_those_of_another_login() {
    const LATE: Duration = Duration::from_millis(10_500);
    let upstream = Upstream::start(|mut asked| async move {
        let presented = asked.read().await.cookie("refresh_token").map(str::to_owned);
        match (asked.seen.path(), presented.as_deref()) {
            ("/api/v1/users/auth/refresh-token", Some("dead")) => Reply::status(401),
            ("/api/v1/users/auth/refresh-token", _) => Reply::json(200, &new_tokens("new")),
            (path, _) => {
                let (slow, bearer) = (path.ends_with("/slow"), asked.seen.bearer().map(str::to_owned));
                tokio::time::sleep(if slow { LATE } else { Duration::ZERO }).await;
                let expired = json!({ "detail": "Access token has expired" });
                if bearer.as_deref() == Some("new") { Reply::status(200) } else { Reply::json(401, &expired) }
            }
        }
    });
    let server = Server::start_with(BINARY, configured(&upstream.url(), ""));
    let (mut renewed, mut refused) = (server.browser(), with_tokens(&server, "old"));
    renewed.jar.set("refresh_token", "first");
    refused.jar.set("refresh_token", "dead");
    let (late, late_no) = tokio::join!(renewed.get("/users/slow"), refused.get("/users/slow"));
    assert_eq!((late.status, late_no.status), (200, 401));
    for answer in [&late, &late_no] {
        leaves_cookies(answer);
    }
    assert!(renewed.get(ME).await.sets("refresh_token=next"), "the next answer brings them");
    clears_cookies(&refused.get(ME).await);
}

fn new_tokens(access: &str) -> serde_json::Value {
    json!({ "data": { "access_token": access, "refresh_token": "next" } })
}

fn with_tokens(server: &Server, access: &str) -> Browser {
    let mut browser = server.browser();
    browser.jar.set("access_token", access);
    browser.jar.set("refresh_token", "first");
    browser
}
