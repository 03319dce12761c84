//! Who may act: origin, CSRF token, the person of the page; and how whoever may not is told.

use perennial_testkit::{
    Answer, Browser, Dice, Server, Setup, WebSocket, decode_base64url,
    upstream::{Seen, Upstream},
};
use serde_json::{Value, json};

use super::{SOON, act, before, routes};
use crate::{BINARY, tls::Site};

/// What an upstream was told of the session.
fn session_of(seen: &Seen) -> Option<String> {
    let payload = decode_base64url(seen.bearer()?.split('.').nth(1)?)?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    Some(claims["sid"].as_str()?.to_owned())
}

#[track_caller]
fn check(what: &str, answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{what}: {}", answer.text);
}

/// Somebody's jar, and tokens that are not of its session.
struct Page {
    browser: Browser,
    of_a_former_session: String,
    of_another_session: String,
    of_a_visitor: String,
}

impl Page {
    async fn open(server: &Server) -> Self {
        let former = server.logged_in().await;
        let mut browser = former.copy();
        browser.log_out().await;
        let visitor = browser.session_and_keep().await;
        browser.log_in(&server.demo().email, &server.demo().password).await;
        Self {
            browser,
            of_a_former_session: former.jar.csrf().expect("a token").to_owned(),
            of_another_session: server.logged_in().await.jar.csrf().expect("a token").to_owned(),
            of_a_visitor: visitor.field("csrf_token").as_str().expect("a token").to_owned(),
        }
    }
}

/// Which headers an unsafe request carries, and whether it is let through.
#[derive(Debug)]
struct Unsafe<'a>(&'static str, Vec<(&'static str, &'a str)>, u16);

fn unsafe_requests<'a>(page: &'a Page, sibling: &'a str, lookalike: &'a str) -> Vec<Unsafe<'a>> {
    let own = ("origin", page.browser.origin.as_str());
    let right = ("x-csrftoken", page.browser.jar.csrf().expect("a token"));
    let site = |value| ("sec-fetch-site", value);
    let origin = |value: &'a str| ("origin", value);
    let token = |value: &'a str| ("x-csrftoken", value);
    vec![
        Unsafe("the right token", vec![own, right], 200),
        Unsafe("X-01 nothing", vec![], 403),
        Unsafe("X-01 an origin alone", vec![own], 403),
        Unsafe("X-01 a token of a session that ended", vec![own, token(&page.of_a_former_session)], 409),
        Unsafe("X-01 a token of another session", vec![own, token(&page.of_another_session)], 409),
        Unsafe("X-01 a visitor's token", vec![own, token(&page.of_a_visitor)], 403),
        Unsafe("X-01 a token that is none", vec![own, token("garbage")], 403),
        Unsafe("X-03 another site", vec![right, site("cross-site")], 403),
        Unsafe("X-03 a sibling", vec![right, site("same-site")], 403),
        Unsafe("X-03 a sibling that is allowed", vec![right, site("same-site"), origin(sibling)], 200),
        Unsafe("X-03 a word of its own", vec![right, site("friendly")], 403),
        Unsafe("X-04 a foreign origin", vec![right, origin("https://evil.test")], 403),
        Unsafe("X-04 the origin null", vec![right, origin("null")], 403),
        Unsafe("X-04 an origin that begins alike", vec![right, origin(lookalike)], 403),
        Unsafe("X-04 no origin: the token decides", vec![right], 200),
        Unsafe("a bearer, where access tokens are cookies", vec![own, ("authorization", "Bearer x")], 403),
        Unsafe("an upgrade that is none", vec![own, ("upgrade", "websocket"), ("connection", "upgrade")], 403),
    ]
}

#[tokio::test]
async fn x_01_an_unsafe_request_needs_an_allowed_origin_and_the_token_of_its_session() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let page = Page::open(&server).await;
    let right = page.browser.jar.csrf().expect("a token");
    let (sibling, lookalike) = (format!("http://127.0.0.1:{}", server.port()), format!("{}.evil.test", server.url));
    let rows = || {
        server
            .time_travel()
            .text("SELECT group_concat(session_key || coalesce(ended_at, '') || generation) FROM session")
    };
    let (state, mut passed) = (rows(), 0);
    for Unsafe(what, headers, status) in unsafe_requests(&page, &sibling, &lookalike) {
        for (method, path) in [("POST", "/api/x"), ("PUT", "/maybe/x"), ("PATCH", "/api/x"), ("DELETE", "/maybe/x")] {
            let answer = page.browser.send(method, path, &headers, None).await;
            assert_eq!(answer.status, status, "{what} {method} {path}: {}", answer.text);
            if status == 200 {
                passed += 1;
                continue;
            }
            assert_eq!(answer.code(), if status == 403 { "csrf_failed" } else { "identity_changed" }, "{what}");
            // X-10: what mends it comes along unless the page is a foreign one, and nothing else changes.
            let set = answer.cookie_names();
            assert!(set.iter().all(|name| ["csrftoken", "auth_hint"].contains(name)), "{what}: {set:?}");
            assert!(set.is_empty() || answer.field("csrf_token") == json!(right), "{what}");
        }
        assert_eq!(upstream.seen().len(), passed, "{what}");
    }
    assert_eq!(rows(), state);
}

#[tokio::test]
async fn x_02_a_cookie_that_repeats_the_header_proves_nothing_and_reading_needs_no_token() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let page = Page::open(&server).await;
    let mut forged = page.browser.copy();
    forged.jar.set("csrftoken", &page.of_a_visitor);
    check("X-02", &act(&forged, "/api/x").await, 403, "csrf_failed");
    // X-06: a request that names a token is held to it.
    let read = async |token: &str| page.browser.send("GET", "/api/x", &[("x-csrftoken", token)], None).await;
    check("a token that is none", &read("garbage").await, 403, "csrf_failed");
    check("a former session's", &read(&page.of_a_former_session).await, 409, "identity_changed");
    assert_eq!(upstream.seen().len(), 0);
    assert_eq!(page.browser.get("/api/x").await.status, 200);
    // Nobody's request rides on nothing.
    let nobody = server.browser();
    assert_eq!(nobody.send("POST", "/maybe/x", &[("origin", &nobody.origin)], None).await.status, 200);
    assert_eq!(upstream.seen().len(), 2);
}

#[tokio::test]
async fn x_09_an_upgrade_that_carries_a_cookie_needs_an_allowed_origin() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let browser = server.logged_in().await;
    let (cookies, url) = (browser.jar.header(), format!("{}/api/socket", server.url));
    for (origin, status) in
        [(None, 403), (Some("null"), 403), (Some("https://evil.test"), 403), (Some("http://localhost.evil.test"), 403)]
    {
        let mut headers = vec![("cookie", cookies.as_str())];
        headers.extend(origin.map(|origin| ("origin", origin)));
        let refused = WebSocket::connect(&url, &headers).await.expect_err("it is refused");
        assert_eq!(refused.status, status, "{origin:?}: {}", refused.text);
    }
    assert!(upstream.seen().is_empty());
    let own = [("cookie", cookies.as_str()), ("origin", browser.origin.as_str())];
    assert!(WebSocket::connect(&url, &own).await.expect("it opens").echoes(SOON).await);
    let nobody = WebSocket::connect(&url, &[("origin", browser.origin.as_str())]).await.expect_err("nobody is refused");
    assert_eq!(nobody.status, 401);
    let anonymous = WebSocket::connect(&format!("{}/maybe/socket", server.url), &[]).await;
    assert!(anonymous.expect("nothing to ride on").echoes(SOON).await);
}

#[tokio::test]
async fn f18_a_page_of_somebody_else_reaches_no_upstream() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let mut browser = server.logged_in().await;
    let stale = browser.jar.csrf().expect("a token").to_owned();
    for state in ["another login", "nobody"] {
        if state == "nobody" {
            assert_eq!(browser.log_out().await.status, 204);
        } else {
            browser.log_in(&server.demo().email, &server.demo().password).await;
        }
        for lost in [false, true] {
            if lost {
                browser.lose_access_token()
            }
            for (method, path) in [
                ("POST", "/api/x"),
                ("GET", "/api/x"),
                ("DELETE", "/maybe/x"),
                ("GET", "/maybe/x"),
                ("POST", "/told/x"),
            ] {
                let answer =
                    browser.send(method, path, &[("origin", &browser.origin), ("x-csrftoken", &stale)], None).await;
                check(&format!("{state} {method} {path}"), &answer, 409, "identity_changed");
                assert!(!answer.hands_out_refresh() && !answer.clears("refreshtoken"), "{:?}", answer.set_cookie);
            }
        }
    }
    assert_eq!(upstream.seen().len(), 0);
}

#[tokio::test]
async fn f17_however_requests_and_logins_are_interleaved_nobody_acts_as_somebody_else() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let mut dice = Dice::new(17);
    let mut jars = [server.logged_in().await, server.logged_in().await, server.logged_in().await];
    let mut sessions = Vec::new();
    for jar in &jars {
        sessions.push(jar.get("/auth/session").await.field("session_key").as_str().expect("one").to_owned());
    }
    // A queue of requests, each with the token of the page that wrote it; the browser's jar changes beneath.
    let (mut present, mut sent, mut refused) = (0, 0, 0);
    for turn in 0..400 {
        match dice.below(10) {
            0 => present = dice.below(jars.len()),
            1 => server.time_travel().pass(super::EXPIRY),
            2 => jars[present].lose_access_token(),
            _ => {
                let writer = dice.below(jars.len());
                let token = jars[writer].jar.csrf().expect("one").to_owned();
                let (browser, path) = (jars[present].copy(), format!("/api/x?turn={turn}"));
                let answer =
                    browser.send("POST", &path, &[("origin", &browser.origin), ("x-csrftoken", &token)], None).await;
                jars[present].keep(&answer);
                let arrived: Vec<String> = upstream.seen_at(&path).iter().filter_map(session_of).collect();
                if writer == present {
                    assert_eq!(
                        (answer.status, arrived),
                        (200, vec![sessions[writer].clone()]),
                        "{turn}: {}",
                        answer.text
                    );
                    sent += 1;
                } else {
                    assert_eq!((answer.status, arrived), (409, Vec::new()), "{turn}: {}", answer.text);
                    // The answer told the page whose jar it is; the next page of that jar has the right token again.
                    assert_eq!(jars[present].get("/auth/session").await.field("session_key"), json!(sessions[present]));
                    refused += 1;
                }
            }
        }
    }
    assert!(sent > 50 && refused > 100, "{sent} {refused}");
}

#[tokio::test]
async fn where_access_tokens_are_bearers_nothing_else_opens_an_upstream() {
    let upstream = Upstream::standard();
    let setup =
        Setup::default().with("tokens.transport", "bearer").with("tokens.access_ttl", "3s").with("tokens.jitter", "0");
    let server = before(&upstream, setup);
    let mut browser = server.logged_in().await;
    let own = browser.origin.clone();
    assert_eq!(browser.get("/api/x").await.status, 200);
    assert_eq!(browser.send("POST", "/api/x", &[("origin", &own)], None).await.status, 200);
    check(
        "foreign",
        &browser.send("POST", "/api/x", &[("origin", "https://evil.test")], None).await,
        403,
        "csrf_failed",
    );
    assert_eq!(upstream.seen().len(), 2);
    tokio::time::sleep(std::time::Duration::from_millis(3100)).await;
    for path in ["/api/x", "/maybe/x"] {
        let answer = browser.get(path).await;
        check("expired", &answer, 401, "invalid_token");
        assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="perennial", error="invalid_token""#));
        assert!(answer.set_cookie.is_empty());
    }
    browser.access = Some("garbage".into());
    check("garbage", &browser.get("/api/x").await, 401, "invalid_token");
    browser.access = None;
    let nothing = browser.get("/api/x").await;
    check("the refresh cookie alone", &nothing, 401, "not_authenticated");
    assert_eq!(nothing.header("www-authenticate"), Some(r#"Bearer realm="perennial""#));
    assert!(nothing.set_cookie.is_empty() && browser.get("/maybe/x").await.status == 200);
    assert_eq!(upstream.last().bearer(), None);
    assert_eq!(upstream.seen().len(), 3);
    assert_eq!(server.time_travel().number("SELECT max(generation) FROM session"), 0);
}

const APP: &str = "https://spa.example.com";

#[tokio::test]
async fn f25_an_allowed_page_reads_every_answer_of_the_gateway_and_no_other_page_does() {
    let upstream = Upstream::standard();
    let lines = format!("[csrf]\nallowed_origins = [\"{APP}\"]\n{}", routes(&upstream.url()));
    let mut site = Site::start(&lines);
    let answer = site.log_in_from(APP, "same-site").await;
    site.browser.keep(&answer);
    let nobody = Browser::new(&site.browser.url);
    let requests = [
        (&site.browser, "GET", "/api/x", 200),
        (&site.browser, "POST", "/api/x", 403),
        (&site.browser, "GET", "/api/status-500", 500),
        (&site.browser, "GET", "/api/close", 502),
        (&site.browser, "GET", "/api/%2f", 400),
        (&site.browser, "TRACE", "/api/x", 405),
        (&nobody, "GET", "/api/x", 401),
        (&nobody, "GET", "/maybe/x", 200),
    ];
    for (browser, method, path, status) in requests {
        for (origin, readable) in
            [(APP, true), (crate::tls::ORIGIN, true), ("https://evil.example.com", false), ("null", false)]
        {
            let answer = browser
                .send(
                    method,
                    path,
                    &[("origin", origin), ("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")],
                    None,
                )
                .await;
            assert_eq!(answer.status, status, "{method} {path} {origin}: {}", answer.text);
            let told =
                (answer.header("access-control-allow-origin"), answer.header("access-control-allow-credentials"));
            assert_eq!(
                told,
                if readable { (Some(origin), Some("true")) } else { (None, None) },
                "{method} {path} {origin}"
            );
            assert!(
                answer.headers.iter().any(|(name, value)| name == "vary" && value == "Origin"),
                "{:?}",
                answer.headers
            );
            if status == 401 {
                assert_eq!(answer.header("content-type"), Some("application/problem+json"));
                assert_eq!(answer.set_cookie, Vec::<String>::new());
            }
        }
    }
    let hits = upstream.seen().len();
    for (origin, status) in [(APP, 204), ("https://evil.example.com", 403)] {
        let asks = [
            ("origin", origin),
            ("access-control-request-method", "PATCH"),
            ("access-control-request-headers", "x-csrftoken, x-mine"),
        ];
        let answer = nobody.send("OPTIONS", "/api/x", &asks, None).await;
        assert_eq!((answer.status, answer.set_cookie.len()), (status, 0), "{origin}");
        let allowed = (answer.header("access-control-allow-methods"), answer.header("access-control-allow-headers"));
        assert_eq!(allowed, if status == 204 { (Some("PATCH"), Some("x-csrftoken, x-mine")) } else { (None, None) });
    }
    assert_eq!(upstream.seen().len(), hits, "no preflight is forwarded");
}

#[tokio::test]
async fn f25_a_call_is_told_401_and_a_navigation_is_sent_to_login_and_back() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let browser = server.browser();
    let calls: [&[(&str, &str)]; 4] = [
        &[],
        &[("accept", "application/json")],
        &[("sec-fetch-mode", "cors"), ("accept", "text/html")],
        &[("sec-fetch-mode", "no-cors")],
    ];
    for headers in calls {
        let answer = browser.send("GET", "/api/x", headers, None).await;
        check(&format!("{headers:?}"), &answer, 401, "not_authenticated");
        assert_eq!((answer.header("location"), answer.set_cookie.len()), (None, 0));
    }
    let pages: [&[(&str, &str)]; 2] = [&[("sec-fetch-mode", "navigate")], &[("accept", "text/html,*/*;q=0.8")]];
    for headers in pages {
        let answer = browser.send("GET", "/api/deep?a=1&b=%2Fx", headers, None).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        assert_eq!(answer.header("location"), Some("/login?return_to=%2Fapi%2Fdeep%3Fa%3D1%26b%3D%252Fx"));
        let answer = browser.send("POST", "/api/deep?a=1", headers, None).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some("/login")),
            "what was posted is not asked for again"
        );
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn f57_no_address_that_a_navigation_asks_for_leads_elsewhere() {
    let upstream = Upstream::standard();
    let everything = format!("[[gateway.routes]]\npath = \"/\"\nupstream = \"{}\"\n", upstream.url());
    let server = Server::start_with(BINARY, Setup::default().with_config(&everything));
    let mut browser = server.logged_in().await;
    let mut stale = browser.copy();
    for _ in 0..2 {
        server.time_travel().pass(super::EXPIRY);
        browser.lose_access_token();
        let answer = browser.get("/x").await;
        browser.keep(&answer);
    }
    stale.lose_access_token();
    let hostile = [
        "//evil.test/x",
        "///evil.test",
        "//evil.test\\@x",
        "/%2f/evil.test",
        "/x//evil.test",
        "/@evil.test",
        "//localhost@evil.test/",
        "/x?u=//evil.test",
    ];
    let page = reqwest::Url::parse(&format!("{}/here", server.url)).expect("a URL");
    for target in hostile {
        for (who, cookies) in [("nobody", String::new()), ("a dead token", stale.jar.header())] {
            let mut raw = perennial_testkit::raw::Raw::connect(&server.url);
            raw.send(format!(
                "GET {target} HTTP/1.1\r\nHost: localhost:{}\r\nSec-Fetch-Mode: navigate\r\nCookie: {cookies}\r\n\r\n",
                server.port()
            ));
            let answer = raw.answer(SOON).expect("an answer");
            let Some(location) = answer.header("location") else {
                assert!([400, 401].contains(&answer.status), "{target} {who}: {}", answer.text());
                continue;
            };
            let landing = page.join(location).expect("an address");
            assert_eq!(landing.origin(), page.origin(), "{target} sends {who} to {location}");
            let return_to =
                landing.query_pairs().find(|(name, _)| name == "return_to").map(|(_, value)| value.into_owned());
            let back = page.join(return_to.as_deref().unwrap_or("/")).expect("an address");
            assert_eq!(back.origin(), page.origin(), "{target} sends {who} to {location}");
        }
    }
    assert_eq!(upstream.seen().len(), 2);
}

#[tokio::test]
async fn f26_the_session_and_every_api_say_the_same() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    for lost in [false, true] {
        let mut browser = server.logged_in().await;
        let other = browser.copy();
        let key = browser.get("/auth/session").await.field("session_key").as_str().expect("a key").to_owned();
        if lost {
            browser.lose_access_token()
        }
        let ended = other
            .send(
                "DELETE",
                &format!("/auth/sessions/{key}"),
                &[("origin", &other.origin), ("x-csrftoken", other.jar.csrf().expect("one"))],
                None,
            )
            .await;
        assert_eq!(ended.status, 204, "{}", ended.text);
        let hits = upstream.seen().len();
        let standing = browser.get("/auth/session").await;
        assert_eq!(
            (standing.field("status"), standing.field("ended_reason")),
            (json!("unauthenticated"), json!("revoked")),
            "{}",
            standing.text
        );
        for path in ["/api/x", "/told/x"] {
            let refused = browser.get(path).await;
            check(path, &refused, 401, "session_ended");
            assert_eq!(refused.field("reason"), "revoked");
            assert!(refused.clears("refreshtoken"), "{:?}", refused.set_cookie);
        }
        assert_eq!(browser.get("/maybe/x").await.status, 200);
        assert_eq!(upstream.last().bearer(), None);
        assert_eq!(upstream.seen().len(), hits + 1);
        browser.keep(&browser.get("/api/x").await);
        assert_eq!(browser.get("/auth/session").await.field("status"), "unauthenticated");
        check("afterwards", &browser.get("/api/x").await, 401, "not_authenticated");
    }
}
