//! Claims in access tokens: where no cookie holds the token.

use perennial_testkit::{Server, Setup};
use serde_json::{Value, json};

use super::{Program, payload};
use crate::BINARY;

const PASSWORD: &str = "four amber kettles sing";

/// What the server says itself.
const OWN: [&str; 12] = ["iss", "aud", "sub", "exp", "iat", "jti", "sid", "auth_time", "amr", "acr", "aal", "gen"];

/// What a token says besides.
fn further(token: &Value) -> Value {
    let mut said = payload(token);
    let fields = said.as_object_mut().expect("an object");
    for name in OWN {
        assert!(fields.remove(name).is_some(), "{name} is missing");
    }
    said
}

#[tokio::test]
async fn bearer_tokens_carry_what_the_operator_says_as_of_now() {
    let server = Server::start_with(BINARY, Setup::default().with("tokens.transport", "bearer"));
    let program = Program::new(&server);
    let user = json!({ "email": "ada@example.com", "password": PASSWORD, "claims": { "roles": ["editor"] } });
    let id = program.post("/admin/users", user).await.field("id").as_str().expect("an id").to_owned();
    let mut browser = server.browser();
    let answer = browser.log_in("ada@example.com", PASSWORD).await;
    assert_eq!(further(&answer.field("access")), json!({ "roles": ["editor"] }), "{}", answer.text);
    assert!(answer.field("user").get("claims").is_none(), "{}", answer.text);

    // Taken away, it is gone from the next token of every session.
    let path = format!("/admin/users/{id}/claims");
    assert_eq!(program.send("PUT", &path, Some(&json!({ "roles": [], "plan": "gold" }))).await.status, 204);
    let answer = browser.refresh_and_keep().await;
    assert_eq!(further(&answer.field("access")), json!({ "roles": [], "plan": "gold" }), "{}", answer.text);

    // What was said of one session stands over what is said of the account, for that session alone.
    let mut issued = server.browser();
    let body = json!({ "subject": id, "claims": { "plan": "trial", "via": "support" } });
    let answer = program.issue_into(&mut issued, body).await;
    let expected = json!({ "roles": [], "plan": "trial", "via": "support" });
    assert_eq!(further(&answer.field("access")), expected);
    issued.session_and_keep().await;
    assert_eq!(further(&issued.refresh_and_keep().await.field("access")), expected);
    assert_eq!(further(&browser.refresh_and_keep().await.field("access"))["plan"], "gold");
}

#[tokio::test]
async fn the_largest_claims_make_a_token_that_is_still_accepted() {
    let server = Server::start_with(BINARY, Setup::default().with("tokens.transport", "bearer"));
    let program = Program::new(&server);
    let import = json!({ "users": [{ "email": "ada@example.com", "id": "~".repeat(128),
                                     "claims": { "far": "f".repeat(1012) } }] });
    assert_eq!(program.post("/admin/users/import", import).await.field("added"), 1);
    let mut browser = server.browser();
    let body = json!({ "subject": "~".repeat(128), "aal": 2, "amr": ["a2345678", "b2345678", "c2345678", "d2345678"],
                       "claims": { "near": "n".repeat(1011) } });
    let issued = program.issue_into(&mut browser, body).await;
    let access = issued.field("access").as_str().expect("a token").to_owned();
    assert!(access.len() < 4096, "{} bytes", access.len());
    let bearer = format!("Bearer {access}");
    let session = browser.send("GET", "/auth/session", &[("authorization", &bearer)], None).await;
    assert_eq!(session.field("status"), "authenticated", "{}", session.text);
    let sizes: usize =
        browser.jar.names().iter().map(|name| name.len() + browser.jar.get(name).map_or(0, str::len)).sum();
    assert!(sizes < 512, "no cookie holds any of it: {sizes} bytes");
}
