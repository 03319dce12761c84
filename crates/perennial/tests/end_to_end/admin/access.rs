//! Who may ask: keys, what they may do, and what is refused before anything else is looked at.

use perennial_testkit::{Browser, Server, Setup};
use serde_json::{Value, json};

use super::{Program, check_refused};
use crate::BINARY;

/// Every call, with a body that it accepts.
fn calls() -> Vec<(&'static str, &'static str, Option<Value>)> {
    let user = json!({ "email": "ada@example.com", "password": "four amber kettles sing" });
    vec![
        ("POST", "/admin/sessions", Some(json!({ "subject": "ada" }))),
        ("GET", "/admin/sessions?subject=ada", None),
        ("GET", "/admin/sessions/AAAAAAAAAAAAAAAA", None),
        ("DELETE", "/admin/sessions/AAAAAAAAAAAAAAAA", None),
        ("POST", "/admin/sessions/revoke", Some(json!({ "subject": "ada" }))),
        ("GET", "/admin/users", None),
        ("POST", "/admin/users", Some(user)),
        ("GET", "/admin/users/ada", None),
        ("POST", "/admin/users/ada/disable", None),
        ("POST", "/admin/users/ada/enable", None),
        ("PUT", "/admin/users/ada/password", Some(json!({ "password": "four amber kettles sing" }))),
        ("PUT", "/admin/users/ada/claims", Some(json!({}))),
        ("POST", "/admin/users/import", Some(json!({ "users": [] }))),
    ]
}

#[tokio::test]
async fn no_call_is_answered_without_a_key_that_counts() {
    let server = Server::start(BINARY);
    let program = Program::new(&server);
    let client = &program.client;
    let wrong = format!("prnadm_{}", "A".repeat(43));
    let headers = [
        ("authorization", String::new()),
        ("authorization", "Bearer".into()),
        ("authorization", format!("Bearer {wrong}")),
        ("authorization", format!("Bearer {}x", program.key)),
        ("authorization", format!("Basic {}", program.key)),
        ("authorization", program.key.clone()),
        ("x-api-key", program.key.clone()),
        ("cookie", format!("key={}; authorization=Bearer {}", program.key, program.key)),
    ];
    for (method, path, body) in calls() {
        check_refused(&client.send(method, path, &[], body.as_ref()).await, 401, "not_authenticated");
    }
    for (name, value) in &headers {
        let answer = client.send("GET", "/admin/users", &[(name, value)], None).await;
        check_refused(&answer, 401, "not_authenticated");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"perennial\""), "{name}: {value}");
    }
    for parameter in ["key", "access_token", "authorization"] {
        let path = format!("/admin/users?{parameter}={}", program.key);
        check_refused(&client.send("GET", &path, &[], None).await, 401, "not_authenticated");
    }
    assert_eq!(server.time_travel().audited("account_created"), 2, "nothing happened but the demo accounts");
    assert_eq!(program.get("/admin/users").await.status, 200);
}

#[tokio::test]
async fn a_key_ends_with_its_time_or_when_it_is_revoked() {
    let server = Server::start(BINARY);
    let (short, lasting) = (Program::with_scopes(&server, "short", &[]), Program::with_scopes(&server, "lasting", &[]));
    let revoked = Program::with_scopes(&server, "revoked", &[]);
    server.time_travel().execute("UPDATE admin_key SET expires_at = created_at + 60000 WHERE name = 'short'");
    assert_eq!(short.get("/admin/users").await.status, 200);
    server.time_travel().execute("UPDATE admin_key SET expires_at = created_at WHERE name = 'short'");
    check_refused(&short.get("/admin/users").await, 401, "not_authenticated");

    assert_eq!(revoked.get("/admin/users").await.status, 200);
    assert!(server.command(&["admin-key", "revoke", "revoked"]).status.success());
    check_refused(&revoked.get("/admin/users").await, 401, "not_authenticated");
    let again = server.command(&["admin-key", "revoke", "revoked"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("no key called revoked in use"));
    let same = server.command(&["admin-key", "add", "--name", "revoked"]);
    assert!(!same.status.success() && String::from_utf8_lossy(&same.stderr).contains("choose another"));
    assert_eq!(lasting.get("/admin/users").await.status, 200);

    let list = String::from_utf8(server.command(&["admin-key", "list"]).stdout).expect("text");
    let lines: Vec<Value> = list.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let states: Vec<_> = lines.iter().map(|line| (line["name"].as_str(), line["revoked"].as_bool())).collect();
    assert_eq!(states, [(Some("lasting"), Some(false)), (Some("revoked"), Some(true)), (Some("short"), Some(false))]);
    for program in [short, lasting, revoked] {
        assert!(!list.contains(&program.key) && !server.log().contains(&program.key));
    }
    assert_eq!(server.time_travel().audited("admin_key_added"), 3);
    assert_eq!(server.time_travel().audited("admin_key_revoked"), 1);
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_and_nothing_else() {
    let server = Server::start(BINARY);
    let needed = |method: &str, path: &str| match (method, path) {
        ("POST", "/admin/sessions") => "sessions:issue",
        ("GET", path) if path.starts_with("/admin/sessions") => "sessions:read",
        (_, path) if path.starts_with("/admin/sessions") => "sessions:end",
        ("GET", _) => "users:read",
        _ => "users:write",
    };
    for scope in ["sessions:issue", "sessions:read", "sessions:end", "users:read", "users:write"] {
        let program = Program::with_scopes(&server, &scope.replace(':', "-"), &[scope]);
        for (method, path, body) in calls() {
            let answer = program.send(method, path, body.as_ref()).await;
            if needed(method, path) == scope {
                assert!(matches!(answer.status, 200 | 204 | 404), "{scope} {method} {path}: {}", answer.text);
            } else {
                check_refused(&answer, 403, "forbidden");
                assert!(answer.text.contains(needed(method, path)), "{}", answer.text);
            }
        }
    }
    let unknown = server.command(&["admin-key", "add", "--name", "x", "--scope", "everything"]);
    assert!(!unknown.status.success());
}

#[tokio::test]
async fn what_a_page_could_have_sent_is_refused_and_what_node_sends_is_not() {
    let server = Server::start(BINARY);
    let program = Program::new(&server);
    let bearer = format!("Bearer {}", program.key);
    let send = async |method: &str, path: &str, name: &str, value: &str| {
        let headers = [("authorization", bearer.as_str()), (name, value)];
        program.client.send(method, path, &headers, None).await
    };
    let signs = [
        ("origin", "http://localhost:3000"),
        ("origin", "null"),
        ("origin", &server.url),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "none"),
        ("sec-fetch-dest", "empty"),
        ("sec-fetch-user", "?1"),
    ];
    for (name, value) in signs {
        for path in ["/admin/users", "/metrics", "/healthz"] {
            let answer = send("GET", path, name, value).await;
            check_refused(&answer, 403, "forbidden");
            assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control")), "{:?}", answer.headers);
        }
        check_refused(&send("OPTIONS", "/admin/users", name, value).await, 403, "forbidden");
    }
    assert_eq!(send("GET", "/admin/users", "sec-fetch-mode", "cors").await.status, 200);
}

#[tokio::test]
async fn wrong_keys_are_counted_and_never_keep_a_right_one_out() {
    let setup = Setup::default().with("limits.login_failures_per_address", "5");
    let server = Server::start_with(BINARY, setup);
    let program = Program::new(&server);
    let guess = async |key: &str| {
        let bearer = format!("Bearer {key}");
        program.client.send("GET", "/admin/users", &[("authorization", &bearer)], None).await
    };
    for number in 0..5 {
        check_refused(&guess(&format!("guess {number}")).await, 401, "not_authenticated");
    }
    let refused = guess(&format!("prnadm_{}", "A".repeat(43))).await;
    check_refused(&refused, 429, "too_many_attempts");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(program.get("/admin/users").await.status, 200);
    // Guesses at keys are no guesses at passwords.
    assert_eq!(server.browser().log_in(&server.demo().email, &server.demo().password).await.status, 200);
}

#[tokio::test]
async fn a_body_is_read_for_a_right_key_only_and_up_to_a_limit() {
    let server = Server::start(BINARY);
    let program = Program::new(&server);
    let huge = json!({ "users": [], "padding": "x".repeat(2 << 20) });
    let bearer = format!("Bearer {}", program.key);
    let right = [("authorization", bearer.as_str())];
    for (headers, status, code) in [(&right[..], 413, "body_too_large"), (&[], 401, "not_authenticated")] {
        // The connection may be closed while the body is still being sent.
        let client = Browser::new(&server.admin_url);
        if let Ok(answer) = client.try_send("POST", "/admin/users/import", headers, Some(&huge)).await {
            check_refused(&answer, status, code);
        }
    }
    let form = [("authorization", bearer.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    check_refused(&program.client.send("POST", "/admin/sessions", &form, None).await, 415, "unsupported_media_type");
    let json = [("authorization", bearer.as_str()), ("content-type", "application/json; charset=utf-8")];
    check_refused(&program.client.send("POST", "/admin/sessions", &json, None).await, 400, "invalid_request");

    const SECRET: &str = "canary-in-a-body";
    let wrong = [
        json!([SECRET]),
        json!({ "email": "a@example.com", "password": [SECRET] }),
        json!({ "email": "a@example.com", "password": "four amber kettles sing", "pasword": SECRET }),
        json!({ "password": SECRET }),
    ];
    for body in wrong {
        let answer = program.post("/admin/users", body).await;
        check_refused(&answer, 400, "invalid_request");
        assert!(!answer.text.contains(SECRET) && !server.log().contains(SECRET), "{}", answer.text);
    }
    let many = json!({ "users": vec![Value::Null; 1001] });
    check_refused(&program.post("/admin/users/import", many).await, 400, "invalid_request");
}

#[tokio::test]
async fn addresses_that_are_none_are_named_and_the_public_listener_has_none_of_these() {
    let server = Server::start(BINARY);
    let program = Program::new(&server);
    check_refused(&program.get("/admin").await, 404, "not_found");
    check_refused(&program.get("/admin/nothing").await, 404, "not_found");
    check_refused(&program.get("/admin/users/%FF").await, 404, "not_found");
    check_refused(&program.get("/nothing").await, 404, "not_found");
    assert_eq!(program.get("/admin/users/?limit=1").await.status, 200, "a trailing slash is accepted");
    check_refused(&program.send("PATCH", "/admin/users", None).await, 405, "method_not_allowed");
    let public = Program { client: Browser::new(&server.url), key: program.key };
    for (method, path, body) in calls() {
        assert_eq!(public.send(method, path, body.as_ref()).await.status, 404, "{method} {path}");
    }
}

#[tokio::test]
async fn the_use_of_a_key_is_noted_once_a_day() {
    let server = Server::start(BINARY);
    let program = Program::new(&server);
    let used = || server.time_travel().number("SELECT coalesce(max(last_used_at), 0) FROM admin_key");
    assert_eq!(used(), 0);
    program.get("/admin/users").await;
    let first = used();
    assert!(first > 0);
    program.get("/admin/users").await;
    assert_eq!(used(), first);
    server.time_travel().execute("UPDATE admin_key SET last_used_at = last_used_at - 86400000");
    program.get("/admin/users").await;
    assert!(used() >= first);
}
