//! The people who can log in, as the operator keeps them.

use perennial_testkit::Server;
use serde_json::{Value, json};

use super::{Program, check_refused};
use crate::BINARY;

const PASSWORD: &str = "four amber kettles sing";
const OTHER: &str = "six green doors hum low";

/// A new account; answers its id.
async fn create(program: &Program, email: &str) -> String {
    let user = program.post("/admin/users", json!({ "email": email, "name": "Ada", "password": PASSWORD })).await;
    assert_eq!(user.status, 200, "{}", user.text);
    user.field("id").as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_person_whom_the_operator_adds_logs_in_and_is_listed() {
    let server = Server::start(BINARY);
    let program = Program::new(&server);
    let id = create(&program, "Ada@Example.com").await;
    assert_eq!(server.browser().log_in("ada@example.com", PASSWORD).await.status, 200);
    let shown = program.get(&format!("/admin/users/{id}")).await;
    assert_eq!((shown.field("email"), shown.field("disabled")), (json!("ada@example.com"), json!(false)));
    assert!(shown.field("last_login_seconds_ago").is_i64() && !shown.text.contains("argon2"), "{}", shown.text);
    check_refused(&program.get("/admin/users/usr_nobody").await, 404, "not_found");

    let taken = json!({ "email": "ada@example.com", "password": PASSWORD });
    let guessable = json!({ "email": "eve@example.com", "password": "password" });
    let no_address = json!({ "email": "eve", "password": PASSWORD });
    for (body, sentence) in [(taken, "has an account already"), (guessable, "easy to guess"), (no_address, "such as")] {
        let refused = program.post("/admin/users", body).await;
        check_refused(&refused, 400, "invalid_request");
        assert!(refused.text.contains(sentence), "{}", refused.text);
    }
}

#[tokio::test]
async fn accounts_come_page_by_page() {
    let server = Server::start(BINARY);
    let program = Program::new(&server);
    for name in ["c", "a", "b"] {
        create(&program, &format!("{name}@example.com")).await;
    }
    let (mut emails, mut path) = (Vec::new(), "/admin/users?limit=2".to_owned());
    loop {
        let page = program.get(&path).await;
        let users = page.field("users").as_array().cloned().expect("a list");
        assert!(users.len() <= 2);
        emails.extend(users.iter().map(|user| user["email"].as_str().expect("an address").to_owned()));
        let Some(next) = page.field("next").as_str().map(str::to_owned) else { break };
        path = format!("/admin/users?limit=2&after={next}");
    }
    let expected = ["a@example.com", "b@example.com", "c@example.com", "demo@perennial.test", "mfa@perennial.test"];
    assert_eq!(emails, expected);
    check_refused(&program.get("/admin/users?limit=two").await, 400, "invalid_request");
    check_refused(&program.get("/admin/users?page=2").await, 400, "invalid_request");
    assert_eq!(program.get("/admin/users?email=nobody@example.com").await.field("users"), json!([]));
}

#[tokio::test]
async fn a_disabled_person_is_out_at_once_and_stays_out() {
    let server = Server::start(BINARY);
    let program = Program::new(&server);
    let id = create(&program, "ada@example.com").await;
    let mut browser = server.browser();
    browser.log_in("ada@example.com", PASSWORD).await;
    assert_eq!(program.send("POST", &format!("/admin/users/{id}/disable"), None).await.status, 204);
    assert_eq!(browser.get("/auth/session").await.field("ended_reason"), "account_disabled");
    assert_eq!(browser.log_in("ada@example.com", PASSWORD).await.code(), "invalid_credentials");
    assert_eq!(program.send("POST", &format!("/admin/users/{id}/enable"), None).await.status, 204);
    assert_eq!(browser.log_in("ada@example.com", PASSWORD).await.status, 200);
    for kind in ["account_disabled", "account_enabled"] {
        let detail = format!("SELECT detail FROM audit WHERE kind = '{kind}' AND subject = '{id}'");
        assert_eq!(server.time_travel().text(&detail), "by key backend");
    }
}

#[tokio::test]
async fn f50_a_new_password_ends_every_session_and_every_step_that_the_former_one_began() {
    let server = Server::start(BINARY);
    let program = Program::new(&server);
    let account = server.with_second_factor().clone();
    let users = program.get(&format!("/admin/users?email={}", account.email)).await.field("users");
    let id = users[0]["id"].as_str().expect("an id").to_owned();
    let mut inside = server.browser();
    program.issue_into(&mut inside, json!({ "subject": id })).await;
    let mut halfway = server.browser();
    assert_eq!(halfway.log_in(&account.email, &account.password).await.field("status"), "mfa_verify_required");

    let path = format!("/admin/users/{id}/password");
    check_refused(&program.send("PUT", &path, Some(&json!({ "password": "short" }))).await, 400, "invalid_request");
    assert_eq!(program.send("PUT", &path, Some(&json!({ "password": OTHER }))).await.status, 204);
    assert_eq!(inside.get("/auth/session").await.field("ended_reason"), "password_changed");
    let secret = account.totp_secret.as_deref().expect("a secret");
    let code = perennial_testkit::code_at(secret, 0);
    let verified = halfway.post("/mfa/verify", Some(&json!({ "code": code }))).await;
    assert_eq!((verified.status, verified.code().as_str()), (401, "not_authenticated"), "{}", verified.text);
    assert_eq!(server.browser().log_in(&account.email, &account.password).await.code(), "invalid_credentials");
    let status = server.browser().log_in(&account.email, OTHER).await.field("status");
    assert_eq!(status, "mfa_verify_required");
    assert_eq!(server.time_travel().audited("password_set"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f50_no_login_that_is_under_way_outlives_a_new_password_or_an_end() {
    let server = Server::start(BINARY);
    let program = Program::new(&server);
    for end in ["password", "disable"] {
        let email = format!("{end}@example.com");
        let id = create(&program, &email).await;
        let logins: Vec<_> = (0..12)
            .map(|_| {
                let (mut browser, email) = (server.browser(), email.clone());
                tokio::spawn(async move { browser.log_in(&email, PASSWORD).await.status })
            })
            .collect();
        let live = || {
            let query = format!("SELECT count(*) FROM session WHERE subject = '{id}' AND ended_at IS NULL");
            server.time_travel().number(&query)
        };
        // Some are in, some are still being compared, some wait.
        while live() == 0 {
            tokio::task::yield_now().await;
        }
        let path = format!("/admin/users/{id}/{end}");
        let ended = match end {
            "password" => program.send("PUT", &path, Some(&json!({ "password": OTHER }))).await,
            _ => program.send("POST", &path, None).await,
        };
        assert_eq!(ended.status, 204, "{}", ended.text);
        for login in logins {
            let status = login.await.expect("a login ends");
            assert!(matches!(status, 200 | 401 | 429 | 503), "{status}");
        }
        assert_eq!(live(), 0, "{end}");
    }
}

#[tokio::test]
async fn claims_of_an_account_are_set_as_a_whole_and_contradict_nothing() {
    let server = Server::start(BINARY);
    let program = Program::new(&server);
    let id = create(&program, "ada@example.com").await;
    let path = format!("/admin/users/{id}/claims");
    for claims in [json!({ "roles": ["editor"], "tenant": 7 }), json!({ "roles": [] }), json!({})] {
        assert_eq!(program.send("PUT", &path, Some(&claims)).await.status, 204);
        assert_eq!(program.get(&format!("/admin/users/{id}")).await.field("claims"), claims);
    }
    for name in ["sub", "sid", "aal", "email", "name", "email_verified"] {
        let refused = program.send("PUT", &path, Some(&json!({ "roles": [], name: "x" }))).await;
        check_refused(&refused, 400, "invalid_request");
        assert!(refused.text.contains(&format!("`{name}`")), "{}", refused.text);
    }
    let set = |claims: &str| server.command(&["user", "set-claims", "ada@example.com", claims]);
    assert!(set(r#"{"roles":["admin"]}"#).status.success());
    let refused = set(r#"{"exp":1}"#);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("`exp`"));
    let listed = String::from_utf8(server.command(&["user", "list"]).stdout).expect("text");
    let line: Value = serde_json::from_str(listed.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&line["email"], &line["claims"]), (&json!("ada@example.com"), &json!({ "roles": ["admin"] })));
    assert_eq!(server.time_travel().audited("claims_set"), 4);
}
