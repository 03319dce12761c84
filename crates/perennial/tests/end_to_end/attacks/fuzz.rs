//! Requests of any shape: none of them is the server's fault.

use perennial_testkit::{Browser, Server, Setup};

use super::{Dice, conformance::assert_problem};
use crate::BINARY;

const METHODS: [&str; 8] = ["POST", "POST", "POST", "POST", "GET", "PUT", "DELETE", "PATCH"];

const PATHS: [&str; 30] = [
    "/auth/session",
    "/auth/token",
    "/auth/register",
    "/auth/verify-otp",
    "/auth/resend-otp",
    "/auth/login",
    "/auth/mfa/setup",
    "/auth/mfa/setup/confirm",
    "/auth/mfa/verify",
    "/auth/logout",
    "/auth/logout-all",
    "/auth/sessions",
    "/auth/sessions/%00",
    "/auth/sessions/%ff%fe",
    "/auth/sessions/..%2f..",
    "/auth/reauthenticate",
    "/auth//session",
    "/auth/session//",
    "/auth/%73ession",
    "//auth/session",
    "/",
    "/login",
    "/register",
    "/verify-email",
    "/verify-email/resend",
    "/mfa/setup",
    "/mfa/verify",
    "/account/sessions/end",
    "/logout",
    "/login?return_to=%ff%00&return_to=%0d%0a",
];

const TYPES: [&[u8]; 8] = [
    b"application/json",
    b"application/json",
    b"application/json",
    b"application/json; charset=\xff",
    b"application/x-www-form-urlencoded",
    b"text/plain",
    b"",
    b"\xff\xfe",
];

const BODIES: [&[u8]; 26] = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"0",
    b"\"\"",
    b"{",
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf{}",
    b"{\"email\":1,\"password\":2}",
    b"{\"email\":\"a@b.c\",\"password\":\"\"}",
    b"{\"email\":\"a@b.c\",\"email\":\"d@e.f\",\"password\":\"x\"}",
    b"{\"email\":\"\\ud800\",\"password\":\"x\"}",
    b"{\"email\":\"\\u0000@\\u0000\",\"password\":\"\\u0000\"}",
    b"{\"email\":null,\"password\":null,\"code\":null}",
    b"{\"code\":\"000000\"}",
    b"{\"code\":0}",
    b"{\"code\":\"\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9\"}",
    b"{\"code\":1e400}",
    b"{\"code\":\"aaaa-bbbb-cccc-dddd\"}",
    b"email=%ff%fe&password=%00&csrf_token=%0d%0a",
    b"csrf_token=&code=%F0%9F%92%A9",
    b"session_key=../../x&csrf_token=x",
    b"=&=&&&=",
    b"%%%zz",
    b"{\"password\":\"four amber kettles sing\",\"email\":\"\xc4\xb0@example.com\",\"name\":\"\xe2\x80\xae\"}",
];

const COOKIES: [&str; 10] = [
    "refreshtoken",
    "refreshtoken-aa",
    "accesstoken",
    "csrftoken",
    "auth_hint",
    "mfa_setup",
    "mfa_verify",
    "verify_email",
    "stale-aa",
    "known",
];

const HEADERS: [&str; 12] = [
    "origin",
    "sec-fetch-site",
    "sec-fetch-mode",
    "x-csrftoken",
    "authorization",
    "x-forwarded-for",
    "forwarded",
    "user-agent",
    "referer",
    "sec-purpose",
    "accept",
    "x-http-method-override",
];

const VALUES: [&[u8]; 16] = [
    b"",
    b"null",
    b"same-origin",
    b"navigate",
    b"cross-site",
    b"http://localhost",
    b"\xff\xfe\xfd",
    b"Bearer x.y.z",
    b"Bearer ",
    b"prefetch",
    b"anon.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA",
    b"1.2.3.4, x, ::1",
    b"for=\"[::1]\"",
    b"prn1.AAAA",
    b"eyJhbGciOiJub25lIn0.e30.",
    b"' OR 1=1 --",
];

#[tokio::test]
async fn no_request_of_any_shape_is_an_error_of_the_server() {
    let limits = Setup::default()
        .with("limits.login_failures_per_account", "100000")
        .with("limits.login_failures_per_address", "100000");
    let server = Server::start_with(BINARY, limits);
    let mut session = server.logged_in().await;
    let mut visitor = server.browser();
    visitor.session_and_keep().await;
    let mut dice = Dice::new(0x5eed_f022);
    let mut statuses = std::collections::BTreeMap::new();
    for number in 0..700 {
        if number % 50 == 0 {
            // Some draws log out.
            session = server.logged_in().await;
        }
        let mut browser = if dice.below(3) == 0 { session.copy() } else { visitor.copy() };
        let status = draw_and_send(&mut browser, &mut dice, number).await;
        *statuses.entry(status).or_insert(0) += 1;
    }
    assert!(statuses.len() >= 8, "the draws reach too little: {statuses:?}");
    assert!(!server.log().contains("panicked"), "{}", server.log());
    server.logged_in().await;
}

async fn draw_and_send(browser: &mut Browser, dice: &mut Dice, number: usize) -> u16 {
    let (method, path) = (dice.one_of(&METHODS), dice.one_of(&PATHS));
    for _ in 0..dice.below(3) {
        let value = String::from_utf8_lossy(dice.one_of(&VALUES)).replace(|c: char| !c.is_ascii(), "");
        browser.jar.set(dice.one_of(&COOKIES), &value);
    }
    let csrf = browser.jar.csrf().unwrap_or_default().to_owned();
    let origin = browser.url.clone();
    let mut headers: Vec<(&str, &[u8])> = vec![("content-type", dice.one_of(&TYPES))];
    // Most requests pass the guard, so that what is behind it is reached.
    if dice.below(4) > 0 {
        headers.extend([("origin", origin.as_bytes()), ("x-csrftoken", csrf.as_bytes())]);
    } else {
        headers.extend((0..dice.below(4)).map(|_| (dice.one_of(&HEADERS), dice.one_of(&VALUES))));
    }
    let answer = browser.send_bytes(method, path, &headers, body(dice)).await;
    let said = format!("{number}: {method} {path} {headers:?}: {} {}", answer.status, answer.text);
    assert!(answer.status < 500, "{said}");
    assert!(!answer.hands_out_refresh(), "{said}");
    if answer.status >= 400 && path.contains("auth/") {
        assert_problem(&answer);
    }
    answer.status
}

/// One of the bodies, often damaged.
fn body(dice: &mut Dice) -> Vec<u8> {
    let mut body = dice.one_of(&BODIES).to_vec();
    match dice.below(6) {
        0 => body.truncate(dice.below(body.len() + 1)),
        1 if !body.is_empty() => {
            let place = dice.below(body.len());
            body[place] ^= 1 << dice.below(8);
        }
        2 => body = b"[".repeat(20_000),
        3 => body = body.repeat(2),
        _ => {}
    }
    body
}
