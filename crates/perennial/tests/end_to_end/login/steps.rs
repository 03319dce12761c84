//! The tokens of pending steps: each is good for its own step, for so many codes, and for nothing else.

use perennial_testkit::{Account, Answer, Browser, Server, code_at};
use serde_json::json;

use super::{
    ask_for_account, assert_authenticated, assert_refused, challenged, enrolled, registered, secret_of, send_code,
    shown_code, strict_server, wrong_code,
};

/// A jar in each of the places where a login can stand.
struct Places {
    account: Account,
    session: Browser,
    verify_email: Browser,
    code: String,
    mfa_setup: Browser,
    mfa_verify: Browser,
    setup_code: String,
}

async fn places(server: &Server) -> Places {
    let enrolled = enrolled(server, "ada@example.com").await;
    super::forget_used_steps(server);
    let mut verify_email = server.browser();
    ask_for_account(&mut verify_email, "bob@example.com", super::PASSWORD).await;
    let (mfa_setup, _) = registered(server, "eve@example.com", super::PASSWORD).await;
    let secret = secret_of(&mfa_setup.post("/mfa/setup", None).await);
    Places {
        mfa_verify: challenged(server, &enrolled.account).await,
        account: enrolled.account,
        session: enrolled.browser,
        code: server.code_of_mail("bob@example.com", 1).await,
        verify_email,
        mfa_setup,
        setup_code: code_at(&secret, 0),
    }
}

#[tokio::test]
async fn no_token_is_accepted_in_place_of_another() {
    let server = strict_server();
    let places = places(&server).await;
    let value = |browser: &Browser, name: &str| {
        let found = browser.jar.find(name).map(|(_, value)| value.to_owned());
        found.unwrap_or_else(|| panic!("no {name} in {:?}", browser.jar.names()))
    };
    let tokens = [
        ("verify_email", value(&places.verify_email, "verify_email")),
        ("mfa_setup", value(&places.mfa_setup, "mfa_setup")),
        ("mfa_verify", value(&places.mfa_verify, "mfa_verify")),
        ("refreshtoken-zz", value(&places.session, "refreshtoken")),
        ("accesstoken-zz", value(&places.session, "accesstoken")),
        ("known", value(&places.session, "known")),
        ("stale-zz", value(&places.session, "csrftoken")),
    ];
    let used = [
        ("verify_email", "/verify-otp", Some(places.code.clone())),
        ("verify_email", "/resend-otp", None),
        ("mfa_setup", "/mfa/setup", None),
        ("mfa_setup", "/mfa/setup/confirm", Some(places.setup_code.clone())),
        ("mfa_verify", "/mfa/verify", Some(shown_code(&places.account))),
        ("refreshtoken-zz", "/token", None),
        ("refreshtoken", "/token", None),
        ("accesstoken-zz", "/sessions", None),
    ];
    let state = "SELECT (SELECT count(*) FROM session) * 1000000 + (SELECT count(*) FROM account) * 1000 \
                 + (SELECT sum(attempts_left) FROM pending)";
    let before = server.time_travel().number(state);
    for (name, call, code) in &used {
        for (own_name, token) in tokens.iter().filter(|(own_name, _)| !own_name.starts_with(name)) {
            let answer = present(&server, name, token, call, code.as_deref()).await;
            let refused = matches!(answer.status, 401 | 403) && !answer.code().is_empty();
            assert!(refused && !answer.hands_out_refresh(), "{own_name} as {name} at {call}: {}", answer.text);
            assert!(!answer.text.contains("secret"), "{own_name} as {name} at {call}");
        }
    }
    assert_eq!(server.time_travel().number(state), before);
    assert_each_is_good_in_its_own_place(places).await;
}

/// A visitor with nothing but this one cookie makes a call.
async fn present(server: &Server, name: &str, token: &str, call: &str, code: Option<&str>) -> Answer {
    let mut thief = server.browser();
    thief.session_and_keep().await;
    thief.jar.set(name, token);
    match (call, code) {
        ("/sessions", _) => thief.get("/auth/sessions").await,
        (_, Some(code)) => thief.post(call, Some(&json!({ "code": code }))).await,
        (_, None) => thief.post(call, None).await,
    }
}

async fn assert_each_is_good_in_its_own_place(mut places: Places) {
    let answer = send_code(&mut places.verify_email, "/verify-otp", &places.code).await;
    assert_eq!(answer.field("status"), "mfa_setup_required", "{}", answer.text);
    let answer = send_code(&mut places.mfa_setup, "/mfa/setup/confirm", &places.setup_code).await;
    assert_authenticated(&answer, 2);
    let answer = send_code(&mut places.mfa_verify, "/mfa/verify", &shown_code(&places.account)).await;
    assert_authenticated(&answer, 2);
    assert_eq!(places.session.get("/auth/sessions").await.status, 200);
}

#[tokio::test]
async fn after_five_wrong_codes_a_step_looks_at_no_code_any_more() {
    let server = strict_server();
    let places = places(&server).await;
    let (email_code, app_code) = (places.code.clone(), shown_code(&places.account));
    let mut six: Vec<String> = (0..7).map(|number| format!("{number:06}")).collect();
    six.retain(|code| *code != email_code && *code != places.setup_code);
    let wrong = wrong_code(&places.account);
    let table = [
        (places.verify_email, "/verify-otp", six[0].clone(), email_code),
        (places.mfa_setup, "/mfa/setup/confirm", wrong.clone(), places.setup_code),
        (places.mfa_verify, "/mfa/verify", wrong, app_code),
    ];
    for (mut browser, call, wrong, right) in table {
        for _ in 0..5 {
            assert_refused(&send_code(&mut browser, call, &wrong).await, 401, "invalid_code");
        }
        let refused = send_code(&mut browser, call, &right).await;
        assert_refused(&refused, 429, "too_many_attempts");
        let seconds: u64 = refused.header("retry-after").and_then(|value| value.parse().ok()).expect("seconds");
        assert!((1..=750).contains(&seconds), "{seconds}");
    }
}

#[tokio::test]
async fn what_is_no_code_at_all_costs_no_attempt() {
    let server = strict_server();
    let mut places = places(&server).await;
    for text in ["", "12345", "abcdef", "１２３４５６", "0000000000000000000000000000000000000000"] {
        let answer = send_code(&mut places.verify_email, "/verify-otp", text).await;
        assert_refused(&answer, 401, "invalid_code");
    }
    let spaced = format!(" {} {}-", &places.code[..3], &places.code[3..]);
    let answer = send_code(&mut places.verify_email, "/verify-otp", &spaced).await;
    assert_eq!(answer.field("status"), "mfa_setup_required", "{}", answer.text);
}

#[tokio::test]
async fn a_step_ends_with_the_logout_of_its_jar_and_after_ten_minutes() {
    let server = strict_server();
    let Places { account, mut mfa_verify, mut mfa_setup, setup_code, .. } = places(&server).await;
    assert_eq!(mfa_setup.log_out().await.status, 204);
    assert!(mfa_setup.jar.get("mfa_setup").is_none());
    mfa_setup.session_and_keep().await;
    assert_refused(&send_code(&mut mfa_setup, "/mfa/setup/confirm", &setup_code).await, 401, "not_authenticated");
    assert_eq!(mfa_verify.session_and_keep().await.field("status"), "mfa_verify_required");
    server.time_travel().pass(601);
    assert_refused(&send_code(&mut mfa_verify, "/mfa/verify", &shown_code(&account)).await, 401, "not_authenticated");
    assert_eq!(mfa_verify.session_and_keep().await.field("status"), "unauthenticated");
}
