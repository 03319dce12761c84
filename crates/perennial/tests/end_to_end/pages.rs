//! The hosted pages, as a browser without scripts uses them: every step is a page, a form, or a redirect.

mod account;
mod safety;
mod way_in;

use perennial_testkit::{Account, Answer, Browser, Server, code_at};

use crate::login::shown_code;

/// Asserts that this page came, and nothing that went wrong.
#[track_caller]
fn assert_page(answer: &Answer, heading: &str) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_heading(answer, heading);
}

#[track_caller]
fn assert_heading(answer: &Answer, heading: &str) {
    assert!(answer.text.contains(&format!("<h1>{heading}</h1>")), "no {heading}: {} {}", answer.status, answer.text);
}

/// Fills in the login page and goes where it leads.
async fn log_in(browser: &mut Browser, account: &Account) -> Answer {
    let page = browser.open("/login").await;
    let form = page.form("/login").with("email", &account.email).with("password", &account.password);
    browser.submit_and_follow(&form).await
}

/// Logs in with the second factor.
async fn log_in_twice(browser: &mut Browser, account: &Account) -> Answer {
    let page = log_in(browser, account).await;
    assert_page(&page, "Enter your code");
    browser.submit_and_follow(&page.form("/mfa/verify").with("code", &shown_code(account))).await
}

/// A browser that logged in through the page.
async fn at_account(server: &Server) -> (Browser, Answer) {
    let mut browser = server.browser();
    let page = log_in(&mut browser, server.demo()).await;
    assert_page(&page, "Demo");
    (browser, page)
}

/// The secret on the set-up page.
fn shown_secret(page: &Answer) -> String {
    let (_, rest) = page.text.split_once("<code class=\"secret\">").expect("the secret is shown");
    rest.split('<').next().unwrap_or_default().replace(' ', "")
}

/// The recovery codes on their page.
fn shown_recovery_codes(page: &Answer) -> Vec<String> {
    let codes = page.text.split("<li><code>").skip(1);
    codes.map(|rest| rest.split('<').next().unwrap_or_default().to_owned()).collect()
}

/// Sends the code of the shown secret.
async fn confirm(browser: &mut Browser, page: &Answer) -> Answer {
    let code = code_at(&shown_secret(page), 0);
    browser.submit_and_follow(&page.form("/mfa/setup").with("code", &code)).await
}
