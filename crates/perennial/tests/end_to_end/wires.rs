//! Wire contracts of existing frontends, spoken as those frontends speak them. `login::vault` is another one.

mod rotating_bearer;
mod server_first;
mod simplejwt;

use perennial_testkit::{Answer, decode_base64url};
use serde_json::Value;

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
