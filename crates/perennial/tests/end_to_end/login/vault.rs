//! The wire contract `vault`: the paths, fields, header and cookies that its frontends are written for.

use perennial_testkit::{Answer, Browser, Server, Setup};
use serde_json::json;

use super::{assert_refused, challenged, give_password, secret_of, send_code, shown_code};
use crate::BINARY;

fn vault() -> Server {
    Server::start_with(BINARY, Setup::wire("vault"))
}

fn at(server: &Server) -> Browser {
    let mut browser = server.browser();
    browser.base = "/api/auth".to_owned();
    browser
}

async fn read_session(browser: &mut Browser) -> Answer {
    let answer = browser.get("/api/auth/session/").await;
    browser.keep(&answer);
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer
}

#[track_caller]
fn assert_flags(answer: &Answer, flags: [bool; 4]) {
    let fields = ["is_authenticated", "has_refresh_token", "has_mfa_setup_token", "has_mfa_verify_token"];
    assert_eq!(fields.map(|field| answer.field(field).as_bool()), flags.map(Some), "{}", answer.text);
}

/// `POST /api/auth/token/` as the frontend sends it: declared as JSON, and without a body.
async fn refresh(browser: &Browser) -> Answer {
    let csrf = browser.jar.csrf().unwrap_or_default().to_owned();
    let headers = [("content-type", "application/json"), ("x-csrftoken", &csrf), ("origin", &browser.url)];
    browser.send("POST", "/api/auth/token/", &headers, None).await
}

#[tokio::test]
async fn vault_a_person_logs_in_with_the_second_factor_and_is_renewed() {
    let server = vault();
    let mut browser = at(&server);
    assert_flags(&read_session(&mut browser).await, [false, false, false, false]);

    let account = server.with_second_factor().clone();
    let body = json!({ "email": account.email, "password": account.password });
    let answer = browser.post_and_keep("/login/", Some(&body)).await;
    assert_eq!(answer.field("status"), "mfa_verify_required", "{}", answer.text);
    for _reload in 0..3 {
        assert_flags(&read_session(&mut browser).await, [false, false, false, true]);
    }
    let answer = send_code(&mut browser, "/mfa/verify/", &shown_code(&account)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_flags(&read_session(&mut browser).await, [true, true, false, false]);

    browser.lose_access_token();
    assert_flags(&read_session(&mut browser).await, [false, true, false, false]);
    let answer = refresh(&browser).await;
    browser.keep(&answer);
    assert_eq!((answer.status, answer.field("access")), (200, true.into()), "{}", answer.text);
    assert_flags(&read_session(&mut browser).await, [true, true, false, false]);
    assert_eq!(browser.post_and_keep("/logout/", None).await.status, 204);
    assert_flags(&read_session(&mut browser).await, [false, false, false, false]);
}

#[tokio::test]
async fn vault_everyone_is_led_to_a_second_factor_and_stays_there_over_reloads() {
    let server = vault();
    let mut browser = at(&server);
    read_session(&mut browser).await;
    let body = json!({ "email": server.demo().email, "password": server.demo().password });
    let answer = browser.post_and_keep("/login/", Some(&body)).await;
    assert_eq!(answer.field("status"), "mfa_setup_required", "{}", answer.text);
    assert_flags(&read_session(&mut browser).await, [false, false, true, false]);

    let secret = secret_of(&browser.post_and_keep("/mfa/setup/", None).await);
    assert_flags(&read_session(&mut browser).await, [false, false, true, false]);
    assert_eq!(secret_of(&browser.post_and_keep("/mfa/setup/", None).await), secret, "a reload keeps the secret");
    let code = perennial_testkit::code_at(&secret, 0);
    let answer = send_code(&mut browser, "/mfa/setup/confirm/", &code).await;
    assert_eq!(answer.field("recovery_codes").as_array().map(Vec::len), Some(10), "{}", answer.text);
    assert_flags(&read_session(&mut browser).await, [true, true, false, false]);
}

#[tokio::test]
async fn vault_registration_speaks_the_same_paths() {
    let server = vault();
    let mut browser = at(&server);
    read_session(&mut browser).await;
    let body = json!({ "email": "ada@example.com", "password": super::PASSWORD });
    let answer = browser.post_and_keep("/register/", Some(&body)).await;
    assert_eq!(answer.field("status"), "verify_email_required", "{}", answer.text);
    server.code_of_mail("ada@example.com", 1).await;
    assert_eq!(browser.post_and_keep("/resend-otp/", None).await.status, 200);
    let code = server.code_of_mail("ada@example.com", 2).await;
    let answer = send_code(&mut browser, "/verify-otp/", &code).await;
    assert_eq!(answer.field("status"), "mfa_setup_required", "{}", answer.text);
}

#[tokio::test]
async fn vault_the_csrf_cookie_is_called_csrftoken_and_lives_as_long_as_the_session() {
    let server = vault();
    let account = server.with_second_factor().clone();
    let mut browser = challenged(&server, &account).await;
    browser.base = "/api/auth".to_owned();
    let answer = send_code(&mut browser, "/mfa/verify/", &shown_code(&account)).await;

    let line = |name: &str| answer.set_cookie.iter().find(|line| line.starts_with(name)).expect("the cookie is set");
    let max_age = |line: &str| -> i64 {
        let (_, rest) = line.split_once("Max-Age=").expect("every cookie says how long it lives");
        rest.split(';').next().and_then(|seconds| seconds.parse().ok()).expect("seconds")
    };
    let session = answer.field("session_expires_in").as_i64().expect("seconds");
    assert!((max_age(line("csrftoken=")) - session).abs() <= 1 && session > 29 * 86_400, "{session}");
    assert!((max_age(line("refreshtoken-")) - session).abs() <= 1);
    assert!((max_age(line("accesstoken-")) - answer.field("expires_in").as_i64().expect("seconds")).abs() <= 1);
    assert!(!line("csrftoken=").contains("HttpOnly"));
    for cookie in ["refreshtoken-", "accesstoken-", "known="] {
        assert!(line(cookie).contains("HttpOnly"), "{}", line(cookie).split('=').next().unwrap_or_default());
    }
    for line in &answer.set_cookie {
        assert!(line.contains("Path=/") && line.contains("SameSite=Lax") && !line.contains("Domain"), "{line}");
    }
    assert_eq!(answer.field("csrf_token").as_str(), browser.jar.get("csrftoken"));
}

#[tokio::test]
async fn vault_a_renewal_needs_the_csrf_header_and_errors_are_json() {
    let server = vault();
    let account = server.with_second_factor().clone();
    let mut browser = challenged(&server, &account).await;
    browser.base = "/api/auth".to_owned();
    send_code(&mut browser, "/mfa/verify/", &shown_code(&account)).await;

    let without = browser.send("POST", "/api/auth/token/", &[("content-type", "application/json")], None).await;
    assert_refused(&without, 403, "csrf_failed");
    assert_eq!(without.field("csrf_token").as_str(), browser.jar.csrf());
    assert_eq!(refresh(&browser).await.status, 200);

    let mut stranger = at(&server);
    assert_refused(&refresh(&stranger).await, 401, "not_authenticated");
    give_password(&mut stranger, &account).await;
    for (path, status) in [("/api/auth/nothing/", 404), ("/api/auth/login/", 405), ("/api/auth/sessions/", 404)] {
        let answer = stranger.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.field("success"), false, "{path}: {}", answer.text);
    }
}
