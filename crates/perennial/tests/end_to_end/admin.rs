//! The admin API: who may ask, and what happens then.

mod access;
mod claims;
mod import;
mod sessions;
mod users;

use perennial_testkit::{Answer, Browser, Server, decode_base64url};
use serde_json::Value;

/// A program of the operator, with a key.
pub(crate) struct Program {
    pub(crate) client: Browser,
    pub(crate) key: String,
}

impl Program {
    /// One whose key may do everything.
    pub(crate) fn new(server: &Server) -> Self {
        Self::with_scopes(server, "backend", &[])
    }

    fn with_scopes(server: &Server, name: &str, scopes: &[&str]) -> Self {
        let mut arguments = vec!["admin-key", "add", "--name", name];
        for scope in scopes {
            arguments.extend(["--scope", scope]);
        }
        let output = server.command(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let line: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        let key = line["key"].as_str().expect("the key is shown once").to_owned();
        Self { client: Browser::new(&server.admin_url), key }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let bearer = format!("Bearer {}", self.key);
        self.client.send(method, path, &[("authorization", &bearer)], body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(&body)).await
    }

    /// A new session, put into a browser's jar.
    pub(crate) async fn issue_into(&self, browser: &mut Browser, body: Value) -> Answer {
        let answer = self.post("/admin/sessions", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        browser.jar.store(&set_cookie(&answer));
        answer
    }
}

/// What a token says.
fn payload(token: &Value) -> Value {
    let part = token.as_str().expect("a token").split('.').nth(1).expect("three parts");
    serde_json::from_slice(&decode_base64url(part).expect("base64url")).expect("JSON")
}

/// The lines that an issued session is handed on with.
fn set_cookie(answer: &Answer) -> Vec<String> {
    serde_json::from_value(answer.field("set_cookie")).expect("Set-Cookie lines")
}

#[track_caller]
fn check_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(answer.set_cookie.is_empty());
}
