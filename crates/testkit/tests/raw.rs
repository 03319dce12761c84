//! Bytes go out as they are, and come back as they are.

use std::time::Duration;

use perennial_testkit::{
    raw::{Case, Exchange, Raw, RawUpstream, exchange, table},
    upstream::Upstream,
};

const SOON: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_millis(200);

#[test]
fn two_requests_at_once_are_two_answers() {
    let upstream = Upstream::standard();
    let two = "GET /a HTTP/1.1\r\nhost: a\r\n\r\nGET /status-404 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let exchange = exchange(&upstream.url(), two, SOON);
    assert_eq!(exchange.outcome(), "200 404 closed");
    assert_eq!(exchange.answers[1].json()["status"], 404);
}

#[test]
fn an_outcome_tells_an_open_connection_from_a_closed_and_a_silent_one() {
    let url = Upstream::standard();
    let cases = [
        Case::new("a whole request", "GET / HTTP/1.1\r\nhost: a\r\n\r\n", "200 open"),
        Case::new("half a request", "GET / HTTP/1.1\r\nhost:", "silent"),
        Case::new("no request", "nonsense\r\n\r\n", "400 closed"),
    ];
    let table = table(&url.url(), &cases, QUIET, |_, exchange| exchange.outcome());
    assert!(table.contains("| half a request | silent | silent |"), "{table}");
}

#[test]
fn a_table_fails_as_a_whole_when_one_line_differs() {
    let upstream = Upstream::standard();
    let cases = [
        Case::new("fine", "GET /status-204 HTTP/1.1\r\nhost: a\r\n\r\n", "204 open"),
        Case::new("not so", "GET /status-204 HTTP/1.1\r\nhost: a\r\n\r\n", "400 closed"),
    ];
    let run = || table(&upstream.url(), &cases, QUIET, |_, exchange: &Exchange| exchange.outcome());
    let text = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).expect_err("one line differs");
    let text = text.downcast::<String>().expect("a panic with a text");
    assert!(text.contains("| fine | 204 open | 204 open |"), "{text}");
    assert!(text.contains("| not so | 400 closed | 204 open ← differs |"), "{text}");
}

#[test]
fn a_raw_upstream_answers_what_no_server_would_and_keeps_what_it_was_sent() {
    let upstream = RawUpstream::start(|head| {
        assert!(head.starts_with("GET /x"));
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n folded: no\r\n\r\nto the end".to_vec()
    });
    let mut raw = Raw::connect(&upstream.url());
    raw.send("GET /x HTTP/1.1\r\nHost: A\r\nhOST: b\r\n\r\n");
    assert_eq!(raw.answer(SOON).map(|answer| answer.status), Some(103));
    assert_eq!(raw.answer(SOON).map(|answer| answer.text()), Some("to the end".to_owned()));
    assert_eq!(upstream.received(), ["GET /x HTTP/1.1\r\nHost: A\r\nhOST: b\r\n\r\n"]);
}
