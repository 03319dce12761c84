//! What a client can write, and where it can ask, changes nothing.

use std::time::Duration;

use perennial_service::{pages, settings::PageSettings};
use perennial_testkit::{Brand, Nodes, Setup, raw::Raw};
use serde_json::json;

use super::{Site, assert_quiet, trusting, verify};
use crate::BINARY;

const FORGED: [(&str, &str); 18] = [
    ("remote-user", "mallory"),
    ("Remote-Groups", "admins"),
    ("authorization", "Bearer forged"),
    ("x-forwarded-for", "6.6.6.6"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "gopher"),
    ("x-forwarded-method", "OPTIONS"),
    ("x-forwarded-uri", "/public"),
    ("x-forwarded-user", "mallory"),
    ("x-forwarded-email", "mallory"),
    ("x-forwarded-groups", "mallory"),
    ("x-forwarded-port", "6666"),
    ("x-forwarded-prefix", "/evil"),
    ("x-forwarded-server", "evil"),
    ("forwarded", "for=6.6.6.6"),
    ("x-real-ip", "6.6.6.6"),
    ("Remote_User", "mallory"),
    ("X_Forwarded_For", "6.6.6.6"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_says_of_itself_reaches_neither_the_judge_nor_the_app() {
    let site = Site::start();
    for (brand, browser) in site.people() {
        let answer = browser.send("GET", "/deep/../echo?a=1", &FORGED, None).await;
        assert_eq!(answer.status, 200, "{brand:?}: {}", answer.text);
        let seen = site.app.last();
        assert_eq!(seen.every("remote-user"), ["usr_ada"], "{brand:?}");
        assert_eq!(seen.every("authorization").len(), 1, "{brand:?}");
        for line in &seen.headers {
            let text = format!("{line:?}");
            let words = ["mallory", "admins", "6.6.6.6", "6666", "evil", "gopher", "forged"];
            assert!(!words.iter().any(|word| text.contains(word)), "{brand:?}: {text}");
        }
        assert_eq!(seen.every("x-forwarded-for"), ["127.0.0.1"], "{brand:?}");
        assert_eq!(seen.every("x-forwarded-proto"), ["http"], "{brand:?}");
        let host = browser.url.trim_start_matches("http://");
        assert_eq!((seen.every("x-forwarded-host"), seen.header("host")), (vec![host], Some(host)), "{brand:?}");
        assert_eq!((seen.header("x-forwarded-method"), seen.header("x-forwarded-uri")), (None, None), "{brand:?}");
        // It says that it reads, and acts.
        let refused = browser.send("DELETE", "/echo", &FORGED, None).await;
        assert_eq!(refused.status, 403, "{brand:?}: {}", refused.text);
        let mut visitor = browser.copy();
        visitor.jar = perennial_testkit::Jar::default();
        assert_eq!(visitor.send("GET", "/echo", &FORGED, None).await.status, 401, "{brand:?}");
    }
    assert_eq!(site.app.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cookies_of_others_reach_the_app_as_they_are() {
    let site = Site::start();
    for (brand, browser) in site.people() {
        let forms = "a=$host; b={http.request.host}; c={env.HOME}; d=${host}; e=\u{e9}";
        let mut raw = Raw::connect(&browser.url);
        let cookies = format!("{}; {forms}", browser.jar.header());
        raw.send(format!("GET /echo HTTP/1.1\r\nhost: localhost\r\ncookie: {cookies}\r\n\r\n"));
        assert_eq!(raw.answer(Duration::from_secs(10)).expect("it answers").status, 200, "{brand:?}");
        assert_eq!(site.app.last().every("cookie"), [forms], "{brand:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_outside_is_answered_by_the_endpoint() {
    let site = Site::start();
    let targets = ["verify", "verify?x", "/verify", "%76erify", "./verify", "x/../verify", "Verify", "verify/"];
    for (brand, browser) in site.people() {
        let internal = (brand == Brand::Nginx).then(|| "/_perennial_verify".to_owned());
        for target in targets.map(|last| format!("/auth/{last}")).into_iter().chain(internal) {
            let lines =
                format!("cookie: {}\r\nx-forwarded-method: GET\r\nx-forwarded-uri: /\r\n", browser.jar.header());
            let mut raw = Raw::connect(&browser.url);
            raw.send(format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n{lines}\r\n"));
            let answer = raw.answer(Duration::from_secs(10)).expect("it answers");
            assert!(answer.status == 404, "{brand:?} {target}: {answer:?}");
            let told = answer.headers.iter().find(|(name, _)| name.to_ascii_lowercase().starts_with("remote-"));
            assert_eq!(told, None, "{brand:?} {target}");
        }
    }
    assert!(site.app.seen().is_empty(), "{:?}", site.app.seen());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_web_server_that_the_configuration_names_is_answered() {
    let mut nodes = Nodes::start(BINARY, 1, trusting(Setup::default()));
    nodes.add(&[("PERENNIAL__SERVER__TRUSTED_PROXIES", "[\"10.0.0.0/8\"]")]);
    nodes.add(&[("PERENNIAL__SERVER__TRUSTED_PROXIES", "[]")]);
    let browser = nodes.issue("usr_ada", 1).remove(0);
    let lines = [("x-forwarded-method", "GET"), ("x-forwarded-uri", "/echo"), ("x-forwarded-for", "10.0.0.1")];
    for (number, status) in [(0, 200), (1, 404), (2, 404)] {
        for query in ["", "?refusals=headers", "?optional=true"] {
            let answer = verify(&browser.at(&nodes.node(number).url), query, &lines).await;
            assert_eq!(answer.status, status, "{number} {query}: {}", answer.text);
            assert_eq!(answer.header("remote-user").is_some(), status == 200, "{number} {query}");
            assert!(status == 200 || answer.code() == "not_found", "{number} {query}: {}", answer.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f54_an_address_that_a_client_forges_behind_a_web_server_changes_nothing() {
    let site = Site::start_with(Setup::default().with("limits.login_failures_per_address", "6"));
    let mut statuses = Vec::new();
    for (_, mut browser) in site.visitors() {
        browser.session_and_keep().await;
        let csrf = browser.jar.csrf().expect("a visitor's token").to_owned();
        for number in 0..4 {
            let (address, email) = (format!("203.0.113.{number}"), format!("nobody-{number}@example.com"));
            let lines = [
                ("x-csrftoken", csrf.as_str()),
                ("origin", &browser.origin),
                ("x-forwarded-for", &address),
                ("forwarded", &format!("for={address}")),
                ("x-real-ip", &address),
            ];
            let body = json!({ "email": email, "password": "wrong" });
            statuses.push(browser.send("POST", "/auth/login", &lines, Some(&body)).await.status);
        }
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 401, 429, 429]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_of_perennials_is_found_behind_a_web_server() {
    let site = Site::start();
    let settings = PageSettings { login: "/login".into(), after_login: "/".into(), mailbox: None };
    let others = ["/.well-known/jwks.json", "/auth/session", "/auth/openapi.json"].map(str::to_owned);
    let paths: Vec<String> = pages::paths(&settings).chain(others).collect();
    for (brand, browser) in site.visitors() {
        for path in &paths {
            let answer = browser.send("GET", path, &[], None).await;
            assert_ne!(answer.status, 404, "{brand:?} {path}: {}", answer.text);
            assert_quiet(brand, &answer);
            // Asked for the way to an app, it would not be found without a login.
            assert_ne!(answer.code(), "not_authenticated", "{brand:?} {path}");
        }
    }
    assert!(site.app.seen().is_empty(), "{:?}", site.app.seen());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_cookies_and_bodies_pass_on_connections_that_are_kept() {
    let site = Site::start();
    for (brand, browser) in site.people() {
        let before = site.app.connections();
        let csrf = browser.jar.csrf().expect("a token").to_owned();
        let mut large = browser.copy();
        large.jar.set("large", &"x".repeat(6000));
        for _ in 0..3 {
            assert_eq!(large.get("/echo").await.status, 200, "{brand:?}");
            assert!(site.app.last().cookie("large").is_some_and(|value| value.len() == 6000), "{brand:?}");
            let body = vec![b'x'; 512 * 1024];
            let sunk = browser.send_bytes("POST", "/sink", &[("x-csrftoken", csrf.as_bytes())], body).await;
            assert_eq!((sunk.status, sunk.field("bytes")), (200, json!(512 * 1024)), "{brand:?}: {}", sunk.text);
        }
        assert_eq!(site.app.connections(), before + 1, "{brand:?}");
        assert_ne!(site.app.last().header("connection"), Some("upgrade"), "{brand:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_but_a_web_socket_is_asked_of_the_app() {
    let site = Site::start();
    for (brand, browser) in site.people() {
        let origin = browser.origin.clone();
        for protocol in ["h2c", "websocket, h2c", "TLS/1.2"] {
            let headers = [("upgrade", protocol), ("connection", "Upgrade, HTTP2-Settings"), ("origin", &origin)];
            assert_eq!(browser.send("GET", "/echo", &headers, None).await.status, 200, "{brand:?} {protocol}");
            assert_eq!(site.app.last().header("upgrade"), None, "{brand:?} {protocol}");
        }
    }
}
