//! Registration and login over the JSON API: the whole way in, each step of it, and what each step refuses.

mod password;
mod registration;
mod second_factor;
mod steps;
mod vault;

use perennial_testkit::{Account, Answer, Browser, Server, Setup, code_at};
use serde_json::{Value, json};

use crate::BINARY;

/// A password that nobody guesses.
pub(crate) const PASSWORD: &str = "four amber kettles sing";

/// A server where everyone needs a second factor.
pub(crate) fn strict_server() -> Server {
    Server::start_with(BINARY, Setup::default().with("mfa.policy", "required"))
}

/// Asks for an account; the code is in the mail then.
pub(crate) async fn ask_for_account(browser: &mut Browser, email: &str, password: &str) -> Answer {
    browser.session_and_keep().await;
    let body = json!({ "email": email, "password": password, "name": "Ada Lovelace" });
    browser.post_and_keep("/register", Some(&body)).await
}

/// Sends a code to a step, and keeps what it answers.
pub(crate) async fn send_code(browser: &mut Browser, call: &str, code: &str) -> Answer {
    browser.post_and_keep(call, Some(&json!({ "code": code }))).await
}

/// A browser with a new account, and the answer to its mailed code.
pub(crate) async fn registered(server: &Server, email: &str, password: &str) -> (Browser, Answer) {
    let mut browser = server.browser();
    let asked = ask_for_account(&mut browser, email, password).await;
    assert_eq!(asked.status, 200, "{}", asked.text);
    let code = server.code_of_mail(email, 1).await;
    let answer = send_code(&mut browser, "/verify-otp", &code).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    (browser, answer)
}

/// A browser that is logged in with a second factor which was just set up.
pub(crate) struct Enrolled {
    pub(crate) browser: Browser,
    pub(crate) account: Account,
    pub(crate) recovery_codes: Vec<String>,
}

/// Registers at a server that asks everyone for a second factor, and sets it up.
pub(crate) async fn enrolled(server: &Server, email: &str) -> Enrolled {
    let (mut browser, answer) = registered(server, email, PASSWORD).await;
    assert_eq!(answer.field("status"), "mfa_setup_required");
    let secret = secret_of(&browser.post_and_keep("/mfa/setup", None).await);
    let confirmed = send_code(&mut browser, "/mfa/setup/confirm", &code_at(&secret, 0)).await;
    assert_authenticated(&confirmed, 2);
    let texts = |value: Value| value.as_str().expect("a code is text").to_owned();
    let recovery_codes = confirmed.field("recovery_codes").as_array().cloned().unwrap_or_default();
    Enrolled {
        browser,
        account: Account { email: email.to_owned(), password: PASSWORD.to_owned(), totp_secret: Some(secret) },
        recovery_codes: recovery_codes.into_iter().map(texts).collect(),
    }
}

/// The secret in the answer to `mfa/setup`.
pub(crate) fn secret_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.field("secret").as_str().expect("the secret is text").to_owned()
}

/// Gives the right password in this browser: from here on it waits for the second factor.
pub(crate) async fn give_password(browser: &mut Browser, account: &Account) {
    let answer = browser.log_in(&account.email, &account.password).await;
    assert_eq!((answer.status, answer.field("status")), (200, "mfa_verify_required".into()), "{}", answer.text);
}

/// A new browser that waits for the second factor.
pub(crate) async fn challenged(server: &Server, account: &Account) -> Browser {
    let mut browser = server.browser();
    give_password(&mut browser, account).await;
    browser
}

/// The code that the account's app shows now.
pub(crate) fn shown_code(account: &Account) -> String {
    code_at(account.totp_secret.as_ref().expect("the account has a second factor"), 0)
}

/// A code that the app shows at no time near now.
pub(crate) fn wrong_code(account: &Account) -> String {
    let secret = account.totp_secret.as_ref().expect("the account has a second factor");
    let near: Vec<String> = (-3..=3).map(|steps| code_at(secret, steps)).collect();
    let mut guesses = (0..1_000_000).map(|number| format!("{number:06}"));
    guesses.find(|guess| !near.contains(guess)).expect("seven codes are not all codes")
}

/// Lets the codes of the current steps count once more, as those of later steps would.
pub(crate) fn forget_used_steps(server: &Server) {
    server.time_travel().execute("UPDATE account SET last_step = 0 WHERE last_step IS NOT NULL");
}

#[track_caller]
pub(crate) fn assert_authenticated(answer: &Answer, aal: u8) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!((answer.field("status"), answer.field("aal")), ("authenticated".into(), aal.into()), "{}", answer.text);
    assert!(answer.hands_out_refresh(), "{:?}", answer.cookie_names());
}

#[track_caller]
pub(crate) fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text);
    assert!(!answer.hands_out_refresh(), "{:?}", answer.cookie_names());
}
