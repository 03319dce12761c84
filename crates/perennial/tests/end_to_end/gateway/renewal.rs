//! Renewal in passing: an access token that is missing or about to die costs the browser nothing.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use perennial_testkit::{
    Answer, Browser, Dice, Server, Setup, WebSocket, decode_base64url, generation_of,
    upstream::{Reply, Upstream},
};
use serde_json::Value;

use super::{EXPIRY, SOON, act, before, counted};

const ROTATED: &str = r#"perennial_refresh_total{outcome="rotated"}"#;

/// The refresh token that an answer hands out.
fn handed_out(answer: &Answer) -> Option<String> {
    let line = answer.set_cookie.iter().find(|line| line.starts_with("refreshtoken"))?;
    let value = line.split(';').next()?.split_once('=')?.1;
    (!value.is_empty()).then(|| value.to_owned())
}

/// The generation in the only row.
fn generation(server: &Server) -> i64 {
    server.time_travel().number("SELECT max(generation) FROM session")
}

/// As if the access token had died some time ago.
fn expire(server: &Server, browser: &mut Browser) {
    server.time_travel().pass(EXPIRY);
    browser.lose_access_token();
}

#[tokio::test]
async fn f07_an_expired_access_token_costs_no_401_and_no_further_request() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let mut browser = server.logged_in().await;
    for turn in 1..=5 {
        expire(&server, &mut browser);
        let answer = browser.get("/api/hello").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(handed_out(&answer).as_deref().and_then(generation_of), Some(turn));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        browser.keep(&answer);
        let next = act(&browser, "/api/hello").await;
        assert_eq!((next.status, next.set_cookie.len()), (200, 0), "{:?}", next.set_cookie);
    }
    assert_eq!(upstream.seen().len(), 10);
    assert!(upstream.seen().iter().all(|seen| seen.bearer().is_some()));
    assert_eq!(counted(&server.admin_url, ROTATED).await, 5);
}

#[tokio::test]
async fn f36_an_access_token_is_renewed_in_the_last_fifth_of_its_life() {
    let upstream = Upstream::standard();
    let lives = [("tokens.access_ttl", "4s"), ("tokens.jitter", "0.0")];
    let setup = lives.into_iter().fold(Setup::always_rotating(), |setup, (key, value)| setup.with(key, value));
    let server = before(&upstream, setup);
    let mut browser = server.logged_in().await;
    let answer = browser.get("/api/young").await;
    assert_eq!((answer.status, answer.set_cookie.len()), (200, 0), "{:?}", answer.set_cookie);
    tokio::time::sleep(Duration::from_millis(3400)).await;
    let answer = browser.get("/api/old").await;
    assert!(answer.status == 200 && answer.hands_out_refresh(), "{:?}", answer.set_cookie);
    browser.keep(&answer);
    assert_eq!(browser.get("/api/young").await.set_cookie.len(), 0);
}

#[tokio::test]
async fn f36_a_forwarded_token_has_half_of_its_life_before_it() {
    let left = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&left);
    let upstream = Upstream::answering(move |seen| {
        let payload = seen.bearer().and_then(|token| decode_base64url(token.split('.').nth(1)?));
        let claims: Value = serde_json::from_slice(&payload.expect("a token")).expect("JSON");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
        let ends = u128::from(claims["exp"].as_u64().expect("an end")) * 1000;
        noted.lock().expect("nobody panics while holding it").push(ends.saturating_sub(now));
        Reply::status(200)
    });
    let server = before(&upstream, Setup::default().with("gateway.forwarded_ttl", "1s"));
    let browser = server.logged_in().await;
    for _ in 0..25 {
        assert_eq!(browser.get("/api/x").await.status, 200);
        tokio::time::sleep(Duration::from_millis(110)).await;
    }
    let left = left.lock().expect("nobody panics while holding it");
    assert!(left.iter().all(|millis| (300..2000).contains(millis)), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f05_whatever_wakes_up_at_once_is_one_rotation_and_each_answer_has_a_branch_of_its_own() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let mut browser = server.logged_in().await;
    for turn in 1..=3 {
        expire(&server, &mut browser);
        let requests: Vec<_> = (0..60)
            .map(|request| {
                let tab = browser.copy();
                tokio::spawn(async move {
                    if request % 3 == 0 { act(&tab, "/api/act").await } else { tab.get("/api/read").await }
                })
            })
            .collect();
        let mut tokens = BTreeSet::new();
        for request in requests {
            let answer = request.await.expect("a tab");
            assert_eq!(answer.status, 200, "{}", answer.text);
            let token = handed_out(&answer).expect("a refresh token");
            assert_eq!(generation_of(&token), Some(turn));
            assert!(tokens.insert(token), "two answers share a branch");
            browser.keep(&answer);
        }
        assert_eq!(counted(&server.admin_url, ROTATED).await, u64::from(turn));
    }
    assert_eq!(upstream.seen().len(), 180);
    assert_eq!(server.time_travel().audited("stale_refused"), 0);
}

#[tokio::test]
async fn f07_answers_that_deliver_no_cookies_carry_no_refresh_token_and_rotate_nothing() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let mut browser = server.logged_in().await;
    expire(&server, &mut browser);
    let prefetches: [(&str, &[(&str, &str)]); 4] = [
        ("HEAD", &[]),
        ("GET", &[("sec-purpose", "prefetch")]),
        ("GET", &[("sec-purpose", "prefetch;prerender")]),
        ("GET", &[("purpose", "prefetch")]),
    ];
    for (method, headers) in prefetches {
        let answer = browser.send(method, "/api/x", headers, None).await;
        assert_eq!(answer.status, 200, "{method} {headers:?}: {}", answer.text);
        assert!(!answer.hands_out_refresh(), "{method} {headers:?}: {:?}", answer.set_cookie);
        assert!(upstream.last().bearer().is_some(), "the upstream is told who it is");
    }
    let mut socket = WebSocket::of(&browser, "/api/socket").await.expect("the session opens it");
    assert!(socket.echoes(SOON).await);
    assert_eq!(generation(&server), 0);

    let answer = browser.get("/api/x").await;
    assert_eq!(handed_out(&answer).as_deref().and_then(generation_of), Some(1));
}

#[tokio::test]
async fn f07_an_answer_that_begins_late_carries_no_cookie_and_the_next_one_hands_out_again() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default().with("tokens.overlap", "2s"));
    let mut browser = server.logged_in().await;
    expire(&server, &mut browser);
    let late = browser.get("/api/slow-head?ms=1300").await;
    assert_eq!((late.status, late.text.as_str(), late.set_cookie.len()), (200, "late", 0), "{:?}", late.set_cookie);
    assert_eq!(generation(&server), 1);

    // However long ago that was.
    for pause in [0, EXPIRY, 6 * 24 * 3600] {
        server.time_travel().pass(pause);
        let answer = browser.get("/api/x").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(handed_out(&answer).as_deref().and_then(generation_of), Some(1), "{pause}");
    }
    let answer = browser.get("/api/x").await;
    browser.keep(&answer);
    expire(&server, &mut browser);
    assert_eq!(handed_out(&browser.get("/api/x").await).as_deref().and_then(generation_of), Some(2));
    assert_eq!(server.time_travel().audited("reuse_detected"), 0);
}

/// A request of some kind, drawn.
async fn draw_request(dice: &mut Dice, browser: &Browser) -> Answer {
    match dice.below(9) {
        0 => browser.send("HEAD", "/api/x", &[], None).await,
        1 => browser.send("GET", "/maybe/x", &[("purpose", "prefetch")], None).await,
        2 => browser.get("/open/x").await,
        3 => browser.get("/maybe/x").await,
        4 => act(browser, "/api/x").await,
        5 => browser.send("POST", "/api/x", &[("x-csrftoken", "wrong")], None).await,
        6 => browser.get("/api/unauthorized").await,
        7 => browser.get("/api/close").await,
        _ => browser.get("/api/status-500").await,
    }
}

#[tokio::test]
async fn f07_whenever_a_generation_rises_the_same_answer_carries_its_token() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let mut browser = server.logged_in().await;
    let mut dice = Dice::new(7);
    let (mut before, mut risen) = (generation(&server), 0);
    for turn in 0..300 {
        if dice.below(3) == 0 {
            expire(&server, &mut browser);
        }
        let answer = draw_request(&mut dice, &browser).await;
        let after = generation(&server);
        if after != before {
            risen += 1;
            let carried = handed_out(&answer).as_deref().and_then(generation_of).map(i64::from);
            assert_eq!(carried, Some(after), "{turn}: {} {:?}", answer.status, answer.set_cookie);
        }
        before = after;
        browser.keep(&answer);
    }
    assert!(risen > 30, "{risen}");
    assert_eq!(server.time_travel().number("SELECT count(*) FROM session WHERE ended_at IS NOT NULL"), 0);
}

#[tokio::test]
async fn a_dead_token_is_told_with_a_mark_and_ends_the_session_once_it_is_proven() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let mut browser = server.logged_in().await;
    let (mut thief, mut honest) = (browser.copy(), browser.copy());
    for _ in 0..2 {
        expire(&server, &mut browser);
        let answer = browser.get("/api/x").await;
        browser.keep(&answer);
    }
    let hits = upstream.seen().len();
    thief.lose_access_token();
    let page = thief.send("GET", "/api/page?q=1", &[("sec-fetch-mode", "navigate")], None).await;
    assert_eq!((page.status, page.header("location")), (303, Some("/api/page?q=1")), "{}", page.text);
    assert!(page.sets("stale-") && !page.clears("refreshtoken"), "{:?}", page.set_cookie);
    let call = thief.get("/api/x").await;
    assert_eq!((call.status, call.code().as_str()), (401, "stale_token"), "{}", call.text);
    assert!(call.sets("stale-"), "{:?}", call.set_cookie);

    // An honest jar that was merely slow holds the newer token already.
    honest.jar = browser.jar.clone();
    honest.keep(&call);
    assert_eq!(honest.get("/api/x").await.status, 200);
    let hits_of_others = upstream.seen().len();
    assert_eq!(hits_of_others, hits + 1);

    thief.keep(&call);
    let proven = thief.get("/api/x").await;
    assert_eq!((proven.status, proven.code().as_str()), (401, "session_ended"), "{}", proven.text);
    assert_eq!(proven.field("reason"), "reuse");
    let told = browser.get("/api/x").await;
    assert_eq!((told.status, told.code().as_str()), (401, "session_ended"), "{}", told.text);
    assert_eq!(upstream.seen().len(), hits_of_others);
    assert_eq!(server.time_travel().audited("reuse_detected"), 1);
}
