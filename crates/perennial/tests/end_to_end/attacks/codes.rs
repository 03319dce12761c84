//! Guessing and repeating codes of the second factor.

use perennial_testkit::{Account, Browser, Server, code_at};

use super::{at_once, count, looks};
use crate::{
    BINARY,
    login::{
        PASSWORD, assert_authenticated, assert_refused, challenged, forget_used_steps, give_password, registered,
        secret_of, send_code, shown_code, strict_server, wrong_code,
    },
};

#[tokio::test]
async fn f52_of_fifty_parallel_submissions_of_one_code_one_succeeds() {
    let server = Server::start(BINARY);
    let account = server.with_second_factor();
    let browser = challenged(&server, account).await;
    let answers = at_once(vec![browser; 50], "/mfa/verify", &shown_code(account)).await;
    assert_eq!(count(&answers, 200), 1);
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 401 | 429)));
    assert_eq!(server.time_travel().number("SELECT count(*) FROM session"), 1);
}

#[tokio::test]
async fn f52_a_code_counts_once_over_many_challenges_at_once() {
    let server = Server::start(BINARY);
    let account = server.with_second_factor();
    let browsers = challenges(&server, account, 15).await;
    let answers = at_once(browsers, "/mfa/verify", &shown_code(account)).await;
    assert_eq!((count(&answers, 200), count(&answers, 401)), (1, 14));
    assert_eq!(server.time_travel().number("SELECT count(*) FROM session"), 1);
}

#[tokio::test]
async fn f52_a_recovery_code_counts_once_over_many_challenges_at_once() {
    let server = strict_server();
    let enrolled = crate::login::enrolled(&server, "ada@example.com").await;
    let browsers = challenges(&server, &enrolled.account, 15).await;
    let answers = at_once(browsers, "/mfa/verify", &enrolled.recovery_codes[3]).await;
    assert_eq!((count(&answers, 200), count(&answers, 401)), (1, 14));
}

#[tokio::test]
async fn f52_a_spent_code_looks_like_a_wrong_one() {
    let server = Server::start(BINARY);
    let account = server.with_second_factor();
    let code = shown_code(account);
    let mut browser = challenged(&server, account).await;
    assert_authenticated(&send_code(&mut browser, "/mfa/verify", &code).await, 2);

    let mut next = challenged(&server, account).await;
    let spent = send_code(&mut next, "/mfa/verify", &code).await;
    let wrong = send_code(&mut next, "/mfa/verify", &wrong_code(account)).await;
    assert_refused(&spent, 401, "invalid_code");
    assert_eq!(looks(&spent), looks(&wrong));
}

#[tokio::test]
async fn f52_the_code_that_set_the_factor_up_is_not_the_first_logins_code() {
    let server = strict_server();
    let (mut browser, _) = registered(&server, "ada@example.com", PASSWORD).await;
    let secret = secret_of(&browser.post_and_keep("/mfa/setup", None).await);
    let code = code_at(&secret, 0);
    assert_authenticated(&send_code(&mut browser, "/mfa/setup/confirm", &code).await, 2);

    let account =
        Account { email: "ada@example.com".into(), password: PASSWORD.into(), totp_secret: Some(secret.clone()) };
    let mut next = challenged(&server, &account).await;
    assert_refused(&send_code(&mut next, "/mfa/verify", &code).await, 401, "invalid_code");
    assert_authenticated(&send_code(&mut next, "/mfa/verify", &code_at(&secret, 1)).await, 2);
}

#[tokio::test]
async fn f53_a_challenge_looks_at_five_codes_however_many_come_at_once() {
    let server = Server::start(BINARY);
    let account = server.with_second_factor();
    let browser = challenged(&server, account).await;
    let answers = at_once(vec![browser; 40], "/mfa/verify", &wrong_code(account)).await;
    assert_eq!((count(&answers, 401), count(&answers, 429)), (5, 35));
    assert!(answers.iter().all(|answer| answer.status != 429 || answer.header("retry-after").is_some()));
}

#[tokio::test]
async fn f53_a_person_is_guessed_twenty_times_an_hour_and_thirty_a_day_over_all_challenges() {
    let server = Server::start(BINARY);
    let account = server.with_second_factor();
    let wrong = wrong_code(account);
    let mut owner = challenged(&server, account).await;
    assert_authenticated(&send_code(&mut owner, "/mfa/verify", &shown_code(account)).await, 2);
    owner.log_out().await;

    for (hour, looked_at) in [(0, 20), (1, 10), (2, 0)] {
        let browsers = challenges(&server, account, 10).await;
        let guesses: Vec<Browser> = browsers.iter().flat_map(|browser| vec![browser.copy(); 5]).collect();
        let answers = at_once(guesses, "/mfa/verify", &wrong).await;
        assert_eq!((count(&answers, 401), count(&answers, 429)), (looked_at, 50 - looked_at), "hour {hour}");
        server.time_travel().pass(3601);
    }

    // All the while, the owner comes in on the browser that is known.
    forget_used_steps(&server);
    give_password(&mut owner, account).await;
    assert_authenticated(&send_code(&mut owner, "/mfa/verify", &shown_code(account)).await, 2);
    server.time_travel().pass(24 * 3600);
    let mut next_day = challenged(&server, account).await;
    assert_refused(&send_code(&mut next_day, "/mfa/verify", &wrong).await, 401, "invalid_code");
}

#[tokio::test]
async fn f53_a_login_of_the_owner_gives_a_guesser_no_new_guesses() {
    let server = Server::start(BINARY);
    let account = server.with_second_factor();
    let guess = async |challenges_wanted: usize| {
        let browsers = challenges(&server, account, challenges_wanted).await;
        let guesses: Vec<Browser> = browsers.iter().flat_map(|browser| vec![browser.copy(); 5]).collect();
        count(&at_once(guesses, "/mfa/verify", &wrong_code(account)).await, 401)
    };
    assert_eq!(guess(3).await, 15);
    let mut owner = challenged(&server, account).await;
    assert_authenticated(&send_code(&mut owner, "/mfa/verify", &shown_code(account)).await, 2);
    assert_eq!(guess(3).await, 5);
}

/// So many browsers that wait for the second factor.
async fn challenges(server: &Server, account: &Account, count: usize) -> Vec<Browser> {
    let mut browsers = Vec::new();
    for _ in 0..count {
        browsers.push(challenged(server, account).await);
    }
    browsers
}
