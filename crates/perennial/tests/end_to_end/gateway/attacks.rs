//! What a client or an upstream that means harm finds at the gateway.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use perennial_testkit::{
    Setup, WebSocket, decode_base64url,
    upstream::{Reply, Upstream, by_path},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{EXPIRY, SOON, act, before};

/// What a forwarded token says, as its upstream reads it.
fn told(upstream: &Upstream) -> Value {
    let seen = upstream.last();
    let token = seen.bearer().expect("the upstream is told who it is").to_owned();
    let claims = token.split('.').nth(1).and_then(decode_base64url).expect("a JWT");
    serde_json::from_slice(&claims).expect("JSON")
}

#[tokio::test]
async fn nothing_but_a_web_socket_is_asked_of_an_upstream() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let browser = server.browser();
    let tunnels = [
        ("GET", "h2c", "Upgrade, HTTP2-Settings"),
        ("GET", "websocket, h2c", "Upgrade"),
        ("GET", "TLS/1.2", "Upgrade"),
        ("PUT", "websocket", "Upgrade"),
    ];
    for (method, protocol, connection) in tunnels {
        let headers = [("upgrade", protocol), ("connection", connection), ("http2-settings", "AAMAAABk")];
        let answer = browser.send(method, "/open/x", &headers, None).await;
        assert_eq!(answer.status, 200, "{protocol}: {}", answer.text);
        assert_eq!(upstream.last().header("upgrade"), None, "{method} {protocol}");
    }
}

#[tokio::test]
async fn an_upstream_that_changes_the_protocol_unasked_does_not_keep_new_cookies_from_the_jar() {
    let upstream =
        Upstream::answering(|_| Reply::status(101).header("upgrade", "websocket").header("connection", "upgrade"));
    let server = before(&upstream, Setup::default());
    let mut browser = server.logged_in().await;
    server.time_travel().pass(EXPIRY);
    browser.lose_access_token();
    let answer = browser.get("/api/x").await;
    assert_eq!((answer.status, answer.hands_out_refresh()), (502, true), "{:?}", answer.set_cookie);
}

#[tokio::test]
async fn an_upstream_hears_at_once_that_somebody_has_proven_who_they_are_anew() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let mut browser = server.logged_in().await;
    assert_eq!(browser.get("/api/x").await.status, 200);
    let first = told(&upstream);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let password = json!({ "password": server.demo().password });
    assert_eq!(browser.post_and_keep("/reauthenticate", Some(&password)).await.status, 200);
    assert_eq!(browser.get("/api/x").await.status, 200);
    let now = told(&upstream);
    assert!(now["auth_time"].as_i64() > first["auth_time"].as_i64(), "{first} {now}");
}

#[tokio::test]
async fn an_unsafe_request_with_an_expired_bearer_is_told_that_its_token_is_no_longer_good() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default().with("tokens.transport", "bearer"));
    let mut browser = server.logged_in().await;
    let access = browser.access.take().expect("a login answers one");
    let send = async |path: &str, bearer: &str| {
        let headers = [("authorization", bearer), ("origin", browser.origin.as_str())];
        browser.send("POST", path, &headers, None).await
    };
    let refused = send("/api/x", "Bearer e30.e30.e30").await;
    assert_eq!((refused.status, refused.code().as_str()), (401, "invalid_token"), "{}", refused.text);
    assert_eq!(send("/api/x", &format!("Bearer {access}")).await.status, 200);
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn open_tunnels_count_as_open_connections() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default().with("limits.connections", "3"));
    let url = format!("{}/open/socket", server.url);
    let mut open = Vec::new();
    while open.len() < 6 {
        match timeout(Duration::from_secs(1), WebSocket::connect(&url, &[])).await {
            Ok(socket) => open.push(socket.expect("the route is open")),
            Err(_) => break,
        }
    }
    assert_eq!(open.len(), 3);
    open.pop();
    let socket = timeout(Duration::from_secs(5), WebSocket::connect(&url, &[])).await;
    assert!(socket.is_ok_and(|socket| socket.is_ok()), "a tunnel that ended leaves its place");
}

#[tokio::test]
async fn a_client_cannot_speak_for_its_method_or_its_path_in_headers() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let browser = server.logged_in().await;
    let names =
        ["x-original-url", "x-rewrite-url", "x-http-method-override", "x-http-method", "x-method-override", "proxy"];
    let headers = names.map(|name| (name, "DELETE"));
    assert_eq!(browser.send("GET", "/api/x", &headers, None).await.status, 200);
    let seen = upstream.last();
    assert_eq!(names.map(|name| seen.header(name)), [None; 6]);
    assert_eq!(act(&browser, "/api/x").await.status, 200);
}

#[tokio::test]
async fn a_web_socket_whose_token_an_upstream_refuses_is_asked_for_once_more() {
    static REFUSED: AtomicBool = AtomicBool::new(false);
    let upstream = Upstream::start(|asked| async move {
        if REFUSED.swap(true, Ordering::SeqCst) {
            return by_path(asked).await;
        }
        Reply::status(401).header("www-authenticate", r#"Bearer error="invalid_token""#)
    });
    let server = before(&upstream, Setup::default());
    let browser = server.logged_in().await;
    let mut socket = WebSocket::of(&browser, "/api/socket").await.expect("the session opens it");
    assert!(socket.echoes(SOON).await);
    let tokens: Vec<_> = upstream.seen().iter().map(|seen| seen.bearer().map(str::to_owned)).collect();
    assert!(tokens.len() == 2 && tokens[0] != tokens[1], "another token is tried");
}

#[tokio::test]
async fn a_large_body_that_is_refused_with_a_new_token_too_hears_the_upstream_itself() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let browser = server.logged_in().await;
    let csrf = browser.jar.csrf().expect("a token").to_owned();
    for status in [409, 401, 401] {
        let body = vec![b'x'; 100_000];
        let answer = browser.send_bytes("POST", "/api/unauthorized", &[("x-csrftoken", csrf.as_bytes())], body).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
}
