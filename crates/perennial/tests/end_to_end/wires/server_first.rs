//! The wire `server-first`: an envelope around every answer, visitors with an anti-CSRF token, and refusals for
//! a wrong one that a client can tell from every other refusal and mend.

use perennial_testkit::{Answer, Browser, Server, Setup};
use serde_json::{Value, json};

use super::assert_clear_refusal;
use crate::BINARY;

/// What stands in the envelope of a success.
#[track_caller]
fn data(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    let names: Vec<&str> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!((names, &body["success"]), (vec!["success", "data"], &Value::Bool(true)), "{}", answer.text);
    body["data"].clone()
}

/// A client of this wire: it sends the last token that it was told, in `data`, wherever it was told.
struct Client {
    browser: Browser,
    csrf: String,
}

impl Client {
    fn new(server: &Server) -> Self {
        Self { browser: server.browser(), csrf: String::new() }
    }

    async fn send(&mut self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let headers = [("origin", self.browser.url.clone()), ("x-csrftoken", self.csrf.clone())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = self.browser.send(method, path, &headers, body).await;
        self.browser.keep(&answer);
        if let Some(token) = answer.json()["data"]["csrf_token"].as_str() {
            token.clone_into(&mut self.csrf);
        }
        answer
    }
}

#[tokio::test]
async fn server_first_visitors_have_a_token_and_every_success_stands_in_the_envelope() {
    let server = Server::start_with(BINARY, Setup::wire("server-first"));
    let mut client = Client::new(&server);
    let visitor = data(&client.browser.session_and_keep().await);
    assert_eq!((&visitor["status"], &visitor["is_authenticated"]), (&json!("unauthenticated"), &json!(false)));
    let token = visitor["csrf_token"].as_str().expect("a visitor has a token").to_owned();
    assert!(token.starts_with("anon."), "{token}");
    assert_eq!(client.browser.jar.get("csrftoken"), Some(token.as_str()), "scripts find it in the cookie too");

    client.csrf.clone_from(&token);
    let credentials = json!({ "email": server.demo().email, "password": server.demo().password });
    let person = data(&client.send("POST", "/auth/login", Some(&credentials)).await);
    assert_eq!(person["user"]["email"], server.demo().email.as_str());
    assert!(client.csrf.starts_with(person["session_key"].as_str().expect("a key")), "the login brought a new one");
    assert_eq!(client.browser.jar.get("csrftoken"), Some(client.csrf.as_str()));
    assert!(client.browser.jar.find("accesstoken").is_some());

    assert_eq!(data(&client.send("POST", "/auth/token", None).await)["status"], "authenticated");
    let devices = data(&client.send("GET", "/auth/sessions", None).await);
    assert_eq!(devices["sessions"].as_array().map(Vec::len), Some(1));
    assert!(data(&client.send("POST", "/auth/mfa/setup", None).await)["secret"].is_string());
    let leave = client.send("POST", "/auth/logout", None).await;
    assert_eq!((leave.status, leave.text.as_str()), (204, ""));
}

#[tokio::test]
async fn f31_server_first_a_client_tells_a_csrf_refusal_from_every_other_and_mends_it() {
    let server = Server::start_with(BINARY, Setup::wire("server-first"));
    let mut client = Client::new(&server);
    let credentials = json!({ "email": server.demo().email, "password": server.demo().password });
    for wrong in ["", "garbage", "anon.AAAA.BBBB"] {
        client = Client { csrf: wrong.to_owned(), ..Client::new(&server) };
        let refused = client.send("POST", "/auth/login", Some(&credentials)).await;
        assert_clear_refusal(&refused, 403, "csrf_failed");
        assert_eq!(refused.field("csrf_token"), client.csrf.as_str(), "it stands where other clients look, too");
        assert_eq!(refused.json()["data"], json!({ "csrf_token": client.csrf }));
        assert_eq!(client.browser.jar.get("csrftoken"), Some(client.csrf.as_str()));
        let answer = client.send("POST", "/auth/login", Some(&credentials)).await;
        assert_eq!(answer.status, 200, "sent once more, and nothing else was needed: {}", answer.text);
    }
    let right = client.csrf.clone();
    client.csrf = "garbage".to_owned();
    assert_clear_refusal(&client.send("POST", "/auth/token", None).await, 403, "csrf_failed");
    assert_eq!(client.csrf, right, "the session's token is the same as ever");

    let wrong = json!({ "email": server.demo().email, "password": "not the right one" });
    for (path, body, status, code) in [
        ("/auth/login", Some(&wrong), 401, "invalid_credentials"),
        ("/auth/mfa/verify", Some(&json!({ "code": "000000" })), 401, "not_authenticated"),
        ("/auth/login", Some(&json!({ "email": 7 })), 400, "invalid_request"),
        ("/auth/nothing", None, 404, "not_found"),
    ] {
        let refused = client.send("POST", path, body).await;
        assert_clear_refusal(&refused, status, code);
        assert!(refused.json().get("data").is_none() && refused.json().get("csrf_token").is_none(), "{}", refused.text);
    }
}
