//! What an upstream gets of a request, and what it may set.

use std::time::Duration;

use perennial_testkit::{
    Server, WebSocket,
    upstream::{Issuer, IssuerSetup, Reply, Upstream, by_path},
};
use serde_json::json;

use super::{LOGIN, ME, PAGE, call, configured, leaves_cookies, logged_in, started, tokens};
use crate::BINARY;

#[tokio::test]
async fn an_upstream_gets_the_access_token_as_bearer_and_no_cookie_of_the_jar() {
    let (issuer, server) = started(IssuerSetup::default());
    let mut browser = logged_in(&server).await;
    browser.jar.set("theme", "dark");
    let headers = [("authorization", "Bearer planted"), ("x-refresh-token", "kept")];
    let answer = browser.send("GET", ME, &headers, None).await;
    assert_eq!((answer.status, answer.field("email")), (200, json!(Issuer::EMAIL)));
    let seen = issuer.upstream.last();
    assert_eq!(seen.every("authorization"), [format!("Bearer {}", tokens(&browser)[0])]);
    assert_eq!((seen.every("cookie"), seen.header("x-refresh-token")), (vec!["theme=dark"], Some("kept")));
    assert_eq!(answer.header("cache-control"), Some("private"));
    assert!(answer.header("vary").is_some(), "{:?}", answer.headers);
    leaves_cookies(&answer);
}

#[tokio::test]
async fn an_upstream_that_wants_the_token_in_a_cookie_gets_ours_alone() {
    let issuer = Issuer::start(IssuerSetup::default());
    let keys = "sends_access = \"cookie:access_token\"\naccess_cookie = \"app_access\"";
    let server = Server::start_with(BINARY, configured(&issuer.upstream.url(), keys));
    let mut browser = logged_in(&server).await;
    browser.jar.set("access_token", "planted");
    // HTTP/2 may bring several lines.
    assert_eq!(
        browser.send("GET", ME, &[("cookie", "a=1"), ("cookie", "b=2; access_token=planted")], None).await.status,
        200
    );
    let seen = issuer.upstream.last();
    let own = browser.jar.get("app_access").expect("an access token");
    assert_eq!(seen.every("cookie"), [format!("a=1; b=2; access_token={own}")]);
    assert_eq!(seen.header("authorization"), None);
}

#[tokio::test]
async fn nobody_else_sees_or_sets_the_cookies_of_an_issuer() {
    let issuer = Issuer::start(IssuerSetup::default());
    let other = Upstream::answering(|seen| {
        Reply::json(200, &seen.to_json())
            .header("set-cookie", "refresh_token=planted; Path=/")
            .header("set-cookie", "theme=dark")
    });
    let setup = configured(&issuer.upstream.url(), "")
        .with_config(&format!("[[gateway.routes]]\npath = \"/shop\"\nupstream = \"{}\"\nauth = \"none\"", other.url()));
    let server = Server::start_with(BINARY, setup);
    let browser = logged_in(&server).await;
    let answer = browser.get("/shop").await;
    assert_eq!(answer.cookie_names(), ["theme"]);
    assert_eq!(other.last().header("cookie"), None);
}

#[tokio::test]
async fn what_foreign_pages_send_does_nothing_and_programs_without_a_browser_pass() {
    let (issuer, server) = started(IssuerSetup::default());
    let browser = logged_in(&server).await;
    let before = issuer.upstream.seen().len();
    let foreign: [&[(&str, &str)]; 3] = [
        &[("origin", "https://evil.example")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", "http://shop.localhost")],
    ];
    for headers in foreign {
        for path in [ME, LOGIN, super::REFRESH, super::LOGOUT] {
            let answer = browser.send("POST", path, headers, None).await;
            assert_eq!((answer.status, answer.code()), (403, "csrf_failed".to_owned()), "{path} {headers:?}");
            leaves_cookies(&answer);
        }
    }
    assert_eq!(issuer.upstream.seen().len(), before, "nothing of it arrived");
    let upgrade = [("upgrade", "websocket"), ("connection", "upgrade")];
    assert_eq!(browser.send("GET", PAGE, &upgrade, None).await.status, 403, "a browser names the origin");
    assert_eq!(browser.send("POST", ME, &[], None).await.status, 200, "without a browser nobody is led");
    assert_eq!(call(&browser, ME).await.status, 200);
}

#[tokio::test]
async fn a_page_of_a_foreign_origin_reads_no_answer() {
    let (_issuer, server) = started(IssuerSetup::default());
    let browser = logged_in(&server).await;
    let answer = browser.send("GET", ME, &[("origin", "https://evil.example")], None).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let asks = [("origin", "https://evil.example"), ("access-control-request-method", "PUT")];
    assert_eq!(browser.send("OPTIONS", ME, &asks, None).await.status, 403);
}

#[tokio::test]
async fn a_web_socket_opens_with_a_fresh_token_and_leaves_the_cookies_to_the_next_answer() {
    let upstream = Upstream::start(|asked| async move {
        if asked.seen.path().ends_with("/refresh-token") {
            return Reply::json(200, &json!({ "data": { "access_token": "new", "refresh_token": "next" } }));
        }
        by_path(asked).await
    });
    let server = Server::start_with(BINARY, configured(&upstream.url(), ""));
    let mut browser = server.browser();
    browser.jar.set("refresh_token", "first");
    let mut socket = WebSocket::of(&browser, "/users/socket").await.expect("it opens");
    assert_eq!((upstream.last().bearer(), upstream.last().header("cookie")), (Some("new"), None));
    assert!(socket.echoes(Duration::from_secs(5)).await);
    let answer = browser.get("/users/anything").await;
    assert!(answer.sets("refresh_token=next"), "{:?}", answer.set_cookie);
    assert_eq!(upstream.seen_at("/api").len(), 1, "one refresh served both");
}
