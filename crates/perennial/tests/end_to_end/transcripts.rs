//! The main job as a person with a terminal does it: `tests/transcripts/*.sh`, run against the binary.

use std::{path::Path, process::Command};

use perennial_testkit::{Server, Setup};

use crate::BINARY;

#[track_caller]
fn check(script: &str, setup: Setup) {
    let server = Server::start_with(BINARY, setup);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/transcripts").join(script);
    let output = Command::new(&script).arg(&server.url).output().expect("bash, curl, jq and python3 are there");
    let transcript = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{transcript}\n{complaints}", script.display());
    assert!(transcript.contains("went as they should"), "{transcript}");
    // A transcript can be shown around: it holds no whole token.
    assert!(!transcript.contains("prn1.AA") && !transcript.contains("eyJ0eXA"), "{transcript}");
    eprintln!("{transcript}");
}

#[test]
fn the_main_job_is_done_with_curl_alone() {
    check("main.sh", Setup::default());
}

#[test]
fn the_main_job_is_done_with_curl_over_the_wire_simplejwt() {
    check("simplejwt.sh", Setup::wire("simplejwt"));
}

#[test]
fn the_main_job_is_done_with_curl_over_the_wire_vault() {
    check("vault.sh", Setup::wire("vault"));
}
