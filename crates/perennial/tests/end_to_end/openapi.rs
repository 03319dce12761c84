//! The server's own description of its API: it is true, and drawn requests that follow it meet no accident.

use std::{path::Path, process::Command};

use perennial_testkit::{Scratch, Server, Setup};
use serde_json::{Value, json};

use crate::{BINARY, prepared};

#[tokio::test]
async fn the_document_is_the_one_in_the_reference() {
    let server = Server::start(BINARY);
    let answer = server.browser().get("/auth/openapi.json").await;
    let mut served = answer.json();
    assert_eq!(served["servers"], json!([{ "url": server.url }]));
    served["servers"] = json!([{ "url": "https://app.example.com" }]);
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&place).expect("the reference")).expect("JSON");
    if served != written {
        let found = place.with_file_name("openapi.json.found");
        std::fs::write(&found, serde_json::to_string_pretty(&served).expect("JSON") + "\n").expect("written");
        panic!("docs/reference/openapi.json is not what is served: compare it with {}", found.display());
    }
}

/// Sends drawn requests to a server that speaks this wire; none for its own.
fn check_drawn_requests(wire: &str) {
    let setup = if wire.is_empty() { Setup::default() } else { Setup::wire(wire) };
    let server = Server::start_with(BINARY, setup);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop/conform_openapi.py");
    let account = server.demo();
    // What it notes down goes with the test.
    let scratch = Scratch::new();
    let mut run = Command::new(prepared("PERENNIAL_VENV_PYTHON"));
    run.current_dir(scratch.path()).arg(script).args([&server.url, &account.email, &account.password]);
    let run = run.output().expect("Python runs");
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{told}\n{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(told.matches("No issues found").count(), 2, "as a visitor and as a person: {told}");
}

#[test]
fn requests_that_are_drawn_by_the_document_are_answered_as_it_says() {
    check_drawn_requests("");
}

#[test]
fn requests_that_are_drawn_by_the_document_of_a_bearer_wire_are_answered_as_it_says() {
    check_drawn_requests("simplejwt");
}

#[test]
fn requests_that_are_drawn_by_the_document_of_an_enveloped_wire_are_answered_as_it_says() {
    check_drawn_requests("server-first");
}
