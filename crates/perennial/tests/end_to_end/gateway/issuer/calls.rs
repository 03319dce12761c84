//! The issuer's own paths, as the browser's scripts call them.

use std::time::Duration;

use perennial_testkit::{
    Server,
    upstream::{Issuer, IssuerSetup, Reply, Upstream},
};
use serde_json::json;

use super::{
    LOGIN, LOGOUT, ME, REFRESH, call, clears_cookies, configured, leaves_cookies, log_in, logged_in, started, tokens,
};
use crate::BINARY;

#[tokio::test]
async fn a_login_puts_the_tokens_into_cookies_and_nothing_that_a_script_could_read() {
    let (_issuer, server) = started(IssuerSetup::default());
    let mut browser = server.browser();
    let answer = log_in(&mut browser).await;
    assert_eq!(answer.json(), json!({ "success": true, "data": { "token_type": "bearer" } }));
    assert_eq!(answer.header("content-length"), Some(answer.text.len().to_string().as_str()));
    assert_eq!((answer.header("etag"), answer.header("cache-control")), (None, Some("no-store")));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    for (name, seconds) in [("access_token=", 6 * 3600), ("refresh_token=", 24 * 3600)] {
        let line = answer.set_cookie.iter().find(|line| line.starts_with(name)).expect("the cookie is set");
        assert!(line.contains("HttpOnly; SameSite=Strict; Path=/"), "{line}");
        assert_eq!(answer.max_age(name), Some(seconds));
    }
    for token in tokens(&browser) {
        assert!(!token.is_empty() && !answer.text.contains(&token));
    }
    assert_eq!(browser.get(ME).await.status, 200);
}

#[tokio::test]
async fn a_login_that_is_refused_passes_untouched() {
    let (_issuer, server) = started(IssuerSetup::default());
    let browser = logged_in(&server).await;
    let body = json!({ "email": Issuer::EMAIL, "password": "wrong" });
    let answer = browser.send("POST", LOGIN, &[], Some(&body)).await;
    assert_eq!((answer.status, answer.json()), (401, json!({ "detail": "Incorrect email or password" })));
    leaves_cookies(&answer);
}

#[tokio::test]
async fn a_login_that_leads_to_a_page_passes_with_its_body() {
    let upstream = Upstream::answering(|seen| match seen.method.as_str() {
        "GET" => Reply::html(200, "<form method=post>"),
        _ => Reply::html(303, "<a href=/home>on</a>")
            .header("location", "/home")
            .header("set-cookie", "flash=1")
            .header("set-cookie", "refresh_token=planted; Path=/"),
    });
    let server = Server::start_with(BINARY, configured(&upstream.url(), ""));
    let browser = server.browser();
    assert_eq!(browser.get(LOGIN).await.text, "<form method=post>");
    let answer = browser.send("POST", LOGIN, &[], None).await;
    assert_eq!((answer.status, answer.text.as_str()), (303, "<a href=/home>on</a>"));
    assert_eq!((answer.header("location"), answer.cookie_names()), (Some("/home"), vec!["flash"]));
}

#[tokio::test]
async fn a_new_login_replaces_both_tokens_of_the_former_one() {
    let bare = Upstream::answering(|_| Reply::json(200, &json!({ "data": { "access_token": "opaque" } })));
    let server = Server::start_with(BINARY, configured(&bare.url(), ""));
    let mut browser = server.browser();
    browser.jar.set("refresh_token", "of-somebody-else");
    let answer = log_in(&mut browser).await;
    assert_eq!(browser.jar.get("access_token"), Some("opaque"));
    assert!(answer.clears("refresh_token="), "{:?}", answer.set_cookie);
    assert_eq!(bare.last().header("cookie"), None, "a login begins anew");
    let asked_for = server.browser().get(LOGIN).await;
    assert_eq!((asked_for.json(), asked_for.sets("access_token=")), (json!({ "data": {} }), true), "by any method");
}

#[tokio::test]
async fn an_issuer_that_would_compress_its_tokens_is_asked_not_to() {
    let upstream = Upstream::answering(|seen| match seen.header("accept-encoding") {
        Some("identity") => Reply::json(200, &json!({ "data": { "access_token": "a", "refresh_token": "r" } })),
        _ => Reply::status(200)
            .header("content-type", "application/json")
            .header("content-encoding", "gzip")
            .body(GZIPPED),
    });
    let server = Server::start_with(BINARY, configured(&upstream.url(), ""));
    let mut browser = server.browser();
    let headers = [("accept-encoding", "gzip, br")];
    let answer = browser.send("POST", LOGIN, &headers, None).await;
    browser.keep(&answer);
    assert_eq!((answer.json(), tokens(&browser)), (json!({ "data": {} }), ["a".to_owned(), "r".to_owned()]));
}

/// `{}` and nothing else.
const GZIPPED: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\xae\x05\0\x43\xbf\xa6\xa3\x02\0\0\0";

#[tokio::test]
async fn tokens_in_an_answer_that_cannot_be_read_reach_no_script() {
    let long = "x".repeat(5000);
    let too_long = json!({ "data": { "access_token": long, "refresh_token": "r" } }).to_string();
    let with_blanks = json!({ "data": { "access_token": "a; Domain=evil", "refresh_token": "r" } }).to_string();
    let beyond_the_limit = json!({ "data": { "access_token": "a" }, "rest": "x".repeat(70_000) }).to_string();
    let kinds: Vec<(&str, Vec<u8>)> = vec![
        ("identity", too_long.into()),
        ("identity", with_blanks.into()),
        ("identity", beyond_the_limit.into()),
        ("gzip", GZIPPED.to_vec()),
    ];
    for (encoding, body) in kinds {
        let length = body.len();
        let upstream = Upstream::answering(move |_| {
            let reply = Reply::status(200).header("content-type", "application/json");
            reply.header("content-encoding", encoding).body(body.clone())
        });
        let server = Server::start_with(BINARY, configured(&upstream.url(), ""));
        let answer = server.browser().send("POST", LOGIN, &[], None).await;
        assert_eq!((answer.status, answer.code()), (502, "upstream_unavailable".to_owned()), "{encoding} {length}");
        leaves_cookies(&answer);
    }
}

#[tokio::test]
async fn a_script_may_refresh_by_itself_and_gets_cookies_and_no_tokens() {
    let (issuer, server) = started(IssuerSetup::default());
    let mut browser = logged_in(&server).await;
    let [access, refresh] = tokens(&browser);
    let answer = call(&browser, REFRESH).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "success": true, "data": { "token_type": "bearer" } })));
    browser.keep(&answer);
    let [new_access, new_refresh] = tokens(&browser);
    assert!(new_access != access && new_refresh != refresh);
    assert!(!answer.text.contains(&new_access) && !answer.text.contains(&new_refresh));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!((browser.get(ME).await.status, issuer.refresh_calls()), (200, 1));
}

#[tokio::test]
async fn a_path_that_an_upstream_would_take_for_the_refresh_path_is_the_refresh_path() {
    let (issuer, server) = started(IssuerSetup::default());
    for path in ["refresh%2Dtoken", "refresh-token/", "/refresh-token", "refresh-token;x"] {
        let browser = logged_in(&server).await;
        let answer = call(&browser, &REFRESH.replace("refresh-token", path)).await;
        assert_eq!((answer.status, answer.sets("refresh_token=")), (200, true), "{path}: {}", answer.text);
        assert!(answer.json()["data"]["access_token"].is_null(), "{path}: {}", answer.text);
    }
    assert_eq!(issuer.refresh_calls(), 4);
}

#[tokio::test]
async fn a_logout_reaches_the_issuer_and_clears_the_cookies_whatever_it_answers() {
    let (issuer, server) = started(IssuerSetup::default());
    let browser = logged_in(&server).await;
    let answer = call(&browser, LOGOUT).await;
    assert_eq!(answer.status, 200);
    clears_cookies(&answer);
    let seen = issuer.upstream.last();
    assert_eq!(seen.cookie("refresh_token"), Some(tokens(&browser)[1].as_str()));
    assert_eq!(seen.bearer(), Some(tokens(&browser)[0].as_str()));
    let after = call(&browser, REFRESH).await;
    assert_eq!((after.status, issuer.refresh_calls()), (401, 0), "that it is over is known here");
    clears_cookies(&after);
    assert_eq!(call(&browser, LOGOUT).await.status, 200, "a second click");

    let broken =
        Upstream::answering(
            |seen| {
                if seen.path().ends_with("/logout") { Reply::nothing() } else { Reply::status(500) }
            },
        );
    let server = Server::start_with(BINARY, configured(&broken.url(), ""));
    let mut browser = server.browser();
    browser.jar.set("access_token", "a");
    browser.jar.set("refresh_token", "r");
    let answer = call(&browser, LOGOUT).await;
    assert_eq!(answer.status, 502);
    clears_cookies(&answer);
}

#[tokio::test]
async fn a_refresh_token_travels_in_a_field_where_the_issuer_wants_it_there() {
    for travels in ["json:refresh_token", "header:x-refresh-token"] {
        let issuer = Issuer::start(IssuerSetup::default());
        let keys = format!("sends_refresh = \"{travels}\"");
        let server = Server::start_with(BINARY, configured(&issuer.upstream.url(), &keys));
        let mut browser = logged_in(&server).await;
        let answer = call(&browser, REFRESH).await;
        browser.keep(&answer);
        assert_eq!((answer.status, issuer.refresh_calls()), (200, 1), "{travels}");
        assert_eq!(issuer.upstream.last().header("cookie"), None, "{travels}");
        assert_eq!(browser.send("GET", ME, &[("x-refresh-token", "planted")], None).await.status, 200);
        let planted = issuer.upstream.last().header("x-refresh-token").is_some();
        assert_eq!(planted, travels.starts_with("json"), "{travels}: where it travels, it comes from us alone");
        assert_eq!(call(&browser, LOGOUT).await.status, 200);
        assert_eq!(call(&browser, REFRESH).await.status, 401, "{travels}: its family is over");
    }
}

#[tokio::test]
async fn f21_a_refresh_under_way_does_not_outlive_the_logout() {
    let setup = IssuerSetup { refresh_takes: Duration::from_millis(500), ..IssuerSetup::default() };
    let (issuer, server) = started(setup);
    let mut browser = logged_in(&server).await;
    let (renewed, left) = tokio::join!(call(&browser, REFRESH), async {
        while issuer.refresh_calls() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        call(&browser, LOGOUT).await
    });
    assert_eq!((renewed.status, left.status, issuer.refresh_calls()), (200, 200, 1));
    clears_cookies(&left);
    // The answer to the refresh comes last.
    browser.keep(&left);
    browser.keep(&renewed);
    let ended = issuer.upstream.seen_at("/api/v1/users/auth/logout").pop().expect("the issuer heard of it");
    assert_eq!(ended.cookie("refresh_token"), browser.jar.get("refresh_token"));
    assert_eq!(ended.bearer(), browser.jar.get("access_token"));
    let after = call(&browser, REFRESH).await;
    assert_eq!(after.status, 401);
    clears_cookies(&after);
}
