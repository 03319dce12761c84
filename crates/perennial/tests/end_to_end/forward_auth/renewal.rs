//! Sessions are renewed on the way, and the cookies travel back through the web server.

use perennial_testkit::{Nodes, Setup, WebSocket};
use serde_json::json;

use super::{EXPIRY, Site, assert_quiet, numbered_cookies, trusting, verify};
use crate::BINARY;

const SAFE: [(&str, &str); 2] = [("x-forwarded-method", "GET"), ("x-forwarded-uri", "/echo")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f19_an_expired_access_token_costs_nothing_and_no_cache_keeps_the_answer_that_renewed_it() {
    let site = Site::start();
    for (brand, mut browser) in site.people() {
        for (path, status) in [("/echo", 200), ("/status-404", 404), ("/hostile", 200)] {
            let standing = browser.get("/echo").await;
            assert_eq!((standing.status, standing.set_cookie.len()), (200, 0), "{brand:?}: nothing is due");
            assert_eq!(standing.header("cache-control"), None, "{brand:?}");
            browser.lose_access_token();
            site.nodes.pass(EXPIRY);
            let before = site.rotations();
            let answer = browser.get(path).await;
            assert_eq!(answer.status, status, "{brand:?}: {}", answer.text);
            assert!(answer.hands_out_refresh() && answer.sets("accesstoken"), "{brand:?}: {:?}", answer.set_cookie);
            let forbids = |(name, value): &(String, String)| name == "cache-control" && value == "no-store";
            assert!(answer.headers.iter().any(forbids), "{brand:?} {path}: {:?}", answer.headers);
            assert_quiet(brand, &answer);
            let seen = site.app.last();
            assert_eq!(seen.every("remote-user"), ["usr_ada"], "{brand:?}");
            assert_eq!((seen.bearer().is_some(), seen.header("cookie")), (true, None), "{brand:?}");
            browser.keep(&answer);
            assert_eq!(site.rotations(), before + 1, "{brand:?}");
        }
    }
    assert_eq!(site.rotations(), 6);
    assert_eq!(site.suspicions(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f07_what_cannot_deliver_cookies_passes_and_never_rotates() {
    let site = Site::start();
    for (brand, mut browser) in site.people() {
        browser.lose_access_token();
        site.nodes.pass(EXPIRY);
        let prefetch = [("sec-purpose", "prefetch")];
        for (method, lines) in [("HEAD", [].as_slice()), ("GET", &prefetch)] {
            let answer = browser.send(method, "/echo", lines, None).await;
            assert_eq!((answer.status, answer.hands_out_refresh()), (200, false), "{brand:?} {method}");
            assert_eq!(site.app.last().every("remote-user"), ["usr_ada"], "{brand:?} {method}");
        }
        let mut socket = WebSocket::of(&browser, "/socket").await.expect("it opens");
        assert!(socket.echoes(std::time::Duration::from_secs(10)).await, "{brand:?}");
        assert_eq!(site.rotations(), 0, "{brand:?}");
    }
    assert_eq!(site.suspicions(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f07_a_web_server_that_does_not_say_so_delivers_nothing_and_nothing_is_rotated() {
    let nodes = Nodes::start(BINARY, 1, trusting(Setup::default()));
    let mut browser = nodes.issue("usr_ada", 1).remove(0);
    browser.lose_access_token();
    nodes.pass(EXPIRY);
    for query in ["", "?delivers_cookies=false", "?delivers_cookies", "?delivers_cookie=true"] {
        let answer = verify(&browser, query, &SAFE).await;
        assert_eq!((answer.status, answer.header("remote-user")), (200, Some("usr_ada")), "{query}");
        assert!(answer.header("authorization").is_some_and(|value| value.starts_with("Bearer ")), "{query}");
        assert_eq!((answer.set_cookie.len(), numbered_cookies(&answer).len()), (0, 0), "{query}");
        assert_eq!(nodes.number("SELECT generation FROM session"), 0, "{query}");
    }
    let answer = verify(&browser, "?delivers_cookies=true", &SAFE).await;
    assert!(answer.status == 200 && answer.hands_out_refresh(), "{:?}", answer.set_cookie);
    assert_eq!(numbered_cookies(&answer), answer.set_cookie, "each cookie once more, under a name of its own");
    assert_eq!(nodes.number("SELECT generation FROM session"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_an_answer_that_got_lost_behind_a_web_server_is_given_again() {
    let site = Site::start();
    for (brand, mut browser) in site.people() {
        browser.lose_access_token();
        for (generation, later) in (1..).zip([1, 600, 6 * 24 * 3600]) {
            site.nodes.pass(EXPIRY);
            let lost = browser.get("/echo").await;
            assert!(lost.status == 200 && lost.hands_out_refresh(), "{brand:?}: {}", lost.text);
            site.nodes.pass(later);
            let again = browser.get("/echo").await;
            assert_eq!(again.status, 200, "{brand:?} after {later} s: {}", again.text);
            browser.keep(&again);
            assert_eq!(browser.generation(), Some(generation), "{brand:?} after {later} s");
            browser.lose_access_token();
        }
    }
    assert_eq!(site.suspicions(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f01_twenty_requests_at_once_through_a_web_server_make_one_rotation() {
    let site = Site::start();
    for (turn, (brand, mut browser)) in (1..).zip(site.people()) {
        browser.lose_access_token();
        site.nodes.pass(EXPIRY);
        let tabs: Vec<_> = (0..20)
            .map(|_| {
                let tab = browser.copy();
                tokio::spawn(async move { tab.get("/echo").await })
            })
            .collect();
        for tab in tabs {
            let answer = tab.await.expect("a tab");
            assert_eq!(answer.status, 200, "{brand:?}: {}", answer.text);
            browser.keep(&answer);
        }
        assert_eq!(site.rotations(), turn, "{brand:?}");
        let answer = browser.get("/echo").await;
        assert_eq!((answer.status, answer.set_cookie.len()), (200, 0), "{brand:?}");
    }
    assert_eq!(site.suspicions(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f07_a_jar_full_of_former_logins_gets_its_new_token_among_the_first_eight_cookies() {
    let site = Site::start();
    // One after the other, so that their cookies have names of their own. The last is the newest.
    let former: Vec<_> = (0..7).flat_map(|_| site.nodes.issue("usr_ada", 1)).collect();
    for (brand, mut browser) in site.people() {
        for (name, value) in former.iter().filter_map(|other| other.jar.find("refreshtoken")) {
            browser.jar.set(name, value);
        }
        browser.lose_access_token();
        site.nodes.pass(EXPIRY);
        let answer = browser.get("/echo").await;
        assert!(answer.status == 200 && answer.hands_out_refresh(), "{brand:?}: {:?}", answer.set_cookie);
        assert!(answer.sets("accesstoken") && answer.set_cookie.len() == 8, "{brand:?}: {:?}", answer.set_cookie);
        assert!(answer.clears("refreshtoken"), "{brand:?}: {:?}", answer.set_cookie);
        browser.keep(&answer);
        let answer = browser.get("/echo").await;
        assert!(answer.status == 200 && !answer.sets("refreshtoken"), "{brand:?}: {:?}", answer.set_cookie);
        browser.keep(&answer);
        assert_eq!(browser.jar.names().iter().filter(|name| name.starts_with("refreshtoken")).count(), 1, "{brand:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f26_a_thief_behind_a_web_server_is_told_once_and_then_the_session_is_over_everywhere() {
    let site = Site::start();
    for (brand, mut victim) in site.people() {
        let mut thief = victim.copy();
        for _ in 0..2 {
            victim.lose_access_token();
            site.nodes.pass(EXPIRY);
            let answer = victim.get("/echo").await;
            assert_eq!(answer.status, 200, "{brand:?}: {}", answer.text);
            victim.keep(&answer);
        }
        thief.lose_access_token();
        let told = thief.get("/echo").await;
        assert_eq!((told.status, told.code().as_str()), (401, "stale_token"), "{brand:?}");
        assert!(told.sets("stale") && !told.clears("refreshtoken"), "{brand:?}: {:?}", told.set_cookie);
        // The same for a navigation, which comes again by itself.
        let told = thief.navigate("/echo?a=1").await;
        assert_eq!((told.status, told.location()), (303, "/echo?a=1"), "{brand:?}");
        assert!(told.sets("stale"), "{brand:?}: {:?}", told.set_cookie);
        let over = thief.get("/echo").await;
        assert_eq!((over.status, over.code().as_str()), (401, "session_ended"), "{brand:?}: {}", over.text);
        assert_eq!(over.field("reason"), json!("reuse"), "{brand:?}");
        // The API and the app's own paths agree.
        let answer = victim.get("/echo").await;
        assert_eq!((answer.status, answer.field("reason")), (401, json!("reuse")), "{brand:?}: {}", answer.text);
        assert!(answer.clears("refreshtoken") && answer.clears("accesstoken"), "{brand:?}: {:?}", answer.set_cookie);
        let standing = victim.get("/auth/session").await;
        assert_eq!(standing.field("ended_reason"), json!("reuse"), "{brand:?}: {}", standing.text);
    }
    assert_eq!(site.nodes.audited("reuse_detected"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f12_without_a_store_good_tokens_pass_the_web_server_and_a_renewal_is_503_with_cookies_untouched() {
    let site = Site::over(Nodes::start_apart(BINARY, 1, trusting(Setup::default())));
    let people = site.people();
    for (brand, browser) in &people {
        assert_eq!(browser.get("/echo").await.status, 200, "{brand:?}");
    }
    site.nodes.pass(EXPIRY);
    site.nodes.cluster().stop();
    for (brand, browser) in &people {
        let answer = browser.get("/echo").await;
        assert_eq!((answer.status, answer.set_cookie.len()), (200, 0), "{brand:?}: {}", answer.text);
        assert_eq!(site.app.last().every("remote-user"), ["usr_ada"], "{brand:?}");
        let mut expired = browser.copy();
        expired.lose_access_token();
        let seen = site.app.seen().len();
        for lines in [[].as_slice(), &[("sec-fetch-mode", "navigate")]] {
            let answer = expired.send("GET", "/echo", lines, None).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (503, "auth_unavailable"),
                "{brand:?}: {}",
                answer.text
            );
            assert_eq!(answer.set_cookie.len(), 0, "{brand:?}: {:?}", answer.set_cookie);
            assert!(answer.header("retry-after").is_some(), "{brand:?}: {:?}", answer.headers);
        }
        assert_eq!(site.app.seen().len(), seen, "{brand:?}: nothing went on");
    }
    site.nodes.cluster().start();
    for (brand, mut browser) in people {
        browser.lose_access_token();
        let began = std::time::Instant::now();
        while browser.get("/echo").await.status != 200 {
            assert!(began.elapsed().as_secs() < 10, "{brand:?}: the store is not found again");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}
