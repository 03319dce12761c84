//! Pages of other origins of the site: what they may ask, and that they can read every answer; foreign origins
//! get no such header on anything.

use std::time::Duration;

use perennial_testkit::{Answer, Browser, Server, Setup, free_port};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{BINARY, tls::Site};

const APP: &str = "https://spa.example.com";

/// What a page of this origin is told beside the answer itself.
#[track_caller]
fn assert_readable(answer: &Answer, origin: &str) {
    let told = ["access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers"]
        .map(|name| answer.header(name));
    assert_eq!(told, [Some(origin), Some("true"), Some("Retry-After, WWW-Authenticate")], "{}", answer.text);
    assert!(varies_by_origin(answer), "{:?}", answer.headers);
}

#[track_caller]
fn assert_unreadable(answer: &Answer, origin: &str) {
    let told = answer.headers.iter().any(|(name, _)| name.starts_with("access-control-"));
    assert!(!told && varies_by_origin(answer), "{origin}: {:?}", answer.headers);
}

fn varies_by_origin(answer: &Answer) -> bool {
    answer.headers.iter().any(|(name, value)| name == "vary" && value == "Origin")
}

/// A site with one more origin, and the origins that are none of it.
fn site() -> Site {
    Site::start(&format!("[csrf]\nallowed_origins = [\"{APP}\"]\n[tokens]\ntransport = \"bearer\"\n"))
}

const FOREIGN: [&str; 8] = [
    "https://evil.example.com",
    "https://spa.example.com.evil.test",
    "https://spa.example.com:444",
    "http://spa.example.com",
    "https://SPA.example.com",
    "https://spa.example.co",
    "http://localhost:8080",
    "null",
];

async fn ask(browser: &Browser, origin: &str, method: &str, path: &str) -> Answer {
    browser.send(method, path, &[("origin", origin), ("sec-fetch-site", "same-site")], None).await
}

#[tokio::test]
async fn f25_every_answer_is_readable_by_an_allowed_origin_and_by_no_other() {
    let site = site();
    let requests = [
        ("GET", "/auth/session", 200),
        ("GET", "/auth/sessions", 401),
        ("POST", "/auth/token", 401),
        ("POST", "/auth/login", 415),
        ("GET", "/auth/login", 405),
        ("GET", "/auth/nothing", 404),
        ("GET", "/.well-known/jwks.json", 200),
        ("OPTIONS", "/auth/session", 405),
    ];
    for (method, path, status) in requests {
        let answer = ask(&site.browser, APP, method, path).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        assert_readable(&answer, APP);
        let own = ask(&site.browser, crate::tls::ORIGIN, method, path).await;
        assert_readable(&own, crate::tls::ORIGIN);
        for foreign in FOREIGN {
            assert_unreadable(&ask(&site.browser, foreign, method, path).await, foreign);
        }
        assert_unreadable(&site.browser.send(method, path, &[], None).await, "no origin");
    }
    let large = "x".repeat(70_000).into_bytes();
    let headers: [(&str, &[u8]); 2] = [("origin", APP.as_bytes()), ("content-type", b"application/json")];
    let answer = site.browser.send_bytes("POST", "/auth/login", &headers, large).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    assert_readable(&answer, APP);
}

#[tokio::test]
async fn a_preflight_is_answered_before_anything_else_and_remembered() {
    let site = site();
    for path in ["/auth/token", "/auth/sessions/kq3", "/auth/nothing/at/all"] {
        let preflight = async |origin: &str| {
            let headers = [
                ("origin", origin),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "authorization,content-type,x-csrftoken"),
            ];
            site.browser.send("OPTIONS", path, &headers, None).await
        };
        let answer = preflight(APP).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{path}");
        assert_readable(&answer, APP);
        let told = ["access-control-allow-methods", "access-control-allow-headers", "access-control-max-age"]
            .map(|name| answer.header(name).unwrap_or_default());
        assert_eq!(told, ["GET, POST, DELETE", "content-type, authorization, x-csrftoken", "7200"]);
        assert!(answer.set_cookie.is_empty());
        for foreign in FOREIGN {
            let answer = preflight(foreign).await;
            assert_eq!((answer.status, answer.code().as_str()), (403, "csrf_failed"), "{foreign}");
            assert_unreadable(&answer, foreign);
        }
    }
}

#[tokio::test]
async fn an_answer_that_took_too_long_and_a_store_that_is_gone_are_readable_too() {
    let server = Server::start_with(BINARY, Setup::default().with("limits.request_timeout", "1s"));
    let page = format!("http://localhost:{}", free_port());
    let address = server.url.replace("http://localhost", "127.0.0.1");
    let mut stream = TcpStream::connect(&address).await.expect("the server listens");
    let host = server.url.trim_start_matches("http://");
    let head = format!(
        "POST /auth/login HTTP/1.1\r\nhost: {host}\r\norigin: {page}\r\ncontent-type: application/json\r\n\
         content-length: 10\r\nconnection: close\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.expect("the request begins");
    let mut answer = String::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut answer));
    read.await.expect("it is answered in time").expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains(&format!("access-control-allow-origin: {page}\r\n")), "{answer}");
    assert!(answer.contains("retry-after: "), "{answer}");

    let browser = server.logged_in().await;
    let time = server.time_travel();
    time.execute("BEGIN EXCLUSIVE");
    let csrf = browser.jar.csrf().expect("a token").to_owned();
    let answer = browser
        .send(
            "POST",
            "/auth/reauthenticate",
            &[("origin", &page), ("x-csrftoken", &csrf)],
            Some(&json!({ "password": "some words" })),
        )
        .await;
    time.execute("COMMIT");
    assert_eq!((answer.status, answer.code().as_str()), (503, "auth_unavailable"), "{}", answer.text);
    assert_readable(&answer, &page);
}

#[tokio::test]
async fn hosted_forms_may_lead_to_the_allowed_origins_and_nowhere_else() {
    for (site, targets) in [(site(), format!("'self' {APP}")), (Site::start(""), "'self'".to_owned())] {
        let page = site.browser.get("/login").await;
        let policy = page.header("content-security-policy").expect("every page has one").to_owned();
        assert!(policy.contains(&format!("; form-action {targets}; ")), "{policy}");
    }
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_logs_in_is_renewed_and_leaves() {
    let mut site = site();
    let login = site.log_in_from(APP, "same-site").await;
    assert_eq!(login.status, 200, "{}", login.text);
    assert_readable(&login, APP);
    site.browser.keep(&login);
    for (method, path, status) in
        [("GET", "/auth/sessions", 200), ("POST", "/auth/session", 200), ("POST", "/auth/logout", 204)]
    {
        let answer = ask(&site.browser, APP, method, path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        assert_readable(&answer, APP);
    }
}
