//! Errors on the wire, and requests that must not act: every refusal has the same shape, whatever it is for.

use perennial_testkit::{Answer, Browser, Server, Setup};
use serde_json::{Value, json};

use crate::{
    BINARY,
    login::{assert_refused, challenged},
};

/// RFC 9457, the fields for older clients, and the headers that belong to a status.
#[track_caller]
pub(super) fn assert_problem(answer: &Answer) {
    let body = answer.json();
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{} {}", answer.status, answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.text);
    for field in ["type", "title", "detail", "code", "message"] {
        assert!(body[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {}", answer.text);
    }
    assert_eq!((&body["status"], &body["success"]), (&json!(answer.status), &json!(false)), "{}", answer.text);
    let has = |name: &str| answer.header(name).is_some_and(|value| !value.is_empty());
    assert_eq!(has("www-authenticate"), answer.status == 401, "{}", answer.text);
    assert_eq!(has("allow"), answer.status == 405, "{} {:?}", answer.text, answer.headers);
    assert_eq!(has("retry-after"), matches!(answer.status, 429 | 503), "{}", answer.text);
}

#[track_caller]
fn check(answer: &Answer, status: u16, code: &str) {
    assert_refused(answer, status, code);
    assert_problem(answer);
}

const JSON: (&str, &str) = ("content-type", "application/json");

/// Every call that takes a POST, and whether its body has fields.
const POSTS: [(&str, bool); 12] = [
    ("/auth/session", false),
    ("/auth/token", false),
    ("/auth/register", true),
    ("/auth/verify-otp", true),
    ("/auth/resend-otp", false),
    ("/auth/login", true),
    ("/auth/mfa/setup", false),
    ("/auth/mfa/setup/confirm", true),
    ("/auth/mfa/verify", true),
    ("/auth/logout", false),
    ("/auth/logout-all", false),
    ("/auth/reauthenticate", true),
];

#[tokio::test]
async fn every_refusal_of_a_visitor_is_a_problem_with_its_headers() {
    let server = Server::start(BINARY);
    let mut browser = server.browser();
    browser.session_and_keep().await;
    check(&browser.get("/auth/nothing").await, 404, "not_found");
    check(&browser.get("/nothing").await, 404, "not_found");
    check(&browser.get("/auth/sessions").await, 401, "not_authenticated");
    check(&browser.refresh().await, 401, "not_authenticated");
    check(&browser.post("/mfa/setup", None).await, 401, "not_authenticated");
    for (call, _) in POSTS {
        check(&browser.send("DELETE", call, &[], None).await, 405, "method_not_allowed");
    }
    check(&browser.get("/auth/login/").await, 405, "method_not_allowed");
    check(&browser.get("/logout").await, 405, "method_not_allowed");
    check(&browser.log_in(&server.demo().email, "wrong").await, 401, "invalid_credentials");
    check(&browser.post("/login", Some(&json!({ "email": "ada@example.com" }))).await, 400, "invalid_request");
    check(&browser.post("/login", Some(&json!([]))).await, 400, "invalid_request");
    check(&browser.post("/mfa/verify", Some(&json!({ "code": "000000" }))).await, 401, "not_authenticated");
    check(
        &browser.send("POST", "/auth/login", &[JSON], Some(&json!({ "email": "", "password": "" }))).await,
        403,
        "csrf_failed",
    );
    check(&browser.send("POST", "/auth/logout", &[], None).await, 403, "csrf_failed");
    check(&browser.send("POST", "/auth/session", &[("origin", "https://e.test")], None).await, 403, "csrf_failed");
    browser.jar.set("refreshtoken", "prn1.AAAA");
    check(&browser.refresh().await, 401, "invalid_token");
    let mut waiting = challenged(&server, server.with_second_factor()).await;
    check(&waiting.post_and_keep("/mfa/verify", Some(&json!({ "code": "no code" }))).await, 401, "invalid_code");
}

#[tokio::test]
async fn every_refusal_of_a_session_is_a_problem_with_its_headers() {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    check(&browser.send("DELETE", "/auth/sessions/unknown", &csrf(&browser), None).await, 404, "not_found");
    check(&browser.send("DELETE", "/auth/sessions/unknown", &[], None).await, 403, "csrf_failed");
    let mut other_tab = browser.copy();
    other_tab.jar.set("csrftoken", server.logged_in().await.jar.csrf().expect("a token"));
    check(&other_tab.refresh().await, 409, "identity_changed");
    let old = browser.copy();
    for _ in 0..2 {
        server.time_travel().pass(900);
        assert_eq!(browser.refresh_and_keep().await.status, 200);
    }
    check(&old.refresh().await, 401, "stale_token");
    server.time_travel().execute("UPDATE session SET authenticated_at = authenticated_at - 86400000");
    check(&browser.post("/mfa/setup", None).await, 401, "reauthentication_required");

    let busy = server.time_travel();
    busy.execute("UPDATE session SET delivered_at = delivered_at - 900000; BEGIN IMMEDIATE");
    check(&browser.refresh().await, 503, "auth_unavailable");
    busy.execute("ROLLBACK");
    browser.log_out().await;
    check(&old.refresh().await, 401, "session_ended");
}

/// What the SDK sends with every unsafe call.
fn csrf(browser: &Browser) -> [(&str, &str); 2] {
    [("origin", &browser.url), ("x-csrftoken", browser.jar.csrf().unwrap_or_default())]
}

#[tokio::test]
async fn other_content_types_are_refused_before_anything_happens() {
    let server = Server::start(BINARY);
    let mut browser = server.browser();
    browser.session_and_keep().await;
    let right =
        json!({ "email": server.demo().email, "password": server.demo().password, "code": "000000" }).to_string();
    let types = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "json",
        "application/jsonp",
        "text/plain; x=application/json",
    ];
    let before = state(&server);
    for (call, _) in POSTS.iter().filter(|(call, _)| *call != "/auth/token") {
        for kind in types {
            let [origin, token] = csrf(&browser);
            let headers: [(&str, &[u8]); 3] =
                [("content-type", kind.as_bytes()), (origin.0, origin.1.as_bytes()), (token.0, token.1.as_bytes())];
            let answer = browser.send_bytes("POST", call, &headers, right.clone().into_bytes()).await;
            check(&answer, 415, "unsupported_media_type");
            assert!(answer.set_cookie.is_empty(), "{call} {kind}");
        }
    }
    assert_eq!(state(&server), before);
    let kind = ("content-type", "Application/JSON ; charset=UTF-8");
    let [origin, token] = csrf(&browser);
    let body: Value = serde_json::from_str(&right).expect("JSON");
    assert_eq!(browser.send("POST", "/auth/login", &[origin, token, kind], Some(&body)).await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let server = Server::start_with(BINARY, Setup::default().with("limits.body_bytes", "8192"));
    let mut browser = server.browser();
    browser.session_and_keep().await;
    for (call, _) in POSTS {
        let [origin, token] = csrf(&browser);
        let headers: [(&str, &[u8]); 3] =
            [("content-type", b"application/json"), (origin.0, origin.1.as_bytes()), (token.0, token.1.as_bytes())];
        check(&browser.send_bytes("POST", call, &headers, vec![b' '; 8193]).await, 413, "body_too_large");
        assert_ne!(browser.send_bytes("POST", call, &headers, vec![b' '; 8192]).await.status, 413, "{call}");
    }
    check(&browser.send_bytes("POST", "/login", &[], vec![b'x'; 9000]).await, 413, "body_too_large");
}

/// Everything in the database that a request could change.
fn state(server: &Server) -> String {
    let rows = "SELECT group_concat(row, ' ') FROM (
        SELECT hex(sid) || generation || late || confirmed || active_at || ends_at || coalesce(ended_at, 0)
            || delivered_at || authenticated_at || methods AS row FROM session
        UNION ALL SELECT id || email || password_hash || disabled || coalesce(last_login_at, 0)
            || coalesce(last_step, 0) || coalesce(hex(sealed_secret), '') FROM account
        UNION ALL SELECT hex(token_hash) || attempts_left || coalesce(resends_left, 0) FROM pending
        UNION ALL SELECT hex(key) || used FROM allowance
        UNION ALL SELECT hex(hash) FROM recovery_code
        UNION ALL SELECT 'audited ' || count(*) FROM audit)";
    server.time_travel().text(rows)
}

#[tokio::test]
async fn reading_changes_nothing() {
    let server = Server::start(BINARY);
    let paths = [
        "/",
        "/account",
        "/account/sessions/end",
        "/login",
        "/logout",
        "/logout-all",
        "/register",
        "/verify-email",
        "/verify-email/resend",
        "/mfa/setup",
        "/mfa/setup/begin",
        "/mfa/verify",
        "/auth/session",
        "/auth/sessions",
        "/auth/token",
        "/auth/login",
        "/auth/logout",
        "/auth/mfa/setup",
        "/auth/sessions/x",
        "/.well-known/jwks.json",
        "/pages/style.css",
        "/dev/mailbox",
        "/dev/mailbox.json",
    ];
    let mut waiting = server.browser();
    crate::login::ask_for_account(&mut waiting, "ada@example.com", crate::login::PASSWORD).await;
    let jars =
        [server.browser(), waiting, challenged(&server, server.with_second_factor()).await, server.logged_in().await];
    let before = state(&server);
    for browser in &jars {
        for path in paths {
            for method in ["GET", "HEAD", "OPTIONS"] {
                let answer = browser.send(method, path, &[], None).await;
                assert!(answer.status < 500, "{method} {path}");
                assert_eq!(state(&server), before, "{method} {path} with {:?}", browser.jar.names());
            }
        }
    }
}
