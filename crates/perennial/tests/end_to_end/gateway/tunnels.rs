//! What lasts: it needs no renewal to stay open, and it is cut when its session ends.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use perennial_testkit::{Browser, Heard, Server, Setup, WebSocket, raw::Raw, upstream::Upstream};
use serde_json::json;

use super::{SOON, before, counted};
use crate::{BINARY, admin::Program};

/// The promise.
const CUT_WITHIN: Duration = Duration::from_secs(5);

const OVER: Heard = Heard::Closed { code: Some(4401), reason: String::new() };

fn is_over(heard: &Heard) -> bool {
    matches!(heard, Heard::Closed { code: Some(4401), reason } if reason == "session_ended")
}

/// Ends a session from another process, as another node would.
async fn revoke(server: &Server, browser: &Browser) {
    let key = browser.get("/auth/session").await.field("session_key");
    let revoked = server.command(&["session", "revoke", "--", key.as_str().expect("a session key")]);
    assert!(revoked.status.success(), "{}", String::from_utf8_lossy(&revoked.stderr));
}

#[tokio::test]
async fn f35_a_web_socket_lives_through_many_access_tokens_and_renews_nothing() {
    let upstream = Upstream::standard();
    let setup = Setup::always_rotating()
        .with("tokens.access_ttl", "1s")
        .with("tokens.jitter", "0.0")
        .with("gateway.forwarded_ttl", "1s");
    let server = before(&upstream, setup);
    let browser = server.logged_in().await;
    let mut socket = WebSocket::of(&browser, "/api/socket").await.expect("it opens");
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(socket.echoes(SOON).await);
    }
    assert_eq!(counted(&server.admin_url, r#"perennial_refresh_total{outcome="rotated"}"#).await, 0);
    assert_eq!(server.time_travel().number("SELECT max(generation) FROM session"), 0);
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn f35_what_an_ended_session_left_open_is_cut_and_nothing_else_is() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let [revoked, mut leaving, staying] =
        [server.logged_in().await, server.logged_in().await, server.logged_in().await];
    let open = async |browser: &Browser, path: &str| WebSocket::of(browser, path).await.expect("it opens");
    let mut ended = vec![
        open(&revoked, "/api/socket").await,
        open(&revoked, "/maybe/socket").await,
        open(&leaving, "/api/socket").await,
    ];
    let mut others = vec![
        open(&staying, "/api/socket").await,
        open(&server.browser(), "/maybe/socket").await,
        open(&server.browser(), "/open/socket").await,
    ];
    let events = |browser: &Browser| {
        let request =
            reqwest::Client::new().get(format!("{}/api/events", server.url)).header("cookie", browser.jar.header());
        async move { request.send().await.expect("a stream of events") }
    };
    let (mut cut, mut kept) = (events(&leaving).await, events(&staying).await);
    assert_eq!(upstream.open_streams(), 8);

    revoke(&server, &revoked).await;
    assert_eq!(leaving.log_out().await.status, 204);
    let began = Instant::now();
    for socket in &mut ended {
        let heard = socket.hear(CUT_WITHIN).await;
        assert!(is_over(&heard), "{heard:?} instead of {OVER:?}");
    }
    while cut.chunk().await.expect("a stream ends cleanly").is_some() {
        assert!(began.elapsed() < CUT_WITHIN);
    }
    eprintln!("all were cut after {:?}", began.elapsed());
    assert!(began.elapsed() < CUT_WITHIN);
    for socket in &mut others {
        assert!(socket.echoes(SOON).await);
    }
    for _ in 0..10 {
        assert!(kept.chunk().await.expect("it goes on").is_some());
    }
    while upstream.open_streams() > 4 {
        assert!(began.elapsed() < 2 * CUT_WITHIN, "{} are open", upstream.open_streams());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Whoever comes back is told why.
    assert_eq!(WebSocket::of(&revoked, "/api/socket").await.expect_err("it is over").status, 401);
}

/// An upstream that accepts every WebSocket, says these bytes, and waits.
fn saying(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                let _ = stream.read(&mut buffer);
                let _ = stream.write_all(
                    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
                );
                let _ = stream.write_all(bytes);
                while stream.read(&mut buffer).is_ok_and(|bytes| bytes > 0) {}
            });
        }
    });
    format!("http://127.0.0.1:{port}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f35_the_last_frame_is_put_between_frames_and_never_into_one() {
    let close: Vec<u8> = [&[0x88, 15, 0x11, 0x31], &b"session_ended"[..]].concat();
    let cases: [(&str, &'static [u8], &[u8]); 4] = [
        ("nothing was said", b"", &close),
        ("between two messages", &[0x81, 2, b'h', b'i'], &close),
        ("in the middle of a message", &[0x01, 2, b'h', b'i'], &close),
        ("in the middle of a frame", &[0x82, 10, 1, 2, 3, 4], b""),
    ];
    let route = |(number, (_, said, _)): (usize, &(&str, &'static [u8], &[u8]))| {
        format!("[[gateway.routes]]\npath = \"/{number}\"\nupstream = \"{}\"\n", saying(said))
    };
    let config: String = cases.iter().enumerate().map(route).collect();
    let server = Server::start_with(BINARY, Setup::default().with_config(&config));
    for (number, (what, said, last)) in cases.into_iter().enumerate() {
        let browser = server.logged_in().await;
        let mut raw = Raw::connect(&server.url);
        raw.send(format!(
            "GET /{number}/socket HTTP/1.1\r\nHost: localhost:{}\r\nCookie: {}\r\nOrigin: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            server.port(),
            browser.jar.header(),
            browser.origin,
        ));
        assert_eq!(raw.answer(SOON).map(|answer| answer.status), Some(101), "{what}");
        revoke(&server, &browser).await;
        let began = Instant::now();
        let (bytes, closed) = raw.rest(2 * CUT_WITHIN);
        assert!(closed && began.elapsed() < CUT_WITHIN, "{what}: {:?}", began.elapsed());
        assert_eq!(bytes, [said, last].concat(), "{what}");
    }
}

/// Times in their order, and the one behind which this share of them lies.
fn percentile(times: &mut [Duration], share: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * share / 100]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f35_flood_of_a_thousand_web_sockets_of_which_half_lose_their_session() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let open = async |subject: &str| {
        let mut sockets = Vec::new();
        for browser in server.issue(subject, 50) {
            let opening = (0..10).map(|_| WebSocket::of(&browser, "/api/socket"));
            sockets.extend(join_all(opening).await.into_iter().map(|socket| socket.expect("it opens")));
        }
        sockets
    };
    let (mut leaving, mut staying) = (open("leaving").await, open("staying").await);
    assert_eq!((leaving.len(), staying.len(), upstream.open_streams()), (500, 500, 1000));

    let operator = Program::new(&server);
    let began = Instant::now();
    assert_eq!(operator.post("/admin/sessions/revoke", json!({ "subject": "leaving" })).await.status, 204);
    let mut times: Vec<Duration> = join_all(leaving.iter_mut().map(async |socket| {
        let heard = socket.hear(2 * CUT_WITHIN).await;
        assert!(is_over(&heard), "{heard:?}");
        began.elapsed()
    }))
    .await;
    let median = percentile(&mut times, 50);
    eprintln!("500 of 1,000 were cut: the median after {median:?}, the last after {:?}", percentile(&mut times, 100));
    assert!(percentile(&mut times, 100) < CUT_WITHIN);
    let alive = join_all(staying.iter_mut().map(|socket| socket.echoes(SOON))).await;
    assert_eq!(alive.into_iter().filter(|alive| *alive).count(), 500);
}
