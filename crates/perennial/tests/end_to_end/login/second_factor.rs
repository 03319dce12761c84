//! The second factor: set up on the way in or inside a session, used at each login, never replaced unseen.

use perennial_testkit::{Server, Setup, code_at};

use super::{
    PASSWORD, assert_authenticated, assert_refused, challenged, enrolled, forget_used_steps, give_password, registered,
    secret_of, send_code, shown_code, strict_server,
};
use crate::BINARY;

#[tokio::test]
async fn a_person_sets_up_a_second_factor_on_the_way_to_the_first_session() {
    let server = strict_server();
    let (mut browser, answer) = registered(&server, "ada@example.com", PASSWORD).await;
    assert_eq!(answer.field("status"), "mfa_setup_required", "{}", answer.text);
    assert!(!answer.hands_out_refresh());

    let shown = browser.post_and_keep("/mfa/setup", None).await;
    let secret = secret_of(&shown);
    assert_eq!(secret.len(), 32, "160 random bits in base32");
    let uri = shown.field("otpauth_uri");
    assert!(uri.as_str().is_some_and(|uri| uri.starts_with("otpauth://totp/") && uri.contains(&secret)), "{uri}");
    assert!(shown.field("qr_svg").as_str().is_some_and(|svg| svg.starts_with("<svg ")));
    assert_eq!(browser.session_and_keep().await.field("status"), "mfa_setup_required");

    let confirmed = send_code(&mut browser, "/mfa/setup/confirm", &code_at(&secret, 0)).await;
    assert_authenticated(&confirmed, 2);
    assert_eq!(confirmed.field("recovery_codes").as_array().map(Vec::len), Some(10));
    assert!(browser.jar.get("mfa_setup").is_none());
    server.time_travel().pass(900);
    browser.lose_access_token();
    assert_eq!(browser.refresh_and_keep().await.field("aal"), 2);
    assert_eq!(browser.log_out().await.status, 204);
    assert_eq!(browser.session_and_keep().await.field("status"), "unauthenticated");
}

#[tokio::test]
async fn a_login_with_a_second_factor_takes_a_code_from_the_app() {
    let server = Server::start(BINARY);
    let account = server.with_second_factor();
    let mut browser = challenged(&server, account).await;
    assert!(browser.jar.find("refreshtoken").is_none() && browser.jar.find("accesstoken").is_none());
    assert_refused(&browser.get("/auth/sessions").await, 401, "not_authenticated");
    assert_eq!(browser.session_and_keep().await.field("has_mfa_verify_token"), true);
    let answer = send_code(&mut browser, "/mfa/verify", &shown_code(account)).await;
    assert_authenticated(&answer, 2);
    assert_eq!(
        browser.get("/auth/sessions").await.json()["sessions"][0]["amr"],
        serde_json::json!(["pwd", "otp", "mfa"])
    );
}

#[tokio::test]
async fn a_code_is_taken_one_step_early_or_late_and_no_further() {
    let server = Server::start(BINARY);
    let account = server.with_second_factor();
    let secret = account.totp_secret.as_ref().expect("a second factor");
    let mut browser = challenged(&server, account).await;
    // Steps may turn while the request travels: three away is two away at least.
    for steps in [-3, 3] {
        assert_refused(&send_code(&mut browser, "/mfa/verify", &code_at(secret, steps)).await, 401, "invalid_code");
    }
    assert_authenticated(&send_code(&mut browser, "/mfa/verify", &code_at(secret, 1)).await, 2);
}

#[tokio::test]
async fn a_recovery_code_lets_its_owner_in_once() {
    let server = strict_server();
    let ada = enrolled(&server, "ada@example.com").await;
    let bob = enrolled(&server, "bob@example.com").await;
    let mut of_bob = challenged(&server, &bob.account).await;
    assert_refused(&send_code(&mut of_bob, "/mfa/verify", &ada.recovery_codes[0]).await, 401, "invalid_code");

    let typed = ada.recovery_codes[0].to_uppercase().replace('-', " ");
    assert_authenticated(&send_code(&mut challenged(&server, &ada.account).await, "/mfa/verify", &typed).await, 2);
    let mut again = challenged(&server, &ada.account).await;
    assert_refused(&send_code(&mut again, "/mfa/verify", &typed).await, 401, "invalid_code");
    assert_authenticated(&send_code(&mut again, "/mfa/verify", &ada.recovery_codes[1]).await, 2);
    let kept =
        "SELECT count(*) FROM recovery_code WHERE account = (SELECT id FROM account WHERE email = 'ada@example.com')";
    assert_eq!(server.time_travel().number(kept), 8);
}

#[tokio::test]
async fn a_second_factor_is_added_inside_a_session_shortly_after_its_login() {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    let secret = secret_of(&browser.post_and_keep("/mfa/setup", None).await);
    assert_eq!(secret_of(&browser.post_and_keep("/mfa/setup", None).await), secret);
    let answer = send_code(&mut browser, "/mfa/setup/confirm", &code_at(&secret, 0)).await;
    assert_eq!((answer.status, answer.field("aal")), (200, 2.into()), "{}", answer.text);
    let mut next = server.browser();
    give_password(&mut next, server.demo()).await;

    let mut later = registered(&server, "ada@example.com", PASSWORD).await.0;
    server.time_travel().pass(601);
    assert_refused(&later.post_and_keep("/mfa/setup", None).await, 401, "reauthentication_required");
}

#[tokio::test]
async fn a_set_up_that_is_given_up_changes_nothing() {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    secret_of(&browser.post_and_keep("/mfa/setup", None).await);
    let answer = server.browser().log_in(&server.demo().email, &server.demo().password).await;
    assert_authenticated(&answer, 1);
}

#[tokio::test]
async fn a_second_factor_is_not_replaced_by_who_knows_the_password_only() {
    let server = strict_server();
    let (mut owner, _) = registered(&server, "ada@example.com", PASSWORD).await;
    let mut attacker = server.browser();
    assert_eq!(attacker.log_in("ada@example.com", PASSWORD).await.field("status"), "mfa_setup_required");
    let of_attacker = secret_of(&attacker.post_and_keep("/mfa/setup", None).await);
    let of_owner = secret_of(&owner.post_and_keep("/mfa/setup", None).await);
    assert_ne!(of_attacker, of_owner);
    assert_authenticated(&send_code(&mut owner, "/mfa/setup/confirm", &code_at(&of_owner, 0)).await, 2);

    // The attacker's own step is still open, and his own code is right for it.
    let answer = send_code(&mut attacker, "/mfa/setup/confirm", &code_at(&of_attacker, 0)).await;
    assert!(matches!(answer.status, 401 | 403) && !answer.hands_out_refresh(), "{}", answer.text);
    forget_used_steps(&server);
    let account = perennial_testkit::Account {
        email: "ada@example.com".into(),
        password: PASSWORD.into(),
        totp_secret: Some(of_owner),
    };
    let mut again = challenged(&server, &account).await;
    assert_authenticated(&send_code(&mut again, "/mfa/verify", &shown_code(&account)).await, 2);
}

#[tokio::test]
async fn an_account_that_is_disabled_between_two_steps_gets_no_session() {
    let server = strict_server();
    let ada = enrolled(&server, "ada@example.com").await;
    forget_used_steps(&server);
    let mut by_app = challenged(&server, &ada.account).await;
    let mut by_recovery = challenged(&server, &ada.account).await;
    let (mut by_set_up, _) = registered(&server, "bob@example.com", PASSWORD).await;
    let secret = secret_of(&by_set_up.post_and_keep("/mfa/setup", None).await);
    for email in ["ada@example.com", "bob@example.com"] {
        assert!(server.command(&["user", "disable", email]).status.success());
    }

    assert_refused(&send_code(&mut by_app, "/mfa/verify", &shown_code(&ada.account)).await, 401, "invalid_code");
    assert_refused(&send_code(&mut by_recovery, "/mfa/verify", &ada.recovery_codes[0]).await, 401, "invalid_code");
    let answer = send_code(&mut by_set_up, "/mfa/setup/confirm", &code_at(&secret, 0)).await;
    assert!(answer.status == 401 && !answer.hands_out_refresh(), "{}", answer.text);
    let live = server.time_travel().number("SELECT count(*) FROM session WHERE ended_at IS NULL");
    assert_eq!(live, 0);
}

#[tokio::test]
async fn where_second_factors_are_off_nobody_is_asked_and_nobody_sets_one_up() {
    let server = Server::start_with(BINARY, Setup::default().with("mfa.policy", "off"));
    let account = server.with_second_factor();
    let mut browser = server.browser();
    assert_authenticated(&browser.log_in(&account.email, &account.password).await, 1);
    assert_refused(&browser.post("/mfa/setup", None).await, 404, "not_found");
}
