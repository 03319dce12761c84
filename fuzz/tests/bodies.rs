//! Fuzz targets for bodies (docs/fuzzing.md).

use axum::http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use perennial_protocol::refusal::Refusal;
use perennial_service::http::request::parse_json;
use serde::Deserialize;

#[derive(Deserialize)]
struct Login {
    email: String,
    password: String,
}

#[test]
fn any_body_is_read_or_refused_without_a_word_of_it() {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    bolero::check!().for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let quoted = serde_json::to_string(&text).expect("a text");
        let login = format!(r#"{{"email":{quoted},"password":"canary"}}"#);
        for body in [bytes, format!(r#"{{"password":"canary","email":{text}}}"#).as_bytes(), login.as_bytes()] {
            match parse_json::<Login>(&headers, body) {
                Ok(read) => assert!(read.email.len() + read.password.len() <= body.len()),
                Err(Refusal::InvalidRequest(sentence)) => check_sentence(&sentence),
                Err(refusal) => panic!("{refusal:?}"),
            }
        }
        let read = parse_json::<Login>(&headers, login.as_bytes()).expect("it was written as JSON");
        assert_eq!(read.email, text);
    });
}

/// It consists of our own words and of two numbers.
fn check_sentence(sentence: &str) {
    let words: String = sentence.chars().filter(|sign| !sign.is_ascii_digit()).collect();
    let ours = ["is not JSON", "lacks a field or holds one of the wrong type"];
    assert!(ours.iter().any(|what| words == format!("The body {what} (line , column ).")), "{sentence}");
}

#[test]
fn any_content_type_but_json_is_refused() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, value)]);
        let admitted = parse_json::<serde_json::Value>(&headers, b"{}").is_ok();
        let says_json = bytes.trim_ascii_start().to_ascii_lowercase().starts_with(b"application/json");
        assert!(says_json || !admitted, "{headers:?}");
    });
}
