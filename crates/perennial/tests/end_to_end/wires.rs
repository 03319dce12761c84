//! Wire contracts of existing frontends, spoken as those frontends speak them. `login::vault` is another one.

mod rotating_bearer;
mod server_first;
mod simplejwt;

use perennial_testkit::{Answer, Server, Setup, decode_base64url};
use serde_json::{Value, json};

use crate::BINARY;

/// Longer than any access token lives here.
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// The claims of an access token, read as an API reads them.
fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).and_then(decode_base64url).expect("a JWT has claims");
    serde_json::from_slice(&part).expect("claims are JSON")
}

/// The line that sets the refresh cookie.
#[track_caller]
fn refresh_line(answer: &Answer) -> &str {
    let mut lines = answer.set_cookie.iter().filter(|line| line.starts_with("refreshtoken"));
    let line = lines.next().unwrap_or_else(|| panic!("no refresh cookie: {:?}", answer.cookie_names()));
    assert!(lines.next().is_none(), "{:?}", answer.cookie_names());
    line
}

/// A refusal that says so in every way that a client may look for.
#[track_caller]
fn assert_clear_refusal(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let detail = answer.field("detail");
    assert!(detail.as_str().is_some_and(|detail| detail.ends_with('.')), "{}", answer.text);
    assert_eq!((answer.field("message"), answer.field("success")), (detail, Value::Bool(false)));
}

/// Every number in a JSON value.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Number(number) => number.as_f64().into_iter().collect(),
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        Value::Object(fields) => fields.values().flat_map(numbers).collect(),
        Value::Null | Value::Bool(_) | Value::String(_) => Vec::new(),
    }
}

/// Seconds that are left, and nothing that a client would have to compare with a clock of its own.
#[track_caller]
fn assert_tells_no_time(answer: &Answer) {
    let year_in_seconds = 366.0 * 86_400.0;
    assert!(numbers(&answer.json()).iter().all(|number| *number < year_in_seconds), "{}", answer.text);
    assert!(answer.set_cookie.iter().all(|line| !line.to_lowercase().contains("expires=")), "{:?}", answer.set_cookie);
    let retry_after = answer.header("retry-after").is_none_or(|value| value.parse::<u32>().is_ok());
    assert!(retry_after && answer.header("expires").is_none(), "{:?}", answer.headers);
}

#[tokio::test]
async fn f10_no_answer_of_any_wire_tells_a_time_that_a_wrong_clock_could_misread() {
    for wire in ["vault", "simplejwt", "rotating-bearer", "server-first"] {
        let server = Server::start_with(BINARY, Setup::wire(wire).with("mfa.policy", "optional"));
        let mut browser = server.browser();
        let visitor = browser.session_and_keep().await;
        let wrong = json!({ "email": server.demo().email, "password": "not the right one" });
        let right = json!({ "email": server.demo().email, "password": server.demo().password });
        let mut answers = vec![visitor, browser.post("/login", Some(&wrong)).await];
        answers.push(browser.post_and_keep("/login", Some(&right)).await);
        server.time_travel().pass(HOUR);
        answers.push(browser.refresh_and_keep().await);
        answers.push(browser.session_and_keep().await);
        answers.push(browser.get("/auth/sessions").await);
        let copy = browser.copy();
        answers.push(browser.log_out().await);
        answers.push(copy.refresh().await);
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200, 401, 200, 200, 200, 200, 204, 401], "{wire}");
        answers.iter().for_each(assert_tells_no_time);
    }
}
