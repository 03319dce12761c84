//! From an e-mail address and a password to an account.

use perennial_testkit::{Server, Setup};
use serde_json::{Value, json};

use super::{PASSWORD, ask_for_account, assert_authenticated, assert_refused, registered, send_code};
use crate::BINARY;

#[tokio::test]
async fn a_person_registers_stays_logged_in_and_logs_out() {
    let server = Server::start(BINARY);
    let mut browser = server.browser();
    let asked = ask_for_account(&mut browser, "Ada@Example.com", PASSWORD).await;
    assert_eq!(asked.field("status"), "verify_email_required", "{}", asked.text);
    assert_eq!(browser.session_and_keep().await.field("status"), "verify_email_required");
    assert_eq!(server.time_travel().number("SELECT count(*) FROM account WHERE email = 'ada@example.com'"), 0);

    let code = server.code_of_mail("ada@example.com", 1).await;
    assert_authenticated(&send_code(&mut browser, "/verify-otp", &code).await, 1);
    let session = browser.session_and_keep().await;
    assert_eq!(session.field("user")["email"], "ada@example.com");
    assert_eq!(session.field("user")["name"], "Ada Lovelace");
    assert!(browser.jar.get("verify_email").is_none(), "{:?}", browser.jar.names());

    server.time_travel().pass(900);
    browser.lose_access_token();
    assert_eq!(browser.session_and_keep().await.field("has_refresh_token"), true);
    assert_eq!(browser.refresh_and_keep().await.status, 200);
    assert_eq!(browser.generation(), Some(1));

    let before = browser.copy();
    assert_eq!(browser.log_out().await.status, 204);
    assert!(browser.jar.find("refreshtoken").or(browser.jar.find("accesstoken")).is_none());
    assert_eq!(browser.session_and_keep().await.field("status"), "unauthenticated");
    assert_refused(&before.refresh().await, 401, "session_ended");
    assert_eq!(browser.log_in("ada@example.com", PASSWORD).await.field("status"), "authenticated");
}

#[tokio::test]
async fn f56_the_answer_to_register_is_the_same_for_a_new_and_a_taken_address() {
    let server = Server::start(BINARY);
    let (mut newcomer, mut stranger) = (server.browser(), server.browser());
    let new = ask_for_account(&mut newcomer, "new@example.com", PASSWORD).await;
    let taken = ask_for_account(&mut stranger, &server.demo().email, PASSWORD).await;

    let without_token = |mut body: Value| {
        body["csrf_token"] = Value::Null;
        body.to_string()
    };
    assert_eq!((new.status, without_token(new.json())), (taken.status, without_token(taken.json())));
    assert_eq!(new.cookie_names(), taken.cookie_names());
    let names = |headers: &[(String, String)]| headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&new.headers), names(&taken.headers));

    let told = server.mails_to(&server.demo().email, 1).await;
    assert!(told[0].code.is_none() && told[0].subject.contains("already have an account"), "{told:?}");
    assert_refused(&send_code(&mut stranger, "/verify-otp", "000000").await, 401, "invalid_code");
    let again = [newcomer.post("/resend-otp", None).await, stranger.post("/resend-otp", None).await];
    assert_eq!((again[0].status, &again[0].text.len()), (again[1].status, &again[1].text.len()));
}

#[tokio::test]
async fn an_account_begins_with_the_password_of_the_attempt_whose_code_came_back() {
    let server = Server::start(BINARY);
    let (mut attacker, mut owner) = (server.browser(), server.browser());
    ask_for_account(&mut attacker, "ada@example.com", "a password of the attacker").await;
    let code_of_attacker = server.code_of_mail("ada@example.com", 1).await;
    ask_for_account(&mut owner, "ada@example.com", PASSWORD).await;
    let code_of_owner = server.code_of_mail("ada@example.com", 2).await;

    assert_refused(&send_code(&mut owner, "/verify-otp", &code_of_attacker).await, 401, "invalid_code");
    assert_refused(&send_code(&mut attacker, "/verify-otp", &code_of_owner).await, 401, "invalid_code");
    assert_authenticated(&send_code(&mut owner, "/verify-otp", &code_of_owner).await, 1);

    // The address has its account now: even the right code of the other attempt is a wrong one.
    assert_refused(&send_code(&mut attacker, "/verify-otp", &code_of_attacker).await, 401, "invalid_code");
    let guess = attacker.log_in("ada@example.com", "a password of the attacker").await;
    assert_refused(&guess, 401, "invalid_credentials");
    assert_eq!(server.browser().log_in("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_new_code_voids_the_former_one() {
    let server = Server::start(BINARY);
    let mut browser = server.browser();
    ask_for_account(&mut browser, "ada@example.com", PASSWORD).await;
    let former = server.code_of_mail("ada@example.com", 1).await;
    assert_eq!(browser.post_and_keep("/resend-otp", None).await.field("status"), "verify_email_required");
    let newest = server.code_of_mail("ada@example.com", 2).await;
    if former != newest {
        assert_refused(&send_code(&mut browser, "/verify-otp", &former).await, 401, "invalid_code");
    }
    assert_authenticated(&send_code(&mut browser, "/verify-otp", &newest).await, 1);
    assert_refused(&send_code(&mut browser, "/verify-otp", &newest).await, 401, "not_authenticated");
}

#[tokio::test]
async fn only_so_many_messages_go_to_one_address() {
    let server = Server::start(BINARY);
    let mut browser = server.browser();
    for _ in 0..5 {
        assert_eq!(ask_for_account(&mut browser, "ada@example.com", PASSWORD).await.status, 200);
    }
    let refused = ask_for_account(&mut browser, "ada@example.com", PASSWORD).await;
    assert_refused(&refused, 429, "too_many_attempts");
    assert!(refused.header("retry-after").is_some());
    assert_refused(&browser.post("/resend-otp", None).await, 429, "too_many_attempts");
    assert_eq!(server.mails_to("ada@example.com", 5).await.len(), 5);
}

#[tokio::test]
async fn a_code_is_good_for_ten_minutes() {
    let server = Server::start(BINARY);
    let mut browser = server.browser();
    ask_for_account(&mut browser, "ada@example.com", PASSWORD).await;
    let code = server.code_of_mail("ada@example.com", 1).await;
    server.time_travel().pass(601);
    assert_refused(&send_code(&mut browser, "/verify-otp", &code).await, 401, "not_authenticated");
    assert_eq!(browser.session_and_keep().await.field("status"), "unauthenticated");
}

#[tokio::test]
async fn a_password_that_is_easy_to_guess_cannot_be_chosen() {
    let server = Server::start(BINARY);
    let mut browser = server.browser();
    let too_long = "long words ".repeat(100);
    let long = "correct horse battery staple ".repeat(35);
    let table = [
        ("x7#Qp2!", "at least 8 characters"),
        ("", "at least 8 characters"),
        ("password1234567", "easy to guess"),
        ("ada@example.com", "easy to guess"),
        ("adalovelace", "easy to guess"),
        (too_long.as_str(), "longer than 1024 bytes"),
        (long.as_str(), ""),
        (
            "\u{1f511}\u{1f9c2}\u{1f40c}\u{1f9ca}\u{1f6f6}\u{1fa81}\u{1f9f5}\u{1f33e}\u{1f6de}\u{1f9ed}\u{1fa97}\u{1f9c5}",
            "",
        ),
    ];
    for (password, sentence) in table {
        let email =
            if sentence.is_empty() { format!("{}@example.com", password.len()) } else { "ada@example.com".into() };
        let answer = ask_for_account(&mut browser, &email, password).await;
        if sentence.is_empty() {
            assert_eq!(answer.status, 200, "{password}: {}", answer.text);
        } else {
            assert_refused(&answer, 400, "invalid_request");
            assert!(answer.text.contains(sentence), "{password}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_password_is_the_same_in_either_unicode_form_and_to_its_last_byte() {
    let server = Server::start(BINARY);
    registered(&server, "ada@example.com", "caf\u{e9} an der Donau \u{c5}").await;
    let log_in = async |password: &str| server.browser().log_in("ada@example.com", password).await.status;
    assert_eq!(log_in("cafe\u{301} an der Donau A\u{30a}").await, 200);
    assert_eq!(log_in("cafe an der Donau A").await, 401);

    // 72 bytes are where other hashes stop to look.
    let long = format!("{}seventy-two bytes are not the end", "amber kettles sing! ".repeat(3));
    registered(&server, "bob@example.com", &long).await;
    let log_in = async |password: &str| server.browser().log_in("bob@example.com", password).await.status;
    assert_eq!(log_in(&long[..72]).await, 401);
    assert_eq!(log_in(&long).await, 200);
}

#[tokio::test]
async fn without_mailed_codes_an_account_begins_at_once_and_a_taken_address_is_told() {
    let server = Server::start_with(BINARY, Setup::default().with("register.verify_email", "false"));
    let mut browser = server.browser();
    assert_authenticated(&ask_for_account(&mut browser, "ada@example.com", PASSWORD).await, 1);
    let taken = ask_for_account(&mut server.browser(), "ADA@example.com", "another good pass phrase").await;
    assert_refused(&taken, 400, "invalid_request");
    assert!(taken.text.contains("has an account already"), "{}", taken.text);
    assert_refused(
        &server.browser().log_in("ada@example.com", "another good pass phrase").await,
        401,
        "invalid_credentials",
    );
}

#[tokio::test]
async fn where_registration_is_closed_there_is_nothing_to_register_at() {
    let server = Server::start_with(BINARY, Setup::default().with("register.open", "false"));
    let mut browser = server.browser();
    assert_refused(&ask_for_account(&mut browser, "ada@example.com", PASSWORD).await, 404, "not_found");
    assert_eq!(server.logged_in().await.get("/auth/session").await.field("status"), "authenticated");
}

#[tokio::test]
async fn what_is_no_address_or_no_name_is_said_in_a_sentence() {
    let server = Server::start(BINARY);
    let mut browser = server.browser();
    browser.session_and_keep().await;
    for email in ["", "ada", "ada@", "@example.com", "a b@example.com", "ada@example.com\r\nBcc: eve@example.com"] {
        let answer = browser.post("/register", Some(&json!({ "email": email, "password": PASSWORD }))).await;
        assert_refused(&answer, 400, "invalid_request");
        assert!(answer.field("detail").as_str().is_some_and(|detail| detail.contains("e-mail address")), "{email}");
    }
    for name in ["a\nb".to_owned(), "x".repeat(101)] {
        let body = json!({ "email": "ada@example.com", "password": PASSWORD, "name": name });
        assert_refused(&browser.post("/register", Some(&body)).await, 400, "invalid_request");
    }
}

#[tokio::test]
async fn more_honest_logins_than_failures_are_allowed_can_come_from_one_address() {
    let setup = Setup::default().with("limits.login_failures_per_address", "4");
    let server = Server::start_with(BINARY, setup);
    for _ in 0..12 {
        server.logged_in().await;
    }
    let demo = server.demo().email.clone();
    for _ in 0..4 {
        assert_refused(&server.browser().log_in(&demo, "wrong").await, 401, "invalid_credentials");
    }
    assert_refused(&server.browser().log_in(&demo, "wrong").await, 429, "too_many_attempts");
    server.time_travel().pass(16 * 60);
    server.logged_in().await;
}
