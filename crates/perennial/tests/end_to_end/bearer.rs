//! Bearer transport: the access token comes in bodies, lives in the page's memory and travels in the
//! `Authorization` header; the refresh cookie opens `token`, `session` and `logout`, and nothing else.

mod identity;

use perennial_testkit::{Answer, Browser, Server, Setup, code_at};
use serde_json::{Value, json};

use crate::{
    BINARY,
    login::{PASSWORD, ask_for_account, secret_of, send_code},
};

fn bearer() -> Setup {
    Setup::default().with("tokens.transport", "bearer")
}

/// The calls that only a person who is logged in may make, with bodies that are right.
fn calls_for_a_person() -> [(&'static str, &'static str, Option<Value>); 6] {
    [
        ("GET", "/auth/sessions", None),
        ("DELETE", "/auth/sessions/kq3kq3kq3kq3kq3k", None),
        ("POST", "/auth/reauthenticate", Some(json!({ "password": "whatever it is" }))),
        (
            "POST",
            "/auth/password/change",
            Some(json!({ "current_password": "whatever it is", "new_password": PASSWORD })),
        ),
        ("POST", "/auth/logout-all", None),
        ("POST", "/auth/mfa/setup", None),
    ]
}

/// A request of a page of this server that sends no anti-CSRF token.
async fn from_page(browser: &Browser, method: &str, path: &str, body: Option<&Value>) -> Answer {
    browser.send(method, path, &[("origin", &browser.url), ("sec-fetch-site", "same-origin")], body).await
}

#[track_caller]
fn assert_refused(answer: &Answer, code: &str, challenge: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (401, code), "{}", answer.text);
    assert_eq!(answer.header("www-authenticate"), Some(challenge));
    assert!(answer.set_cookie.is_empty(), "{:?}", answer.cookie_names());
}

/// RFC 6750 §3.1: no error where no credential came.
const NONE_CAME: &str = r#"Bearer realm="perennial""#;
const BAD_TOKEN: &str = r#"Bearer realm="perennial", error="invalid_token""#;

/// The answer mints an access token: in its body, in no cookie, and nothing keeps a copy of it.
#[track_caller]
fn minted(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let access = answer.access().unwrap_or_else(|| panic!("no access token: {}", answer.text));
    assert_eq!(access.split('.').count(), 3, "{access}");
    assert!(!answer.sets("accesstoken"), "{:?}", answer.cookie_names());
    assert!(answer.set_cookie.iter().all(|line| !line.contains(&access)));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.field("expires_in").as_i64().is_some_and(|seconds| seconds > 0), "{}", answer.text);
    access
}

#[tokio::test]
async fn the_access_token_comes_in_the_body_of_every_answer_that_mints_one_and_in_no_cookie() {
    let server = Server::start_with(BINARY, bearer());
    let mut browser = server.browser();
    let login = browser.log_in(&server.demo().email, &server.demo().password).await;
    let mut tokens = vec![minted(&login)];
    assert!(login.hands_out_refresh() && login.sets("csrftoken") && login.sets("auth_hint"), "{:?}", login.set_cookie);
    tokens.push(minted(&browser.refresh_and_keep().await));
    let password = json!({ "password": server.demo().password });
    tokens.push(minted(&browser.post_and_keep("/reauthenticate", Some(&password)).await));

    assert_eq!(browser.session_and_keep().await.field("status"), "authenticated");
    let resumed = browser.post_and_keep("/session", None).await;
    assert_eq!((resumed.field("status"), resumed.access()), ("authenticated".into(), None), "it has a good one");
    browser.lose_access_token();
    let read = browser.session_and_keep().await;
    let told = ["is_authenticated", "has_refresh_token", "access"].map(|field| read.field(field));
    assert_eq!(told, [json!(false), json!(true), Value::Null], "{}", read.text);
    tokens.push(minted(&browser.post_and_keep("/session", None).await));

    let account = server.with_second_factor();
    let mut browser = server.browser();
    let answer = browser.log_in(&account.email, &account.password).await;
    assert_eq!((answer.field("status"), answer.access()), ("mfa_verify_required".into(), None), "{}", answer.text);
    let code = code_at(account.totp_secret.as_ref().expect("it has one"), 0);
    tokens.push(minted(&send_code(&mut browser, "/mfa/verify", &code).await));
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 5);
}

#[tokio::test]
async fn a_registration_ends_with_an_access_token_in_the_body() {
    let server = Server::start_with(BINARY, bearer());
    let mut browser = server.browser();
    ask_for_account(&mut browser, "ada@example.com", PASSWORD).await;
    let code = server.code_of_mail("ada@example.com", 1).await;
    minted(&send_code(&mut browser, "/verify-otp", &code).await);

    let server = Server::start_with(BINARY, bearer().with("mfa.policy", "required"));
    let mut browser = server.browser();
    browser.log_in(&server.demo().email, &server.demo().password).await;
    let secret = secret_of(&browser.post_and_keep("/mfa/setup", None).await);
    minted(&send_code(&mut browser, "/mfa/setup/confirm", &code_at(&secret, 0)).await);
}

#[tokio::test]
async fn a_second_factor_is_added_inside_a_session_by_its_bearer_only() {
    let server = Server::start_with(BINARY, bearer());
    let mut browser = server.logged_in().await;
    let secret = secret_of(&browser.post_and_keep("/mfa/setup", None).await);
    let mut cookies_only = browser.copy();
    cookies_only.access = None;
    let answer = send_code(&mut cookies_only, "/mfa/setup/confirm", &code_at(&secret, 0)).await;
    assert_refused(&answer, "not_authenticated", NONE_CAME);
    let answer = send_code(&mut browser, "/mfa/setup/confirm", &code_at(&secret, 0)).await;
    assert_eq!((answer.status, answer.field("aal")), (200, json!(2)), "{}", answer.text);
    assert_eq!(answer.access(), None, "the page's token is as good as it was");
}

#[tokio::test]
async fn the_refresh_cookie_opens_token_session_and_logout_and_nothing_else() {
    let server = Server::start_with(BINARY, bearer());
    let mut browser = server.logged_in().await;
    let access = browser.access.take();
    // What the cookie transport would read has no weight here.
    browser.jar.set("accesstoken", access.as_deref().expect("a login brings one"));
    for (method, path, body) in calls_for_a_person() {
        let csrf = browser.jar.csrf().expect("a token").to_owned();
        let headers = [("origin", browser.url.as_str()), ("x-csrftoken", &csrf)];
        assert_refused(&browser.send(method, path, &headers, body.as_ref()).await, "not_authenticated", NONE_CAME);
        assert_refused(&from_page(&browser, method, path, body.as_ref()).await, "not_authenticated", NONE_CAME);
    }
    assert_eq!(browser.get("/auth/session").await.field("is_authenticated"), false);
    assert_eq!(browser.post("/session", None).await.field("is_authenticated"), true);
    assert_eq!(browser.refresh().await.status, 200);
    assert_eq!(server.time_travel().number("SELECT count(*) FROM session WHERE ended_at IS NULL"), 1);
    let copy = browser.copy();
    assert_eq!(browser.log_out().await.status, 204);
    assert_eq!(copy.refresh().await.code(), "session_ended");
}

#[tokio::test]
async fn a_bearer_that_expired_was_changed_or_never_was_one_is_told_so() {
    let server = Server::start_with(BINARY, bearer().with("tokens.access_ttl", "3s").with("tokens.jitter", "0"));
    let mut browser = server.logged_in().await;
    let expired = browser.access.clone().expect("a login brings one");
    while from_page(&browser, "GET", "/auth/sessions", None).await.status == 200 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let refresh_token = browser.jar.refresh().expect("a token").to_owned();
    let (claims, signature) = expired.rsplit_once('.').expect("a JWT");
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", claims.split('.').nth(1).expect("claims"));
    let bad = [&expired, &format!("{claims}.A{}", &signature[1..]), &unsigned, &refresh_token, "undefined", "a b"];
    for token in bad {
        browser.access = Some(token.to_owned());
        for (method, path, body) in calls_for_a_person() {
            assert_refused(&from_page(&browser, method, path, body.as_ref()).await, "invalid_token", BAD_TOKEN);
        }
        assert_eq!(browser.get("/auth/session").await.status, 200, "reading is never refused");
    }
    browser.access = Some(expired);
    let unproven = from_page(&browser, "POST", "/auth/token", None).await;
    assert_eq!(unproven.code(), "csrf_failed", "it stands for nothing any more: {}", unproven.text);
    let answer = browser.refresh_and_keep().await;
    assert_eq!(answer.status, 200, "a dead bearer is no obstacle to its renewal: {}", answer.text);
    assert_eq!(from_page(&browser, "GET", "/auth/sessions", None).await.status, 200);
    browser.access = Some("garbage".to_owned());
    let again = browser.log_in(&server.demo().email, &server.demo().password).await;
    assert_eq!(again.status, 200, "nor to a login: {}", again.text);
    browser.access = Some("garbage".to_owned());
    assert_eq!(browser.log_out().await.status, 204, "nor to a logout");
}

#[tokio::test]
async fn two_authorization_headers_and_other_schemes_open_nothing() {
    let server = Server::start_with(BINARY, bearer());
    let mut browser = server.logged_in().await;
    let access = browser.access.take().expect("a login brings one");
    let good = format!("Bearer {access}");
    assert_eq!(browser.send("GET", "/auth/sessions", &[("authorization", &good)], None).await.status, 200);
    for headers in [
        vec![("authorization", good.as_str()), ("authorization", good.as_str())],
        vec![("authorization", access.as_str())],
        vec![("authorization", "Basic YTpi")],
        vec![("x-authorization", good.as_str())],
    ] {
        let answer = browser.send("GET", "/auth/sessions", &headers, None).await;
        assert_refused(&answer, "not_authenticated", NONE_CAME);
    }
    let query = format!("/auth/sessions?access_token={access}");
    assert_refused(&browser.get(&query).await, "not_authenticated", NONE_CAME);
}

#[tokio::test]
async fn a_bearer_needs_no_csrf_token_and_no_origin_and_a_bad_one_replaces_neither() {
    let server = Server::start_with(BINARY, bearer());
    let browser = server.logged_in().await;
    let elsewhere = server.logged_in().await.session_and_keep().await;
    let other = format!("/auth/sessions/{}", elsewhere.field("session_key").as_str().expect("a key"));

    for foreign in ["https://evil.example", "null"] {
        let answer = browser.send("DELETE", &other, &[("origin", foreign)], None).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "csrf_failed"), "{foreign}");
    }
    assert_eq!(browser.send("DELETE", &other, &[], None).await.status, 204, "a program has no origin");
    let by_origin = Server::start_with(BINARY, bearer().with("csrf.mode", "origin"));
    let program = by_origin.logged_in().await;
    assert_eq!(program.send("POST", "/auth/mfa/setup", &[], None).await.status, 200);
    assert_eq!(program.send("POST", "/auth/token", &[], None).await.code(), "csrf_failed", "a cookie opens this one");

    let mut cookies_only = browser.copy();
    for token in [None, Some("garbage"), browser.jar.refresh()] {
        cookies_only.access = token.map(str::to_owned);
        for call in ["/auth/token", "/auth/mfa/verify", "/auth/login"] {
            let body = json!({ "code": "000000", "email": server.demo().email, "password": server.demo().password });
            let body = (call != "/auth/token").then_some(&body);
            let answer = from_page(&cookies_only, "POST", call, body).await;
            assert_eq!((answer.status, answer.code().as_str()), (403, "csrf_failed"), "{call} {token:?}");
        }
    }
    assert_eq!(from_page(&browser, "POST", "/auth/token", None).await.status, 200, "the bearer stands for the token");
    let answer = browser.send("POST", "/auth/logout", &[], None).await;
    assert_eq!(answer.code(), "csrf_failed", "a cookie can log out, so the origin must be named");
}

#[tokio::test]
async fn in_cookie_transport_a_bearer_is_worth_nothing() {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    let access = browser.jar.find("accesstoken").expect("a token").1.to_owned();
    browser.lose_access_token();
    browser.access = Some(access);
    // A logout on every device is opened by the refresh cookie here.
    for (method, path, body) in calls_for_a_person().into_iter().filter(|(_, path, _)| !path.ends_with("logout-all")) {
        let csrf = browser.jar.csrf().expect("a token").to_owned();
        let answer = browser.send(method, path, &[("x-csrftoken", &csrf)], body.as_ref()).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "not_authenticated"), "{method} {path}");
        let without = from_page(&browser, method, path, body.as_ref()).await;
        assert!(method == "GET" || without.code() == "csrf_failed", "{method} {path}: {}", without.text);
    }
    assert_eq!(browser.get("/auth/session").await.field("is_authenticated"), false);
    assert_eq!(browser.refresh().await.access(), None);
}

#[tokio::test]
async fn f12_while_the_store_is_locked_a_bearer_passes_and_a_refresh_is_503_with_cookies_untouched() {
    let server = Server::start_with(BINARY, bearer());
    let browser = server.logged_in().await;
    let time = server.time_travel();
    time.pass(1000);
    time.execute("BEGIN EXCLUSIVE");
    let read = browser.get("/auth/session").await;
    let refused = browser.refresh().await;
    time.execute("COMMIT");
    assert_eq!((read.status, read.field("status")), (200, json!("authenticated")), "{}", read.text);
    assert_eq!((refused.status, refused.code().as_str()), (503, "auth_unavailable"), "{}", refused.text);
    assert!(refused.set_cookie.is_empty() && refused.access().is_none(), "{:?}", refused.cookie_names());
    assert!(refused.header("retry-after").is_some());
    minted(&browser.refresh().await);
}

#[tokio::test]
async fn answers_carry_the_fields_that_are_asked_for_by_the_names_they_are_given() {
    let fields = "{ token = { accessToken = \"access\", user = \"user\" } }";
    let server = Server::start_with(BINARY, bearer().with("http.fields", fields));
    let browser = server.logged_in().await;
    let answer = browser.refresh().await;
    let body = answer.json();
    let names: Vec<&str> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(names, ["accessToken", "user"], "{}", answer.text);
    let mut tab = browser.copy();
    tab.access = body["accessToken"].as_str().map(str::to_owned);
    assert_eq!(from_page(&tab, "GET", "/auth/sessions", None).await.status, 200);
}

#[tokio::test]
async fn pages_tell_who_is_logged_in_and_offer_no_more_than_to_leave() {
    let server = Server::start_with(BINARY, bearer());
    let mut browser = server.logged_in().await;
    let elsewhere = server.logged_in().await.session_and_keep().await;
    browser.lose_access_token();
    let page = browser.get("/account").await;
    assert!(page.status == 200 && page.text.contains(&server.demo().email), "{}", page.text);
    let actions: Vec<String> = page.forms().into_iter().map(|form| form.action).collect();
    assert_eq!(actions, ["/logout"]);
    assert_eq!(browser.get("/login").await.header("location"), Some("/"));

    let csrf = browser.jar.csrf().expect("a token").to_owned();
    let key = elsewhere.field("session_key").as_str().expect("a key").to_owned();
    let form = format!("csrf_token={csrf}&session_key={key}").into_bytes();
    for path in ["/account/sessions/end", "/logout-all", "/mfa/setup/begin"] {
        let headers = [("origin", browser.url.as_bytes()), ("content-type", b"application/x-www-form-urlencoded")];
        let answer = browser.send_bytes("POST", path, &headers, form.clone()).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/login")), "{path}: {}", answer.text);
    }
    assert_eq!(server.time_travel().number("SELECT count(*) FROM session WHERE ended_at IS NULL"), 2);
}
