//! What an upstream refuses: mended once where it says that the token is bad, and passed on untouched otherwise.

use std::{collections::HashSet, sync::Mutex};

use perennial_testkit::{
    Browser, Server, Setup, WebSocket,
    raw::Raw,
    upstream::{Reply, Seen, Upstream, by_path},
};
use serde_json::json;

use super::{SOON, act, before, counted, refuses_the_first, refuses_the_first_token};
use crate::BINARY;

const REPLAYED: &str = r#"perennial_gateway_renewals_total{outcome="replayed"}"#;
const INVALID: &str = r#"Bearer realm="api", error="invalid_token", error_description="it has expired""#;
const EXPIRED: &str = r#"{"detail":"Access token has expired"}"#;

/// A request in a page's name with this body.
async fn upload(browser: &Browser, path: &str, body: Vec<u8>) -> perennial_testkit::Answer {
    let csrf = browser.jar.csrf().unwrap_or_default().as_bytes();
    browser.send_bytes("POST", path, &[("origin", browser.origin.as_bytes()), ("x-csrftoken", csrf)], body).await
}

#[tokio::test]
async fn f16_a_token_that_the_upstream_refuses_is_renewed_and_the_same_bytes_are_sent_once_more() {
    let upstream = refuses_the_first_token();
    let server = before(&upstream, Setup::default());
    let browser = server.logged_in().await;
    for (turn, bytes) in [0, 1, 1000, 65_536].into_iter().enumerate() {
        let path = format!("/api/upload-{turn}");
        let body: Vec<u8> = (0..bytes).map(|byte| u8::try_from(byte % 251).unwrap_or(0)).collect();
        let answer = upload(&browser, &path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let [first, second] = upstream.seen_at(&path).try_into().expect("two requests");
        let of = |seen: &Seen| (seen.method.clone(), seen.body.clone().map(|body| (body.bytes, body.hash, body.whole)));
        assert_eq!(of(&first), of(&second));
        assert_ne!(first.bearer(), second.bearer());
        assert_eq!(second.body.map(|body| body.bytes), Some(bytes));
        assert_eq!(answer.header("www-authenticate"), None);
    }
    assert_eq!(counted(&server.admin_url, REPLAYED).await, 4);
    // The browser's own tokens had nothing to do with it.
    assert_eq!(counted(&server.admin_url, r#"perennial_refresh_total{outcome="rotated"}"#).await, 0);
}

#[tokio::test]
async fn a_routes_own_words_for_an_expired_token_are_understood_and_all_other_refusals_pass_untouched() {
    let upstream = refuses_the_first(|| Reply::status(401).header("content-type", "application/json").body(EXPIRED));
    let refusals: [(u16, &str, &str, &str); 8] = [
        (401, "application/json", r#"{"detail":"Wrong role"}"#, ""),
        (401, "application/json", r#"{ "detail" : "access token has expired" }"#, ""),
        (401, "application/json", r#"{"error":{"detail":"Access token has expired"}}"#, ""),
        (403, "application/json", EXPIRED, ""),
        (401, "text/html", "<h1>Access token has expired</h1>", "Basic realm=\"x\""),
        (401, "application/json", "", "Bearer realm=\"x\", error=\"insufficient_scope\""),
        (401, "application/octet-stream", "\u{1}\u{2} no JSON", "Negotiate, Bearer"),
        (400, "application/json", r#"{"error":"invalid_token"}"#, INVALID),
    ];
    let others = Upstream::answering(move |seen| {
        let number: usize = seen.query("n").and_then(|number| number.parse().ok()).unwrap_or(0);
        let (status, kind, body, challenge) = refusals[number];
        let reply = Reply::status(status).header("content-type", kind).body(body);
        if challenge.is_empty() { reply } else { reply.header("www-authenticate", challenge) }
    });
    let rule = "expired = { status = 401, pointer = \"/detail\", equals = \"Access token has expired\" }";
    let config = format!(
        "[[gateway.routes]]\npath = \"/mended\"\nupstream = \"{}\"\n{rule}\n[[gateway.routes]]\npath = \"/others\"\nupstream = \"{}\"\n{rule}\n",
        upstream.url(),
        others.url(),
    );
    let server = Server::start_with(BINARY, Setup::default().with_config(&config));
    let browser = server.logged_in().await;
    let mended = upload(&browser, "/mended/x", b"hello".to_vec()).await;
    assert_eq!((mended.status, upstream.seen().len()), (200, 2), "{}", mended.text);
    for (number, (status, kind, body, challenge)) in refusals.into_iter().enumerate() {
        let hits = others.seen().len();
        let answer = act(&browser, &format!("/others/x?n={number}")).await;
        assert_eq!((answer.status, answer.text.as_str(), answer.header("content-type")), (status, body, Some(kind)));
        assert_eq!(answer.header("www-authenticate").unwrap_or_default(), challenge);
        assert_eq!(others.seen().len(), hits + 1, "{body}");
    }
    assert_eq!(counted(&server.admin_url, REPLAYED).await, 1);
}

#[tokio::test]
async fn f14_an_upstream_that_refuses_every_token_costs_one_renewal_and_one_replay() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let browser = server.logged_in().await;
    for _ in 0..100 {
        let answer = act(&browser, "/api/unauthorized").await;
        assert_eq!((answer.status, answer.field("detail")), (401, json!("no token is good enough")), "{}", answer.text);
        assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="api", error="invalid_token""#));
        assert!(answer.set_cookie.is_empty());
    }
    assert_eq!(upstream.seen().len(), 101);
    let tokens: HashSet<_> = upstream.seen().iter().map(|seen| seen.bearer().map(str::to_owned)).collect();
    assert_eq!(tokens.len(), 2);
    assert_eq!(counted(&server.admin_url, REPLAYED).await, 1);
    // An API whose refusals are about something else: nothing is renewed at all.
    for _ in 0..100 {
        assert_eq!(act(&browser, "/api/status-401").await.status, 401);
    }
    assert_eq!(upstream.seen().len(), 201);
    assert_eq!(counted(&server.admin_url, REPLAYED).await, 1);
}

#[tokio::test]
async fn f14_whoever_is_told_to_send_a_body_again_is_told_so_once() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let browser = server.logged_in().await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(upload(&browser, "/api/unauthorized", vec![b'x'; 70_000]).await.status);
    }
    assert_eq!(statuses, [409, 401, 401, 401, 401]);
    assert_eq!(upstream.seen().len(), 5);
}

#[tokio::test]
async fn a_web_socket_whose_token_is_refused_opens_with_another_one() {
    let refused = Mutex::new(None);
    let upstream = Upstream::start(move |asked| {
        let token = asked.seen.bearer().map(str::to_owned);
        let first = refused.lock().expect("nobody panics while holding it").get_or_insert(token.clone()).clone();
        async move {
            if token == first { Reply::status(401).header("www-authenticate", INVALID) } else { by_path(asked).await }
        }
    });
    let server = before(&upstream, Setup::default());
    let browser = server.logged_in().await;
    let mut socket = WebSocket::of(&browser, "/api/socket").await.expect("it opens");
    assert!(socket.echoes(SOON).await);
    assert_eq!(upstream.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f14_parallel_requests_to_an_upstream_that_refuses_every_token_are_sent_twice_at_most() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let browser = server.logged_in().await;
    let requests: Vec<_> = (0..50)
        .map(|number| {
            let tab = browser.copy();
            tokio::spawn(async move { act(&tab, &format!("/api/{number}/unauthorized")).await.status })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.expect("a tab"), 401);
    }
    for number in 0..50 {
        let sent = upstream.seen_at(&format!("/api/{number}/")).len();
        assert!((1..=2).contains(&sent), "{number}: {sent}");
    }
}

#[tokio::test]
async fn what_was_streamed_is_not_sent_again_and_its_sender_is_told_to() {
    let upstream = refuses_the_first_token();
    let server = before(&upstream, Setup::default());
    let browser = server.logged_in().await;
    let large = vec![b'x'; 65_537];
    let answer = upload(&browser, "/api/large", large.clone()).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "retry_with_body"), "{}", answer.text);
    assert_eq!(upstream.seen().len(), 1);
    let answer = upload(&browser, "/api/large", large).await;
    assert_eq!(
        (answer.status, upstream.seen().len()),
        (200, 2),
        "the next one goes with another token: {}",
        answer.text
    );

    // In chunks, nobody knows how much is to come.
    let browser = server.logged_in().await;
    let mut streamed = Raw::connect(&server.url);
    let (port, cookies, csrf) = (server.port(), browser.jar.header(), browser.jar.csrf().unwrap_or_default());
    streamed.send(format!(
        "POST /api/stream HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: {cookies}\r\nX-CSRFToken: {csrf}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    ));
    let answer = streamed.answer(SOON).expect("an answer");
    assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("retry_with_body")), "{}", answer.text());
    assert_eq!(upstream.seen_at("/api/stream").len(), 1);
}

#[tokio::test]
async fn f47_a_request_that_acts_is_never_sent_twice_when_the_upstream_goes_away() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let browser = server.logged_in().await;
    for turn in 0..50 {
        // A connection that is there already, which is when proxies send again.
        assert_eq!(browser.get("/api/x").await.status, 200);
        let path = format!("/api/{turn}/close");
        let answer = upload(&browser, &path, b"once".to_vec()).await;
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unavailable"), "{}", answer.text);
        assert_eq!(upstream.seen_at(&path).len(), 1);
    }
}
