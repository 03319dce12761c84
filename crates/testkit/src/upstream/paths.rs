//! The behaviours that tests ask for by path, wherever in the path they stand: a gateway may put a prefix before.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::{Asked, Reply, Seen, events, socket};
use crate::pattern::pattern_stream;

/// | last part of the path | answer |
/// |---|---|
/// | `status-CODE` | this status |
/// | `trailers` | two chunks and the trailer `x-checksum: abc` |
/// | `slow-head?ms=N`, `slow-body?ms=N` | nothing for so long; or four pieces, each after so long |
/// | `huge?bytes=N`, `sink` | a pattern of this size; or size and hash of what was sent |
/// | `cut`, `close` | 1,000 of 2,000 promised bytes; or a closed connection |
/// | `hostile` | cookies and headers that are not an upstream's to set |
/// | `events`, `socket` | an event each 50 ms until cut; a WebSocket that echoes |
/// | `unauthorized` | always 401 `invalid_token` |
/// | anything else | what was seen, as JSON |
pub async fn by_path(mut asked: Asked) -> Reply {
    let last = asked.seen.path().rsplit('/').next().unwrap_or_default().to_owned();
    match last.as_str() {
        "events" => return events::events(&asked),
        "socket" => return socket::echo(asked),
        "close" => return Reply::nothing(),
        _ => {}
    }
    let seen = asked.read().await;
    match last.as_str() {
        "trailers" => Reply::status(200).with_trailer(vec!["one ".into(), "two".into()], "x-checksum", "abc"),
        "slow-head" => {
            tokio::time::sleep(Duration::from_millis(number(seen, "ms"))).await;
            Reply::status(200).body("late")
        }
        "slow-body" => {
            let pieces = ["1", "2", "3", "4"].map(Bytes::from).to_vec();
            Reply::status(200).slowly(pieces, Duration::from_millis(number(seen, "ms")))
        }
        "huge" => huge(number(seen, "bytes")),
        "sink" => {
            let body = seen.body.as_ref().expect("it was read");
            Reply::json(200, &json!({ "bytes": body.bytes, "hash": body.hash, "whole": body.whole }))
        }
        "cut" => Reply::status(200).header("content-length", "2000").cut_after(vec![vec![b'x'; 1000].into()]),
        "hostile" => hostile(),
        "unauthorized" => Reply::json(401, &json!({ "detail": "no token is good enough" }))
            .header("www-authenticate", r#"Bearer realm="api", error="invalid_token""#),
        other => match other.strip_prefix("status-").and_then(|code| code.parse().ok()) {
            Some(code) => Reply::json(code, &json!({ "status": code })),
            None => Reply::json(200, &seen.to_json()),
        },
    }
}

fn huge(bytes: u64) -> Reply {
    Reply::status(200)
        .header("content-type", "application/octet-stream")
        .header("content-length", &bytes.to_string())
        .stream(pattern_stream(bytes))
}

/// What a gateway has to take out, beside a cookie and a header that it has to leave.
fn hostile() -> Reply {
    let lines = [
        ("set-cookie", "refreshtoken=planted; Path=/"),
        ("set-cookie", "__Host-refreshtoken-ab=planted; Path=/; Secure"),
        ("set-cookie", "accesstoken-ab=planted; Path=/"),
        ("set-cookie", "csrftoken=planted; Path=/"),
        ("set-cookie", "auth_hint=planted; Path=/"),
        ("set-cookie", "stale-ab=planted; Path=/"),
        ("set-cookie", "theme=dark; Path=/"),
        ("clear-site-data", "\"cookies\", \"storage\""),
        ("connection", "x-private"),
        ("x-private", "between neighbours"),
        ("keep-alive", "timeout=1"),
        ("proxy-authenticate", "Basic realm=\"planted\""),
        ("cache-control", "public, max-age=600, s-maxage=600"),
        ("x-public", "stays"),
    ];
    lines.iter().fold(Reply::status(200), |reply, (name, value)| reply.header(name, value)).body("hostile")
}

fn number(seen: &Seen, name: &str) -> u64 {
    seen.query(name).and_then(|text| text.parse().ok()).unwrap_or(0)
}
