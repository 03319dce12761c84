//! Bytes that one server reads in one way and the next in another: what comes of them is a table, and the table
//! is `docs/reference/gateway-framing.md`.

use std::{fs, path::Path, time::Duration};

use perennial_testkit::{
    Server, Setup,
    raw::{Case, Raw, RawUpstream, exchange, table},
    upstream::Upstream,
};

use super::{SOON, before, routes};
use crate::BINARY;

const QUIET: Duration = Duration::from_millis(700);

/// What an attacker wants to be read as a request of its own.
const SMUGGLED: &str = "GET /open/smuggled HTTP/1.1\r\nHost: HOST\r\n\r\n";

/// A line for each; `\r\n` ends each line of the head, and `HOST` is the host.
#[rustfmt::skip]
const CASES: [(&str, &str, &str); 62] = [
    ("a whole request", "GET /open/x HTTP/1.1\nHost: HOST\n\n", "200 open, forwarded 1"),
    ("two requests at once", "GET /open/x HTTP/1.1\nHost: HOST\n\nGET /open/x HTTP/1.1\nHost: HOST\n\n", "200 200 open, forwarded 2"),
    ("a chunked body", "POST /open/x HTTP/1.1\nHost: HOST\nTransfer-Encoding: chunked\n\n2\nok\n0\n\nSMUGGLED", "200 closed, forwarded 1"),
    ("Content-Length, then Transfer-Encoding", "POST /open/x HTTP/1.1\nHost: HOST\nContent-Length: 99\nTransfer-Encoding: chunked\n\n0\n\nSMUGGLED", "200 closed, forwarded 1"),
    ("Transfer-Encoding, then Content-Length", "POST /open/x HTTP/1.1\nHost: HOST\nTransfer-Encoding: chunked\nContent-Length: 99\n\n0\n\nSMUGGLED", "200 closed, forwarded 1"),
    ("Transfer-Encoding and a length of nothing", "POST /open/x HTTP/1.1\nHost: HOST\nTransfer-Encoding: chunked\nContent-Length: 0\n\n0\n\nSMUGGLED", "200 closed, forwarded 1"),
    ("Transfer-Encoding: identity", "POST /open/x HTTP/1.1\nHost: HOST\nTransfer-Encoding: identity\nContent-Length: 5\n\n0\n\nSMUGGLED", "400 closed, forwarded 0"),
    ("Transfer-Encoding: xchunked", "POST /open/x HTTP/1.1\nHost: HOST\nTransfer-Encoding: xchunked\n\n0\n\nSMUGGLED", "400 closed, forwarded 0"),
    ("Transfer-Encoding: chunked, identity", "POST /open/x HTTP/1.1\nHost: HOST\nTransfer-Encoding: chunked, identity\n\n0\n\nSMUGGLED", "400 closed, forwarded 0"),
    ("Transfer-Encoding: gzip, chunked", "POST /open/x HTTP/1.1\nHost: HOST\nTransfer-Encoding: gzip, chunked\n\n0\n\nSMUGGLED", "400 closed, forwarded 0"),
    ("Transfer-Encoding twice", "POST /open/x HTTP/1.1\nHost: HOST\nTransfer-Encoding: chunked\nTransfer-Encoding: identity\n\n0\n\nSMUGGLED", "400 closed, forwarded 0"),
    ("a space before the colon", "POST /open/x HTTP/1.1\nHost: HOST\nTransfer-Encoding : chunked\n\n0\n\nSMUGGLED", "400 closed, forwarded 0"),
    ("a vertical tab before the value", "POST /open/x HTTP/1.1\nHost: HOST\nTransfer-Encoding:\x0bchunked\n\n0\n\nSMUGGLED", "400 closed, forwarded 0"),
    ("Transfer-Encoding in HTTP/1.0", "POST /open/x HTTP/1.0\nHost: HOST\nTransfer-Encoding: chunked\n\n0\n\nSMUGGLED", "400 closed, forwarded 0"),
    ("two different lengths", "POST /open/x HTTP/1.1\nHost: HOST\nContent-Length: 0\nContent-Length: 44\n\nSMUGGLED", "400 closed, forwarded 0"),
    ("the same length twice", "POST /open/x HTTP/1.1\nHost: HOST\nContent-Length: 2\nContent-Length: 2\n\nok", "200 open, forwarded 1"),
    ("a list of lengths", "POST /open/x HTTP/1.1\nHost: HOST\nContent-Length: 2, 2\n\nok", "400 closed, forwarded 0"),
    ("a length with a sign", "POST /open/x HTTP/1.1\nHost: HOST\nContent-Length: +2\n\nok", "400 closed, forwarded 0"),
    ("a negative length", "POST /open/x HTTP/1.1\nHost: HOST\nContent-Length: -2\n\nok", "400 closed, forwarded 0"),
    ("a length in hexadecimal digits", "POST /open/x HTTP/1.1\nHost: HOST\nContent-Length: 0x2\n\nok", "400 closed, forwarded 0"),
    ("a length beyond all numbers", "POST /open/x HTTP/1.1\nHost: HOST\nContent-Length: 99999999999999999999\n\nok", "400 closed, forwarded 0"),
    ("a chunk size that is no number", "POST /open/x HTTP/1.1\nHost: HOST\nTransfer-Encoding: chunked\n\nzz\nok\n0\n\nSMUGGLED", "400 closed, forwarded 0"),
    ("a chunk size with a sign", "POST /open/x HTTP/1.1\nHost: HOST\nTransfer-Encoding: chunked\n\n+2\nok\n0\n\nSMUGGLED", "400 closed, forwarded 0"),
    ("a chunk size with 0x", "POST /open/x HTTP/1.1\nHost: HOST\nTransfer-Encoding: chunked\n\n0x2\nok\n0\n\nSMUGGLED", "400 closed, forwarded 0"),
    ("a chunk size beyond all numbers", "POST /open/x HTTP/1.1\nHost: HOST\nTransfer-Encoding: chunked\n\nfffffffffffffffff\nok\n0\n\nSMUGGLED", "400 closed, forwarded 0"),
    ("a chunk longer than its size", "POST /open/x HTTP/1.1\nHost: HOST\nTransfer-Encoding: chunked\n\n1\nok\n0\n\nSMUGGLED", "400 closed, forwarded 1"),
    ("a chunk size that ends in a bare LF", "POST /open/x HTTP/1.1\nHost: HOST\nTransfer-Encoding: chunked\n\n2<LF>ok\n0\n\nSMUGGLED", "400 closed, forwarded 0"),
    ("a bare LF in a chunk's extension", "POST /open/x HTTP/1.1\nHost: HOST\nTransfer-Encoding: chunked\n\n2;a<LF>\nok\n0\n\nSMUGGLED", "400 closed, forwarded 0"),
    ("a folded header", "GET /open/x HTTP/1.1\nHost: HOST\nX-A: one\n two\n\n", "400 closed, forwarded 0"),
    ("a folded Transfer-Encoding", "POST /open/x HTTP/1.1\nHost: HOST\nTransfer-Encoding:\n chunked\n\n0\n\nSMUGGLED", "400 closed, forwarded 0"),
    ("a header before the first line's end", "GET /open/x HTTP/1.1\n Host: HOST\n\n", "400 closed, forwarded 0"),
    ("a header without a name", "GET /open/x HTTP/1.1\nHost: HOST\n: x\n\n", "400 closed, forwarded 0"),
    ("a header without a colon", "GET /open/x HTTP/1.1\nHost: HOST\nX-A\n\n", "400 closed, forwarded 0"),
    ("a bare CR in a value", "GET /open/x HTTP/1.1\nHost: HOST\nX-A: one<CR>X-B: two\n\n", "400 closed, forwarded 0"),
    ("a NUL in a value", "GET /open/x HTTP/1.1\nHost: HOST\nX-A: one\0\n\n", "400 closed, forwarded 0"),
    ("a NUL in a name", "GET /open/x HTTP/1.1\nHost: HOST\nX\0A: one\n\n", "400 closed, forwarded 0"),
    ("two Hosts", "GET /open/x HTTP/1.1\nHost: HOST\nHost: evil.test\n\n", "400 open, forwarded 0"),
    ("the same Host twice", "GET /open/x HTTP/1.1\nHost: HOST\nHost: HOST\n\n", "400 open, forwarded 0"),
    ("no Host", "GET /open/x HTTP/1.1\n\n", "421 open, forwarded 0"),
    ("the Host of somebody else", "GET /open/x HTTP/1.1\nHost: evil.test\n\n", "421 open, forwarded 0"),
    ("an absolute target", "GET http://HOST/open/x HTTP/1.1\nHost: HOST\n\n", "400 open, forwarded 0"),
    ("an absolute target elsewhere", "GET http://evil.test/open/x HTTP/1.1\nHost: HOST\n\n", "421 open, forwarded 0"),
    ("a target with user and host", "GET http://HOST@evil.test/open/x HTTP/1.1\nHost: HOST\n\n", "421 open, forwarded 0"),
    ("a host behind two slashes", "GET //evil.test/open/x HTTP/1.1\nHost: HOST\n\n", "404 open, forwarded 0"),
    ("CONNECT", "CONNECT 127.0.0.1:22 HTTP/1.1\nHost: 127.0.0.1:22\n\nSMUGGLED", "405 closed, forwarded 0"),
    ("CONNECT with a path", "CONNECT /open/x HTTP/1.1\nHost: HOST\n\nSMUGGLED", "405 closed, forwarded 0"),
    ("TRACE", "TRACE /open/x HTTP/1.1\nHost: HOST\n\n", "405 open, forwarded 0"),
    ("OPTIONS of everything", "OPTIONS * HTTP/1.1\nHost: HOST\n\n", "404 open, forwarded 0"),
    ("a path out of its route", "GET /open/../api/x HTTP/1.1\nHost: HOST\n\n", "400 open, forwarded 0"),
    ("the same in escapes", "GET /open/%2e%2e/api/x HTTP/1.1\nHost: HOST\n\n", "400 open, forwarded 0"),
    ("an encoded slash", "GET /open/a%2fb HTTP/1.1\nHost: HOST\n\n", "400 open, forwarded 0"),
    ("a backslash", "GET /open/a\\b HTTP/1.1\nHost: HOST\n\n", "400 open, forwarded 0"),
    ("an encoded line end", "GET /open/x%0d%0aX-A:%20b HTTP/1.1\nHost: HOST\n\n", "400 open, forwarded 0"),
    ("an escape that is none", "GET /open/%zz HTTP/1.1\nHost: HOST\n\n", "400 open, forwarded 0"),
    ("a space in the target", "GET /open/x y HTTP/1.1\nHost: HOST\n\n", "400 closed, forwarded 0"),
    ("a parameter that hides a dot segment", "GET /open/..;/api/x HTTP/1.1\nHost: HOST\n\n", "400 open, forwarded 0"),
    ("a parameter in the route's segment", "GET /open;a=b/x HTTP/1.1\nHost: HOST\n\n", "404 open, forwarded 0"),
    ("a parameter behind it", "GET /open/;a=b/x HTTP/1.1\nHost: HOST\n\n", "200 open, forwarded 1"),
    ("repeated slashes", "GET //open///x HTTP/1.1\nHost: HOST\n\n", "200 open, forwarded 1"),
    ("an upgrade to h2c", "GET /open/x HTTP/1.1\nHost: HOST\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\n\nSMUGGLED", "200 200 open, forwarded 2"),
    ("a version of its own", "GET /open/x HTTP/1.7\nHost: HOST\n\n", "400 closed, forwarded 0"),
    ("a request without a version", "GET /open/x\n\n", "400 closed, forwarded 0"),
];

/// The bytes of a case, with a mark by which the upstream tells whose they are.
fn bytes_of(number: usize, text: &str, host: &str) -> Vec<u8> {
    let text = text.replace('\n', "\r\n").replace("<LF>", "\n").replace("<CR>", "\r");
    let marked = text.replace("/x HTTP/1.", &format!("/x?case={number}. HTTP/1."));
    marked
        .replace("SMUGGLED", SMUGGLED)
        .replace("smuggled", &format!("smuggled?case={number}."))
        .replace("HOST", host)
        .into()
}

#[test]
fn what_servers_read_differently_is_refused_or_the_last_of_its_connection() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let host = format!("localhost:{}", server.port());
    let cases: Vec<Case> = CASES
        .iter()
        .enumerate()
        .map(|(number, (name, text, expected))| Case::new(name, bytes_of(number, text, &host), expected))
        .collect();
    let printed = table(&server.url, &cases, QUIET, |case, exchange| {
        let number = cases.iter().position(|other| other.name == case.name).unwrap_or_default();
        let mark = format!("case={number}.");
        let forwarded = upstream.seen().iter().filter(|seen| seen.target.contains(&mark)).count();
        format!("{}, forwarded {forwarded}", exchange.outcome())
    });
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/gateway-framing.md");
    let written = fs::read_to_string(&page).unwrap_or_default();
    let outcome = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        format!("| {} | {} |", cells[0], cells.last().unwrap_or(&""))
    };
    let lines: Vec<String> = printed.lines().skip(2).map(outcome).collect();
    assert!(written.contains(&lines.join("\n")), "{} has another table than\n{}", page.display(), lines.join("\n"));
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let head =
        format!("GET /open/x HTTP/1.1\r\nHost: localhost:{}\r\nX-A: {}\r\n\r\n", server.port(), "a".repeat(40_000));
    assert_eq!(exchange(&server.url, head, SOON).outcome(), "431 closed");
    assert!(upstream.seen().is_empty());
}

#[test]
fn an_answer_that_could_be_read_in_two_ways_is_not_passed_on() {
    let answers = [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nx-a: one\r\n two\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx-a: one\0\r\n\r\n",
        "nonsense\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    ];
    let upstreams = answers.map(|answer| RawUpstream::start(move |_| answer.as_bytes().to_vec()));
    let route = |(number, upstream): (usize, &RawUpstream)| {
        let url = upstream.url();
        format!("[[gateway.routes]]\npath = \"/{number}\"\nupstream = \"{url}\"\nauth = \"none\"\n")
    };
    let config: String = upstreams.iter().enumerate().map(route).collect();
    let server = Server::start_with(BINARY, Setup::default().with_config(&config));
    for (number, answer) in answers.iter().enumerate() {
        let mut raw = Raw::connect(&server.url);
        raw.send(format!("GET /{number} HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", server.port()));
        let answered = raw.answer(SOON).expect("an answer");
        assert_eq!(
            (answered.status, answered.json()["code"].as_str()),
            (502, Some("upstream_unavailable")),
            "{answer:?}"
        );
    }
}

#[test]
fn an_answer_with_both_framings_is_passed_on_with_one() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let upstream = RawUpstream::start(move |_| answer.as_bytes().to_vec());
    let server = Server::start_with(BINARY, Setup::default().with_config(&routes(&upstream.url())));
    let mut raw = Raw::connect(&server.url);
    raw.send(format!("GET /open/x HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", server.port()));
    let answered = raw.answer(SOON).expect("an answer");
    assert_eq!((answered.status, answered.text().as_str()), (200, "ok"));
    assert_eq!(answered.every("content-length").len() + answered.every("transfer-encoding").len(), 1, "{answered:?}");
}
