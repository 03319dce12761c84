//! The way in: registration, login, and the second factor.

use perennial_testkit::{Account, Server, Setup};

use super::{
    assert_heading, assert_page, at_account, confirm, log_in, log_in_twice, shown_recovery_codes, shown_secret,
};
use crate::{
    BINARY,
    login::{PASSWORD, forget_used_steps, shown_code, strict_server, wrong_code},
};

#[tokio::test]
async fn a_person_registers_and_lands_on_the_account_page() {
    let server = Server::start(BINARY);
    let mut browser = server.browser();
    let page = browser.open("/register").await;
    let form = page.form("/register").with("name", "Ada").with("email", "ada@example.com").with("password", PASSWORD);
    let page = browser.submit_and_follow(&form).await;
    assert_page(&page, "Check your e-mail");
    assert!(page.text.contains("a••@example.com") && page.text.contains("href=\"/dev/mailbox\""), "{}", page.text);
    assert_page(&browser.open("/verify-email").await, "Check your e-mail");

    let code = server.code_of_mail("ada@example.com", 1).await;
    let page = browser.submit_and_follow(&page.form("/verify-email").with("code", &code)).await;
    assert_page(&page, "Ada");
    assert!(page.text.contains("ada@example.com") && page.text.contains("This device"), "{}", page.text);
    let mailbox = browser.open("/dev/mailbox").await;
    assert!(mailbox.text.contains(&code), "{}", mailbox.text);
}

#[tokio::test]
async fn mistakes_are_said_on_the_form_and_what_was_typed_stays() {
    let server = Server::start(BINARY);
    let mut browser = server.browser();
    let page = browser.open("/register").await;
    let form = page.form("/register").with("name", "Ada").with("email", "ada@example.com");
    let page = browser.submit(&form.clone().with("password", "password1234567")).await;
    assert_eq!(page.status, 400);
    assert!(page.text.contains("too easy to guess") && !page.text.contains("password1234567"), "{}", page.text);
    assert_eq!(page.form("/register").value("email"), Some("ada@example.com"));
    assert_eq!(page.form("/register").value("name"), Some("Ada"));

    let page = browser.submit_and_follow(&page.form("/register").with("password", PASSWORD)).await;
    let page = browser.submit(&page.form("/verify-email").with("code", "12345")).await;
    assert_eq!(page.status, 401);
    assert!(page.text.contains("This code is not right"), "{}", page.text);

    let page = browser.open("/login").await;
    let form = page.form("/login").with("email", &server.demo().email).with("password", "wrong");
    let page = browser.submit(&form).await;
    assert_eq!(page.status, 401);
    assert!(page.text.contains("The e-mail address or the password is wrong."), "{}", page.text);
    assert_eq!(page.form("/login").value("email"), Some(server.demo().email.as_str()));
}

#[tokio::test]
async fn a_person_sets_up_the_second_factor_keeps_the_codes_and_uses_them() {
    let server = strict_server();
    let mut browser = server.browser();
    let page = log_in(&mut browser, server.demo()).await;
    assert_page(&page, "Set up two-step sign-in");
    assert!(page.text.contains("src=\"data:image/svg+xml;base64,") && page.text.contains("href=\"otpauth://totp/"));
    let secret = shown_secret(&page);
    assert_eq!(shown_secret(&browser.open("/mfa/setup").await), secret, "a reload keeps the secret");
    let again = browser.submit(&page.form("/mfa/setup").with("code", "12345")).await;
    assert_eq!((again.status, shown_secret(&again)), (401, secret.clone()));

    let page = confirm(&mut browser, &page).await;
    assert_page(&page, "Keep your recovery codes");
    let codes = shown_recovery_codes(&page);
    assert_eq!(codes.len(), 10);
    assert_page(&browser.open("/account").await, "Demo");

    let account = Account { totp_secret: Some(secret), ..server.demo().clone() };
    forget_used_steps(&server);
    assert_page(&log_in_twice(&mut server.browser(), &account).await, "Demo");
    let mut other = server.browser();
    let page = log_in(&mut other, &account).await;
    let recovery = page.forms().into_iter().filter(|form| form.action == "/mfa/verify").nth(1);
    let recovery = recovery.expect("a second form takes recovery codes").with("code", &codes[0]);
    assert_page(&other.submit_and_follow(&recovery).await, "Demo");
}

#[tokio::test]
async fn the_second_factor_stays_on_the_screen_until_it_is_given() {
    let server = Server::start(BINARY);
    let account = server.with_second_factor();
    let mut browser = server.browser();
    let page = log_in(&mut browser, account).await;
    assert_page(&browser.open("/mfa/verify").await, "Enter your code");
    assert_page(&browser.open("/account").await, "Enter your code");
    for _ in 0..5 {
        let page = browser.submit(&page.form("/mfa/verify").with("code", &wrong_code(account))).await;
        assert_eq!(page.status, 401);
        assert_heading(&page, "Enter your code");
    }
    let page = browser.submit(&page.form("/mfa/verify").with("code", &shown_code(account))).await;
    assert_eq!(page.status, 429);
    assert!(page.text.contains("Too many attempts.") && page.header("retry-after").is_some(), "{}", page.text);

    // Signing out of the step leads back to the start.
    let page = browser.submit_and_follow(&page.form("/logout")).await;
    assert_page(&page, "Sign in");
    assert_page(&log_in_twice(&mut browser, account).await, "Demo");
}

#[tokio::test]
async fn a_step_that_is_over_leads_back_to_the_login() {
    let server = Server::start(BINARY);
    let account = server.with_second_factor();
    let mut browser = server.browser();
    let page = log_in(&mut browser, account).await;
    server.time_travel().pass(601);
    let form = page.form("/mfa/verify").with("code", &shown_code(account)).with("return_to", "/orders");
    let page = browser.submit_and_follow(&form).await;
    assert_page(&page, "Sign in");
    assert_eq!(page.form("/login").value("return_to"), Some("/orders"));
}

#[tokio::test]
async fn a_person_who_is_logged_in_can_log_in_again_with_the_second_factor() {
    let server = Server::start(BINARY);
    let account = server.with_second_factor();
    let mut browser = server.browser();
    assert_page(&log_in_twice(&mut browser, account).await, "Demo");
    let page = browser.open("/login").await;
    assert_page(&page, "Demo");
    forget_used_steps(&server);
    let page = browser.open("/login?again").await;
    assert!(page.text.contains("Please sign in once more."), "{}", page.text);
    let form = page.form("/login").with("email", &account.email).with("password", &account.password);
    let page = browser.submit_and_follow(&form).await;
    assert_page(&page, "Enter your code");
    let page = browser.submit_and_follow(&page.form("/mfa/verify").with("code", &shown_code(account))).await;
    assert_page(&page, "Demo");
    assert_eq!(server.time_travel().number("SELECT count(*) FROM session WHERE ended_at IS NULL"), 1);
}

#[tokio::test]
async fn a_second_factor_is_set_up_from_the_account_page_after_a_recent_login() {
    let server = Server::start(BINARY);
    let (mut browser, page) = at_account(&server).await;
    assert_eq!(browser.navigate("/mfa/setup").await.location(), "/account", "looking begins nothing");
    let page = browser.submit_and_follow(&page.form("/mfa/setup/begin")).await;
    assert_page(&page, "Set up two-step sign-in");
    assert_page(&confirm(&mut browser, &page).await, "Keep your recovery codes");
    let page = browser.open("/account").await;
    assert!(page.text.contains("Password and second step"), "{}", page.text);

    let server = Server::start(BINARY);
    let (mut browser, page) = at_account(&server).await;
    server.time_travel().pass(601);
    let page = browser.submit_and_follow(&page.form("/mfa/setup/begin")).await;
    assert_page(&page, "Sign in");
    let form = page.form("/login").with("email", &server.demo().email).with("password", &server.demo().password);
    let page = browser.submit_and_follow(&form).await;
    assert_page(&page, "Demo");
    assert_page(&browser.submit_and_follow(&page.form("/mfa/setup/begin")).await, "Set up two-step sign-in");
}

#[tokio::test]
async fn where_registration_is_closed_no_page_offers_it() {
    let server = Server::start_with(BINARY, Setup::default().with("register.open", "false"));
    let mut browser = server.browser();
    let page = browser.open("/register").await;
    assert_page(&page, "Sign in");
    assert!(!page.text.contains("/register"), "{}", page.text);
    let mut form = page.form("/login").with("email", "ada@example.com").with("password", PASSWORD);
    form.action = "/register".to_owned();
    let refused = browser.submit(&form).await;
    assert_eq!(refused.status, 404);
    assert_heading(&refused, "Nothing is here");
}

#[tokio::test]
async fn too_many_failures_are_told_with_the_time_to_wait() {
    let server = Server::start(BINARY);
    let mut browser = server.browser();
    let page = browser.open("/login").await;
    let form = page.form("/login").with("email", &server.demo().email);
    for _ in 0..10 {
        assert_eq!(browser.submit(&form.clone().with("password", "wrong")).await.status, 401);
    }
    let page = browser.submit(&form.clone().with("password", &server.demo().password)).await;
    assert_eq!(page.status, 429);
    assert_heading(&page, "Sign in");
    assert!(page.text.contains("Too many attempts. Please try again in 1"), "{}", page.text);
    assert!(page.header("retry-after").is_some());
}

#[tokio::test]
async fn after_too_many_wrong_codes_a_new_mail_helps() {
    let server = Server::start(BINARY);
    let mut browser = server.browser();
    let page = browser.open("/register").await;
    let form = page.form("/register").with("email", "ada@example.com").with("password", PASSWORD);
    let mut page = browser.submit_and_follow(&form).await;
    let code = server.code_of_mail("ada@example.com", 1).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for status in [401, 401, 401, 401, 401, 429] {
        page = browser.submit(&page.form("/verify-email").with("code", wrong)).await;
        assert_eq!(page.status, status);
    }
    assert!(page.text.contains("Please ask for a new code."), "{}", page.text);
    let page = browser.submit_and_follow(&page.form("/verify-email/resend")).await;
    let code = server.code_of_mail("ada@example.com", 2).await;
    let page = browser.submit_and_follow(&page.form("/verify-email").with("code", &code)).await;
    assert!(page.text.contains("Where you are signed in"), "{}", page.text);
}

#[tokio::test]
async fn a_navigation_that_leads_nowhere_sees_a_page() {
    let server = Server::start(BINARY);
    let mut browser = server.browser();
    for (path, status) in [("/nothing", 404), ("/auth/nothing", 404), ("/logout", 405)] {
        let page = browser.navigate(path).await;
        assert_eq!(page.status, status, "{path}");
        assert_heading(&page, "Nothing is here");
        assert!(page.text.contains("href=\"/\""), "{}", page.text);
    }
}
