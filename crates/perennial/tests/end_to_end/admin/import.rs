//! People of another system: they log in with the password they have, and nobody is imported by half.

use std::fs;

use perennial_testkit::Server;
use serde_json::{Value, json};

use super::{Program, check_refused};
use crate::BINARY;

const PASSWORD: &str = "correct horse battery staple";

/// The hashes that the libraries of other systems made: what, password, hash.
fn foreign() -> Vec<Value> {
    let text = include_str!("../../../../../tests/interop/foreign_hashes.jsonl");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The hash of this kind.
fn hash_of(kind: &str) -> String {
    let line = foreign().into_iter().find(|line| line["what"].as_str().is_some_and(|what| what.ends_with(kind)));
    line.expect("there is one")["hash"].as_str().expect("a text").to_owned()
}

/// Imports a file; answers whether all went well, and what was said.
fn import(server: &Server, lines: &str) -> (bool, String) {
    let file = server.data().join("users.jsonl");
    fs::write(&file, lines).expect("written");
    let output = server.command(&["user", "import", file.to_str().expect("a plain path")]);
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("text")).concat();
    (output.status.success(), said)
}

fn lines(users: &[Value]) -> String {
    users.iter().map(|user| format!("{user}\n")).collect()
}

#[tokio::test]
async fn people_of_django_bcrypt_and_argon2_log_in_and_their_hash_becomes_ours() {
    let server = Server::start(BINARY);
    let people = foreign();
    let user = |(number, line): (usize, &Value)| json!({ "email": format!("p{number}@example.com"), "password_hash": line["hash"] });
    let (whole, said) = import(&server, &lines(&people.iter().enumerate().map(user).collect::<Vec<_>>()));
    assert!(whole && said.ends_with("13 added, 0 were here already, 0 refused\n"), "{said}");

    for (number, person) in people.iter().enumerate() {
        let (email, password) = (format!("p{number}@example.com"), person["password"].as_str().expect("a text"));
        let kept = || server.time_travel().text(&format!("SELECT password_hash FROM account WHERE email = '{email}'"));
        // That each kind knows a wrong password is a test of the rules; here one of them is asked.
        if number == 0 {
            assert_eq!(server.browser().log_in(&email, "not the password").await.code(), "invalid_credentials");
            assert_eq!(kept(), person["hash"].as_str().expect("a text"), "a wrong password replaces nothing");
        }
        let answer = server.browser().log_in(&email, password).await;
        assert_eq!(answer.status, 200, "{}: {}", person["what"], answer.text);
        assert!(kept().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", person["what"]);
        assert_eq!(server.browser().log_in(&email, password).await.status, 200, "{}", person["what"]);
    }
}

#[tokio::test]
async fn every_bad_line_is_named_and_the_others_are_imported_whole() {
    let server = Server::start(BINARY);
    let hash = hash_of(" bcrypt");
    let good = |email: &str| json!({ "email": email, "name": "Ada", "password_hash": hash, "claims": { "old_id": 7 } });
    let with = |email: &str, name: &str, value: Value| {
        let mut line = good(email);
        line[name] = value;
        line.to_string()
    };
    let file = [
        good("a@example.com").to_string(),
        String::new(),
        "not json".into(),
        with("b@example.com", "password_hash", json!("md5$salt$canary-of-a-hash")),
        with("c@example.com", "password_hash", json!("$2b$17$abcdefghijklmnopqrstuuPEuJAdrTb7Gp8GpCXp1YCdEU1YTxOLS")),
        with("d@example.com", "claims", json!({ "sub": "someone else" })),
        with("e@example.com", "email_verified", json!(false)),
        with("f@example.com", "created_at", json!(99_999_999_999_i64)),
        with("g@example.com", "is_staff", json!(true)),
        with("no address", "name", json!("x")),
        with("h@example.com", "id", json!("a b")),
        with("i@example.com", "id", json!("customer/42")),
        with("j@example.com", "id", json!("customer/42")),
        with("A@Example.com", "name", json!("again")),
        format!("{{\"email\":\"k@example.com\",\"name\":\"{}\"}}", "x".repeat(20_000)),
        with("l@example.com", "name", json!("two\nlines")),
        json!({ "email": "m@example.com", "created_at": 1_500_000_000, "disabled": true }).to_string(),
        json!({ "email": "n@example.com", "password_hash": "!unusable" }).to_string(),
        // Refused before under a taken id, so not there yet.
        good("j@example.com").to_string(),
    ]
    .join("\n");
    let (whole, said) = import(&server, &file);
    assert!(!whole, "{said}");
    let expected = [
        "line 3: it is not a JSON object",
        "line 4: the password hash is of no known kind",
        "line 5: the password hash would cost every login too much: bcrypt's cost is 17, at most 14",
        "line 6: `sub` is said by the server itself",
        "line 7: its address was never verified",
        "line 8: created_at is seconds since 1970",
        "line 9: it lacks `email`, or has a field that is unknown",
        "line 10: write an e-mail address",
        "line 11: a subject is 1 to 128",
        "line 13: its id belongs to another account",
        "line 15: it is longer than 16384 bytes",
        "line 16: A name is one line",
        "5 added, 1 were here already, 12 refused",
    ];
    let mut rest = said.as_str();
    for sentence in expected {
        let (_, behind) =
            rest.split_once(sentence).unwrap_or_else(|| panic!("{sentence} is missing, in order:\n{said}"));
        rest = behind;
    }
    assert!(!said.contains("canary-of-a-hash"), "{said}");
    let count = |what: &str| server.time_travel().number(&format!("SELECT count(*) FROM account WHERE {what}"));
    assert_eq!(count("email LIKE '%@example.com' AND (email = 'n@example.com') <= (password_hash = '')"), 5);
    assert_eq!(count("id = 'customer/42' AND email = 'i@example.com' AND claims = '{\"old_id\":7}'"), 1);
    assert_eq!(count("email = 'm@example.com' AND created_at = 1500000000000 AND disabled AND password_hash = ''"), 1);
    assert_eq!(server.time_travel().audited("account_imported"), 5);
}

#[tokio::test]
async fn an_import_that_runs_again_changes_nothing_that_is_here() {
    let server = Server::start(BINARY);
    let users: Vec<Value> = (0..250)
        .map(|number| json!({ "email": format!("p{number}@example.com"), "password_hash": hash_of("argon2-cffi") }))
        .collect();
    let (whole, said) = import(&server, &lines(&users[..200]));
    assert!(whole && said.ends_with("200 added, 0 were here already, 0 refused\n"), "{said}");
    assert_eq!(server.browser().log_in("p0@example.com", PASSWORD).await.status, 200);
    let all = || server.time_travel().text("SELECT group_concat(id || password_hash) FROM account ORDER BY id");
    let before = all();
    let (whole, said) = import(&server, &lines(&users[..200]));
    assert!(whole && said.ends_with("0 added, 200 were here already, 0 refused\n"), "{said}");
    assert_eq!(all(), before, "who logged in since keeps the newer hash");
    let (whole, said) = import(&server, &lines(&users));
    assert!(whole && said.ends_with("50 added, 200 were here already, 0 refused\n"), "{said}");
}

#[tokio::test]
async fn the_api_imports_by_the_same_rules() {
    let server = Server::start(BINARY);
    let program = Program::new(&server);
    let mut users = vec![
        json!({ "email": "ada@example.com", "id": "42", "password_hash": hash_of("argon2-cffi ID, small") }),
        json!({ "email": "eve@example.com", "password_hash": "plain$text" }),
        json!({ "email": "ada@example.com" }),
        json!("not an object"),
    ];
    users.extend((0..200).map(|number| json!({ "email": format!("p{number}@example.com") })));
    let answer = program.post("/admin/users/import", json!({ "users": users })).await;
    assert_eq!((answer.field("added"), answer.field("already_there")), (json!(201), json!(1)), "{}", answer.text);
    let refused = answer.field("refused");
    let indices: Vec<_> = refused.as_array().expect("a list").iter().map(|line| line["index"].clone()).collect();
    assert_eq!(indices, [json!(1), json!(3)]);
    assert!(!answer.text.contains("plain$text"));
    let mut browser = server.browser();
    assert_eq!(browser.log_in("ada@example.com", PASSWORD).await.field("user")["id"], "42");
    // Who came without a password has none that is right, until one is set.
    for password in ["", "!", "x"] {
        assert_eq!(server.browser().log_in("p1@example.com", password).await.code(), "invalid_credentials");
    }
    assert_eq!(
        program
            .send("PUT", "/admin/users/42/password", Some(&json!({ "password": "six green doors hum" })))
            .await
            .status,
        204
    );
    check_refused(&program.post("/admin/users/import", json!({ "user": [] })).await, 400, "invalid_request");
}
