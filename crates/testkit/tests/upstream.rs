//! The upstream behind which a gateway is tested does what its table says, over real sockets.

use std::{net::TcpStream, time::Duration};

use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use perennial_testkit::{
    Hash, Heard, WebSocket, pattern_body, pattern_hash,
    raw::{Raw, exchange},
    upstream::{Reply, Upstream},
};
use reqwest::Body;
use serde_json::Value;

const SOON: Duration = Duration::from_secs(5);

async fn get(upstream: &Upstream, path: &str) -> reqwest::Response {
    reqwest::get(format!("{}{path}", upstream.url())).await.expect("the upstream answers")
}

#[tokio::test]
async fn an_echo_says_all_that_was_seen() {
    let upstream = Upstream::standard();
    let request = reqwest::Client::new().put(format!("{}/deep/echo?a=%20b", upstream.url()));
    let answer = request.header("x-twice", "1").header("x-twice", "2").body("hello").send().await.expect("it answers");
    let echo: Value = answer.json().await.expect("JSON");
    assert_eq!((&echo["method"], &echo["target"]), (&"PUT".into(), &"/deep/echo?a=%20b".into()));
    assert_eq!((&echo["body"]["bytes"], &echo["body"]["text"]), (&5.into(), &"hello".into()));
    let seen = upstream.last();
    assert_eq!(seen.every("x-twice"), ["1", "2"]);
    assert_eq!((seen.connection, seen.query("a"), seen.version.as_str()), (1, Some("%20b"), "HTTP/1.1"));
}

#[tokio::test]
async fn http_2_is_spoken_in_clear_text_with_trailers_both_ways() {
    let upstream = Upstream::standard();
    let client: Client<_, http_body_util::combinators::BoxBody<bytes::Bytes, std::convert::Infallible>> =
        Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let trailers: http::HeaderMap =
        [("x-end".parse().expect("a name"), "yes".parse().expect("a value"))].into_iter().collect();
    let body = Full::new("sent".into()).with_trailers(async move { Some(Ok(trailers)) }).boxed();
    let request = http::Request::post(format!("{}/trailers", upstream.url())).body(body).expect("a request");
    let answer = client.request(request).await.expect("it answers").into_body().collect().await.expect("it is whole");
    assert_eq!(answer.trailers().expect("there are trailers")["x-checksum"], "abc");
    assert_eq!(answer.to_bytes(), "one two");
    let seen = upstream.last();
    assert_eq!((seen.version.as_str(), seen.authority.is_some()), ("HTTP/2.0", true));
    assert_eq!(seen.body.expect("it was read").trailers, [("x-end".to_owned(), "yes".to_owned())]);
}

#[tokio::test]
async fn http_1_trailers_follow_the_last_chunk_for_who_wants_them() {
    let upstream = Upstream::standard();
    let mut raw = Raw::connect(&upstream.url());
    raw.send("GET /trailers HTTP/1.1\r\nhost: a\r\nte: trailers\r\n\r\n");
    let answer = raw.answer(SOON).expect("it answers");
    assert_eq!(
        (answer.text().as_str(), answer.trailers),
        ("one two", vec![("x-checksum".to_owned(), "abc".to_owned())])
    );
}

#[tokio::test]
async fn bodies_of_any_size_are_told_by_their_hash() {
    const BYTES: u64 = 5_000_001;
    let upstream = Upstream::standard();
    let body = Body::wrap(pattern_body(BYTES));
    let sent = reqwest::Client::new().post(format!("{}/sink", upstream.url())).body(body);
    let sunk: Value = sent.send().await.expect("it answers").json().await.expect("JSON");
    assert_eq!((&sunk["bytes"], &sunk["hash"]), (&BYTES.into(), &pattern_hash(BYTES).into()));
    let mut huge = get(&upstream, &format!("/huge?bytes={BYTES}")).await;
    assert_eq!(huge.content_length(), Some(BYTES));
    let mut hash = Hash::default();
    while let Some(piece) = huge.chunk().await.expect("it goes on") {
        hash.update(&piece);
    }
    assert_eq!(hash.finish(), pattern_hash(BYTES));
}

#[tokio::test]
async fn an_answer_is_cut_in_its_middle_or_never_begins() {
    let upstream = Upstream::standard();
    let cut = exchange(&upstream.url(), "GET /cut HTTP/1.1\r\nhost: a\r\n\r\n", SOON);
    assert!(cut.answers.is_empty() && cut.closed, "{cut:?}");
    assert!(cut.rest.ends_with(&[b'x'; 1000]) && !cut.rest.ends_with(&[b'x'; 1001]));
    assert_eq!(exchange(&upstream.url(), "GET /close HTTP/1.1\r\nhost: a\r\n\r\n", SOON).outcome(), "closed");
}

#[tokio::test]
async fn slow_answers_take_their_time() {
    let upstream = Upstream::standard();
    let began = std::time::Instant::now();
    assert_eq!(get(&upstream, "/slow-head?ms=60").await.text().await.expect("text"), "late");
    assert!(began.elapsed() >= Duration::from_millis(60));
    let answer = get(&upstream, "/slow-body?ms=20").await;
    let began = std::time::Instant::now();
    assert_eq!(answer.text().await.expect("text"), "1234");
    assert!(began.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn hostile_answers_carry_what_a_gateway_takes_out() {
    let answer = get(&Upstream::standard(), "/hostile").await;
    assert_eq!(answer.headers().get_all("set-cookie").iter().count(), 7);
    assert!(answer.headers().contains_key("clear-site-data") && answer.headers().contains_key("x-private"));
    let refused = get(&Upstream::standard(), "/unauthorized").await;
    assert_eq!(refused.status(), 401);
    assert!(refused.headers()["www-authenticate"].to_str().expect("text").contains(r#"error="invalid_token""#));
    assert_eq!(get(&Upstream::standard(), "/status-418").await.status(), 418);
}

#[tokio::test]
async fn events_come_until_they_are_cut_and_the_cut_is_noticed() {
    let upstream = Upstream::standard();
    let mut answer = get(&upstream, "/events").await;
    assert_eq!(answer.chunk().await.expect("it goes on").as_deref(), Some(b"id: 1\ndata: 1\n\n".as_slice()));
    assert_eq!(upstream.open_streams(), 1);
    drop(answer);
    while upstream.open_streams() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_web_socket_echoes_and_tells_how_it_ended() {
    let upstream = Upstream::standard();
    let url = format!("{}/socket", upstream.url());
    let mut socket = WebSocket::connect(&url, &[("cookie", "a=1"), ("origin", "http://site")]).await.expect("it opens");
    assert!(socket.echoes(SOON).await);
    assert_eq!((upstream.last().cookie("a"), upstream.last().header("origin")), (Some("1"), Some("http://site")));
    socket.close().await;
    assert_eq!(socket.hear(SOON).await, Heard::Closed { code: None, reason: String::new() });
    let refused = WebSocket::connect(&format!("{}/status-403", upstream.url()), &[]).await.expect_err("it is refused");
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn a_script_may_answer_before_the_body_came() {
    let upstream = Upstream::start(|_| async { Reply::status(413) });
    let mut raw = Raw::connect(&upstream.url());
    raw.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf");
    assert_eq!(raw.answer(SOON).map(|answer| answer.status), Some(413));
    assert!(upstream.last().body.is_none());
}

#[tokio::test]
async fn a_body_that_breaks_off_is_told_from_a_whole_one() {
    let upstream = Upstream::standard();
    let mut raw = Raw::connect(&upstream.url());
    raw.send("POST /sink HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf");
    raw.finish();
    raw.rest(SOON);
    let body = upstream.last().body.expect("it was read");
    assert_eq!((body.bytes, body.whole), (4, false));
}

#[tokio::test]
async fn nobody_listens_after_the_upstream_is_gone() {
    let upstream = Upstream::answering(|_| Reply::status(204));
    let port = upstream.port();
    assert_eq!(get(&upstream, "/").await.status(), 204);
    drop(upstream);
    while TcpStream::connect(("127.0.0.1", port)).is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
