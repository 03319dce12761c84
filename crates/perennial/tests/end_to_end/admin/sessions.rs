//! Sessions for people whom another system has proven: handed over, shown, ended.

use perennial_testkit::{Browser, Server};
use serde_json::{Value, json};

use super::{Program, check_refused, payload, set_cookie};
use crate::BINARY;

#[tokio::test]
async fn an_issued_session_is_a_login_of_whom_the_operator_says() {
    let server = Server::start(BINARY);
    let (program, mut browser) = (Program::new(&server), server.browser());
    let body = json!({
        "subject": "customer/42", "email": "ada@example.com", "name": "Ada", "claims": { "plan": "gold" },
        "amr": ["pwd", "otp"], "aal": 2, "device": "Firefox on Linux",
    });
    let issued = program.issue_into(&mut browser, body).await;
    assert_eq!(issued.field("csrf_token").as_str(), browser.jar.csrf());
    for (name, value) in issued.field("cookies").as_object().expect("names and values") {
        assert_eq!(browser.jar.get(name), value.as_str(), "{name}");
    }
    assert_eq!(browser.jar.names().len(), 4, "{:?}", browser.jar.names());
    let session = browser.session_and_keep().await;
    assert_eq!(session.field("status"), "authenticated");
    assert_eq!(session.field("session_key"), issued.field("session_key"));
    assert_eq!(session.field("aal"), 2);
    assert_eq!(session.field("user"), json!({ "id": "customer/42", "email": "ada@example.com", "name": "Ada" }));
    server.time_travel().pass(900);
    assert_eq!(browser.refresh_and_keep().await.status, 200);
    assert_eq!(browser.generation(), Some(1));

    let detail = "SELECT detail FROM audit WHERE kind = 'session_issued'";
    assert_eq!(server.time_travel().text(detail), "pwd+otp; by key backend");
}

#[tokio::test]
async fn cookies_hold_ids_only_and_stay_small_whatever_the_operator_says() {
    let server = Server::start(BINARY);
    let (program, mut browser) = (Program::new(&server), server.browser());
    let body = json!({
        "subject": "~".repeat(128), "aal": 2, "amr": ["a2345678", "b2345678", "c2345678", "d2345678"],
        "claims": { "salary": "9".repeat(1000) },
    });
    let issued = program.issue_into(&mut browser, body).await;
    let claims = payload(&issued.field("access"));
    assert!(claims.get("salary").is_none() && claims["sub"] == "~".repeat(128), "{claims}");
    // Over TLS each of the four names is seven characters longer.
    let sizes: Vec<usize> =
        browser.jar.names().iter().map(|name| name.len() + 7 + 1 + browser.jar.get(name).map_or(0, str::len)).collect();
    assert!(sizes.iter().all(|size| *size < 1024) && sizes.iter().sum::<usize>() < 1536, "{sizes:?}");
}

#[tokio::test]
async fn the_browsers_cookies_make_it_a_login_like_any_other() {
    let server = Server::start(BINARY);
    let (program, mut browser) = (Program::new(&server), server.logged_in().await);
    let former = browser.copy();
    let cookie = format!("other=1; {}; auth_hint=garbage; mfa_verify=old", browser.jar.header());
    let issued = program.issue_into(&mut browser, json!({ "subject": "ada", "cookie": cookie })).await;

    let tag = |browser: &Browser| browser.jar.find("refreshtoken-").map(|(name, _)| name.to_lowercase());
    assert_ne!(tag(&former), tag(&browser), "the new session's cookies have names of their own");
    let tokens: Vec<&str> = browser.jar.names().into_iter().filter(|name| name.contains("token-")).collect();
    assert_eq!(tokens.len(), 2, "the former session's are cleared: {tokens:?}");
    assert!(set_cookie(&issued).iter().any(|line| line.starts_with("mfa_verify=;")), "a step that was begun is over");
    assert!(!issued.field("cookies").as_object().expect("cookies").values().any(|value| value == ""));

    let mut former = former;
    former.lose_access_token();
    let refused = former.refresh().await;
    assert_eq!((refused.code().as_str(), refused.field("reason")), ("session_ended", json!("logout")));
    assert_eq!(browser.session_and_keep().await.field("user")["id"], "ada");
}

#[tokio::test]
async fn nothing_of_a_request_breaks_a_line() {
    let server = Server::start(BINARY);
    let program = Program::new(&server);
    for cookie in ["refreshtoken-\r\n=x", "a=b\r\nSet-Cookie: c=d", "refreshtoken-ab=x\n", "a=\u{0}", "a=\u{7f}"] {
        let answer = program.post("/admin/sessions", json!({ "subject": "ada", "cookie": cookie })).await;
        check_refused(&answer, 400, "invalid_request");
    }
    let body = json!({
        "subject": "ada", "device": format!("Fire\r\nfox\u{0}\u{202e} {}", "x".repeat(5000)),
        "cookie": format!("refreshtoken-;;={}; refreshtoken-é=1; accesstoken-\"\"=x; {}", "x".repeat(9000), "y=1; ".repeat(500)),
    });
    let issued = program.post("/admin/sessions", body).await;
    assert_eq!(issued.status, 200, "{}", issued.text);
    for line in set_cookie(&issued) {
        assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line:?}");
    }
    let key = issued.field("session_key").as_str().expect("a key").to_owned();
    let shown = program.get(&format!("/admin/sessions/{key}")).await;
    let device = shown.field("device").as_str().expect("a text").to_owned();
    assert!(device.starts_with("Firefox") && device.chars().count() == 200, "{device:?}");
}

#[tokio::test]
async fn what_cannot_be_said_of_a_session_is_refused_with_a_sentence() {
    let server = Server::start(BINARY);
    let program = Program::new(&server);
    let mut wrong = vec![
        (json!({ "subject": "" }), "1 to 128 printable"),
        (json!({ "subject": "a b" }), "1 to 128 printable"),
        (json!({ "subject": "adä" }), "1 to 128 printable"),
        (json!({ "subject": "a\r\nb" }), "1 to 128 printable"),
        (json!({ "subject": "x".repeat(129) }), "1 to 128 printable"),
        (json!({ "subject": "ada", "aal": 3 }), "`aal` is 1 or 2"),
        (json!({ "subject": "ada", "amr": ["a", "b", "c", "d", "e"] }), "`amr` is up to four"),
        (json!({ "subject": "ada", "amr": ["two words"] }), "`amr` is up to four"),
        (json!({ "subject": "ada", "claims": { "x": "x".repeat(1100) } }), "at most 1024 bytes"),
        (json!({ "subject": "ada", "claims": { "": 1 } }), "the name of a claim"),
        (json!({ "subject": "ada", "email": "a@b.c", "claims": { "email": "d@e.f" } }), "given twice"),
        (json!({ "subject": "ada", "claims": [] }), "wrong type"),
        (json!({ "subject": "ada", "acr": "aal2" }), "unknown"),
    ];
    for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "gen", "aal", "amr", "acr", "auth_time"] {
        wrong.push((json!({ "subject": "ada", "claims": { name: "x" } }), "said by the server itself"));
    }
    for (body, sentence) in wrong {
        let answer = program.post("/admin/sessions", body.clone()).await;
        check_refused(&answer, 400, "invalid_request");
        assert!(
            answer.field("detail").as_str().is_some_and(|detail| detail.contains(sentence)),
            "{body}: {}",
            answer.text
        );
    }
    assert_eq!(server.time_travel().number("SELECT count(*) FROM session"), 0);
}

#[tokio::test]
async fn a_subject_of_any_printable_characters_is_found_again() {
    let server = Server::start(BINARY);
    let program = Program::new(&server);
    for subject in ["a/b?c=d&e#f%25+", "../../etc/passwd", "'\";--\\", &"~".repeat(128)] {
        let issued = program.post("/admin/sessions", json!({ "subject": subject })).await;
        assert_eq!(issued.status, 200, "{}", issued.text);
        let encoded: String = subject.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let listed = program.get(&format!("/admin/sessions?subject={encoded}")).await.field("sessions");
        assert_eq!(listed.as_array().map(Vec::len), Some(1), "{subject}");
        assert_eq!((&listed[0]["subject"], &listed[0]["session_key"]), (&json!(subject), &issued.field("session_key")));
        assert_eq!(program.post("/admin/sessions/revoke", json!({ "subject": subject })).await.status, 204);
        let listed = program.get(&format!("/admin/sessions?subject={encoded}")).await.field("sessions");
        assert_eq!(listed, json!([]), "{subject}");
    }
}

#[tokio::test]
async fn f50_a_session_that_the_operator_ends_is_over_with_the_answer() {
    let server = Server::start(BINARY);
    let program = Program::new(&server);
    let mut browsers = Vec::new();
    for _ in 0..4 {
        let mut browser = server.browser();
        let issued = program.issue_into(&mut browser, json!({ "subject": "ada" })).await;
        browsers.push((issued.field("session_key").as_str().expect("a key").to_owned(), browser));
    }
    let mut stranger = server.browser();
    program.issue_into(&mut stranger, json!({ "subject": "eve" })).await;

    let path = format!("/admin/sessions/{}", browsers[0].0);
    for _ in 0..2 {
        assert_eq!(program.send("DELETE", &path, None).await.status, 204, "an end stays an end");
    }
    assert_eq!(program.get(&path).await.field("ended_reason"), "revoked");
    check_over(&browsers[0].1, "revoked").await;
    assert_eq!(browsers[1].1.get("/auth/session").await.field("status"), "authenticated");

    let stays = browsers[3].0.clone();
    let foreign = json!({ "subject": "eve", "except": stays });
    check_refused(&program.post("/admin/sessions/revoke", foreign).await, 404, "not_found");
    let all_but_one = json!({ "subject": "ada", "except": stays });
    assert_eq!(program.post("/admin/sessions/revoke", all_but_one).await.status, 204);
    for (_, browser) in &browsers[1..3] {
        check_over(browser, "revoked").await;
    }
    for browser in [&browsers[3].1, &stranger] {
        assert_eq!(browser.get("/auth/session").await.field("status"), "authenticated");
    }
    check_refused(&program.send("DELETE", "/admin/sessions/AAAAAAAAAAAAAAAA", None).await, 404, "not_found");
    check_refused(&program.get("/admin/sessions/short").await, 404, "not_found");
    let details = "SELECT group_concat(detail, ' | ') FROM (SELECT detail FROM audit WHERE kind = 'session_ended')";
    assert_eq!(server.time_travel().text(details), "revoked; by key backend | all but one revoked; by key backend");
}

async fn check_over(browser: &Browser, reason: &str) {
    let session = browser.get("/auth/session").await;
    assert_eq!((session.field("status"), session.field("ended_reason")), (json!("unauthenticated"), json!(reason)));
    assert_eq!(browser.refresh().await.field("reason"), reason);
}

#[tokio::test]
async fn no_session_begins_for_an_account_that_is_disabled() {
    let server = Server::start(BINARY);
    let program = Program::new(&server);
    let users = program.get(&format!("/admin/users?email={}", server.demo().email)).await.field("users");
    let id = users[0]["id"].as_str().expect("an id").to_owned();
    let body = json!({ "subject": id });
    assert_eq!(program.post("/admin/sessions", body.clone()).await.status, 200);
    assert_eq!(program.send("POST", &format!("/admin/users/{id}/disable"), None).await.status, 204);
    let refused = program.post("/admin/sessions", body).await;
    check_refused(&refused, 400, "invalid_request");
    assert!(refused.text.contains("disabled"), "{}", refused.text);
    let issued = server.command(&["session", "issue", "--subject", &id]);
    assert!(!issued.status.success() && String::from_utf8_lossy(&issued.stderr).contains("disabled"));
}

#[tokio::test]
async fn the_command_line_shows_and_ends_what_the_api_issued() {
    let server = Server::start(BINARY);
    let (program, mut browser) = (Program::new(&server), server.browser());
    let issued = program.issue_into(&mut browser, json!({ "subject": "ada", "claims": { "plan": "gold" } })).await;
    let key = issued.field("session_key").as_str().expect("a key").to_owned();
    let show = || {
        let output = server.command(&["session", "show", &key]);
        serde_json::from_slice::<Value>(&output.stdout).expect("one JSON object")
    };
    let shown = show();
    assert_eq!((&shown["subject"], &shown["claims"]["plan"]), (&json!("ada"), &json!("gold")));
    assert_eq!(shown["ended_reason"], Value::Null);
    assert!(server.command(&["session", "revoke", &key]).status.success());
    assert_eq!(show()["ended_reason"], "revoked");
    check_over(&browser, "revoked").await;
    let unknown = server.command(&["session", "show", "AAAAAAAAAAAAAAAA"]);
    assert!(!unknown.status.success() && String::from_utf8_lossy(&unknown.stderr).contains("no such session"));
    let detail = "SELECT detail FROM audit WHERE kind = 'session_ended'";
    assert_eq!(server.time_travel().text(detail), "revoked; by the command line");
}
