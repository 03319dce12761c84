//! New keys under running traffic: nobody notices, and what was signed before stays good.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use perennial_testkit::{Browser, Server, Setup, code_at, decode_base64url};
use serde_json::{Value, json};

use crate::{BINARY, prepared};

/// The key that signed an access token.
fn kid(token: &str) -> String {
    let header = token.split('.').next().and_then(decode_base64url).expect("a JWT begins with its header");
    let header: Value = serde_json::from_slice(&header).expect("the header is JSON");
    header["kid"].as_str().expect("every token names its key").to_owned()
}

fn access_token(browser: &Browser) -> &str {
    browser.jar.find("accesstoken").expect("the jar holds an access token").1
}

/// The published keys.
async fn published(server: &Server) -> Vec<String> {
    let answer = server.browser().get("/.well-known/jwks.json").await;
    let kids = answer.json()["keys"].as_array().expect("a JWK Set").clone();
    kids.iter().map(|key| key["kid"].as_str().expect("every key has a name").to_owned()).collect()
}

#[track_caller]
fn rotate(server: &Server, after: &str) {
    let output = server.command(&["keys", "rotate", "--kind", "all", "--after", after]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Looks again and again until it is so.
async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(15), "it took too long until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A client that does what clients do, until it is told to stop: how often, and with which keys.
async fn traffic(mut browser: Browser, stop: Arc<AtomicBool>) -> (u32, Vec<String>) {
    let (mut requests, mut kids) = (0, Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let answer = browser.refresh_and_keep().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let standing = browser.session_and_keep().await;
        assert_eq!(standing.field("status"), "authenticated", "{}", standing.text);
        let kid = kid(access_token(&browser));
        if kids.last() != Some(&kid) {
            kids.push(kid);
        }
        requests += 2;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    (requests, kids)
}

/// Publishes the next key and watches it come into use: first everybody can know it, then it signs.
async fn next_key_is_published_before_it_signs(server: &Server, number: u16) {
    let name = format!("es256-{number}");
    rotate(server, "4s");
    eventually("the new key is published", async || published(server).await.contains(&name)).await;
    let mut witness = server.logged_in().await;
    assert_ne!(kid(access_token(&witness)), name, "the new key does not sign before everybody can know it");
    eventually("the new key signs", async || {
        witness.refresh_and_keep().await;
        kid(access_token(&witness)) == name
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f44_two_rotations_of_every_key_fail_no_request_and_spare_all_that_was_handed_out() {
    let server = Server::start_with(BINARY, Setup::always_rotating());
    let (mut resting, reader) = (server.logged_in().await, server.logged_in().await);
    let mut registering = server.browser();
    let code = begin_to_register(&server, &mut registering).await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> =
        server.issue("busy", 20).into_iter().map(|client| tokio::spawn(traffic(client, Arc::clone(&stop)))).collect();

    next_key_is_published_before_it_signs(&server, 2).await;
    next_key_is_published_before_it_signs(&server, 3).await;
    assert_eq!(published(&server).await, ["es256-1", "es256-2", "es256-3"]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    let mut total = 0;
    for client in clients {
        let (requests, kids) = client.await.expect("no request failed");
        assert_eq!(kids, ["es256-1", "es256-2", "es256-3"]);
        total += requests;
    }
    eprintln!("{total} requests while every key was rotated twice, none failed");

    assert_eq!(kid(access_token(&reader)), "es256-1");
    assert_eq!(reader.get("/auth/session").await.field("status"), "authenticated", "an old access token is good");
    let answer = resting.refresh_and_keep().await;
    assert_eq!(answer.status, 200, "an old refresh token and an old anti-CSRF token are good: {}", answer.text);
    assert_eq!(kid(access_token(&resting)), "es256-3");
    let answer = registering.post_and_keep("/verify-otp", Some(&json!({ "code": code }))).await;
    assert_eq!((answer.status, answer.field("status")), (200, json!("authenticated")), "{}", answer.text);
    log_in_with_second_factor(&server).await;
    assert_eq!(server.time_travel().audited("reuse_detected") + server.time_travel().audited("stale_refused"), 0);
}

/// Registers up to the code that was mailed.
async fn begin_to_register(server: &Server, browser: &mut Browser) -> String {
    browser.session_and_keep().await;
    let person = json!({ "email": "early@example.com", "password": "seven quiet lanterns hum" });
    let answer = browser.post_and_keep("/register", Some(&person)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    server.code_of_mail("early@example.com", 1).await
}

/// A secret that was sealed with the first key opens.
async fn log_in_with_second_factor(server: &Server) {
    let account = server.with_second_factor();
    let mut browser = server.browser();
    let answer = browser.log_in(&account.email, &account.password).await;
    assert_eq!(answer.field("status"), "mfa_verify_required", "{}", answer.text);
    let code = code_at(account.totp_secret.as_deref().expect("it has a second factor"), 0);
    let answer = browser.post_and_keep("/mfa/verify", Some(&json!({ "code": code }))).await;
    assert_eq!(answer.field("aal"), 2, "{}", answer.text);
}

#[test]
fn keys_list_tells_of_every_key_what_it_is_for_and_shows_no_secret() {
    let server = Server::start(BINARY);
    let list = || String::from_utf8(server.command(&["keys", "list"]).stdout).expect("text");
    let words = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(words(&list()), ["mac 1 in use", "signing 1 in use", "seal 1 in use"]);

    rotate(&server, "1h");
    let published = words(&list());
    assert_eq!(published.len(), 6);
    for line in published.iter().filter(|line| line.contains(" 2 ")) {
        assert!(line.contains("published, in use in 359") || line.contains("in use in 3600 s"), "{line}");
    }
    rotate(&server, "0ms");
    let rotated = words(&list());
    for kind in ["mac", "signing", "seal"] {
        assert!(rotated.contains(&format!("{kind} 1 verifies only")), "{rotated:?}");
        assert!(rotated.contains(&format!("{kind} 3 in use")), "{rotated:?}");
    }
    assert_shows_no_secret(&server, &list());
}

fn assert_shows_no_secret(server: &Server, text: &str) {
    let files: Vec<_> = std::fs::read_dir(server.data().join("keys")).expect("the keys are there").collect();
    assert_eq!(files.len(), 9);
    for file in files {
        let content = std::fs::read_to_string(file.expect("an entry").path()).expect("a key file");
        let file: Value = serde_json::from_str(&content).expect("a key file is JSON");
        let secret = file["secret"].as_str().expect("a key has a secret");
        assert!(!text.contains(secret) && !server.log().contains(secret));
    }
}

/// A program of others that checks our tokens.
fn command(program: &str, script: &str) -> Command {
    let mut command = Command::new(prepared(program));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop").join(script));
    command
}

/// Hands the tokens to a verifier, with nothing but the address of the published keys; answers what it says.
fn verdict(mut verifier: Command, server: &Server, tokens: &str) -> (Option<i32>, String) {
    verifier.arg(format!("{}/.well-known/jwks.json", server.url)).args([server.url.as_str(), "api"]);
    let mut child = (verifier.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()))
        .spawn()
        .expect("the verifier starts");
    child.stdin.take().expect("it is piped").write_all(tokens.as_bytes()).expect("the verifier reads");
    let output = child.wait_with_output().expect("the verifier ends");
    let words = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), words)
}

/// Access tokens from before a rotation of the signing key, and from after it.
async fn tokens_across_a_rotation(server: &Server) -> [String; 2] {
    let before = access_token(&server.logged_in().await).to_owned();
    let output = server.command(&["keys", "rotate", "--after", "0ms"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    eventually("the new key is published", async || published(server).await.len() == 2).await;
    [before, access_token(&server.logged_in().await).to_owned()]
}

async fn check_foreign_verifier(verifier: impl Fn() -> Command) {
    let server = Server::start(BINARY);
    let [before, after] = tokens_across_a_rotation(&server).await;
    let (code, words) = verdict(verifier(), &server, &format!("{before}\n{after}\n"));
    assert_eq!((code, words.trim()), (Some(0), "ok kid=es256-1\nok kid=es256-2"));

    // One letter of the claims is another one.
    let middle = before.len() / 2;
    let other = if before.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let forged = format!("{}{other}{}", &before[..middle], &before[middle + 1..]);
    let (code, words) = verdict(verifier(), &server, &forged);
    assert_eq!(code, Some(1), "{words}");
}

#[tokio::test]
async fn f44_tokens_of_both_keys_are_good_for_pyjwt_over_the_published_keys() {
    check_foreign_verifier(|| command("PERENNIAL_VENV_PYTHON", "verify_pyjwt.py")).await;
}

#[tokio::test]
async fn f44_tokens_of_both_keys_are_good_for_jose_over_the_published_keys() {
    check_foreign_verifier(|| {
        let mut command = command("PERENNIAL_NODE", "verify_jose.mjs");
        command.env("PERENNIAL_NODE_MODULES", prepared("PERENNIAL_NODE_MODULES"));
        command
    })
    .await;
}
