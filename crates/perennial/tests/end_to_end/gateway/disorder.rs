//! Answers that reach the jar in another order than they were given, and jars that hold more than one should.

use std::time::Duration;

use perennial_testkit::{Answer, Browser, Server, Setup, upstream::Upstream};

use super::{EXPIRY, before};

fn expire(server: &Server, browser: &mut Browser) {
    server.time_travel().pass(EXPIRY);
    browser.lose_access_token();
}

/// A request whose answer begins late, and after this pause what else the browser does meanwhile.
fn held(browser: &Browser, millis: u64) -> tokio::task::JoinHandle<Answer> {
    let (tab, path) = (browser.copy(), format!("/api/slow-head?ms={millis}"));
    tokio::spawn(async move { tab.get(&path).await })
}

#[tokio::test]
async fn f09_answers_may_reach_the_jar_in_any_order() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    for reversed in [false, true] {
        let mut browser = server.logged_in().await;
        for _ in 0..3 {
            expire(&server, &mut browser);
            let (mut first, mut second) = tokio::join!(browser.get("/api/a"), browser.get("/api/b"));
            assert!(first.hands_out_refresh() && second.hands_out_refresh());
            if reversed {
                std::mem::swap(&mut first, &mut second);
            }
            browser.keep(&first);
            browser.keep(&second);
            let next = browser.get("/api/x").await;
            assert_eq!((next.status, next.set_cookie.len()), (200, 0), "{}", next.text);
        }
    }
    assert_eq!(server.time_travel().audited("stale_refused"), 0);
}

#[tokio::test]
async fn f09_a_late_answer_of_a_former_login_changes_nothing_for_the_present_one() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let mut browser = server.logged_in().await;
    expire(&server, &mut browser);
    let late = held(&browser, 700);
    tokio::time::sleep(Duration::from_millis(200)).await;
    browser.log_in(&server.demo().email, &server.demo().password).await;
    let present = browser.get("/auth/session").await.field("session_key");
    let late = late.await.expect("a tab");
    assert!(late.status == 200 && late.hands_out_refresh(), "{:?}", late.set_cookie);
    browser.keep(&late);
    for lost in [false, true] {
        if lost {
            browser.lose_access_token();
        }
        let answer = browser.get("/api/x").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        browser.keep(&answer);
        assert_eq!(browser.get("/auth/session").await.field("session_key"), present);
    }
}

#[tokio::test]
async fn f21_a_renewal_that_is_under_way_brings_no_session_back() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    for pause in [0, 5, 20, 60, 150, 300] {
        let mut browser = server.logged_in().await;
        expire(&server, &mut browser);
        let late = held(&browser, 200);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        assert_eq!(browser.log_out().await.status, 204);
        let late = late.await.expect("a tab");
        let hits = upstream.seen().len();
        browser.keep(&late);
        let answer = browser.get("/api/x").await;
        assert_eq!(answer.status, 401, "after {pause} ms: {}", answer.text);
        browser.keep(&answer);
        assert_eq!(browser.get("/auth/session").await.field("status"), "unauthenticated");
        assert_eq!(upstream.seen().len(), hits);
    }
    assert_eq!(server.time_travel().number("SELECT count(*) FROM session WHERE ended_at IS NULL"), 0);
}

#[tokio::test]
async fn f28_among_duplicates_in_any_order_the_live_token_is_found_and_renewed() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let mut browser = server.logged_in().await;
    let mut former = server.logged_in().await;
    former.log_out().await;
    expire(&server, &mut browser);
    let (name, live) = browser.jar.find("refreshtoken").expect("a refresh token");
    let bare = format!("refreshtoken={live}");
    let mut cookies =
        [format!("{name}={live}"), format!("{name}=garbage"), "refreshtoken=x".into(), format!("{name}="), bare];
    for turn in 0..cookies.len() {
        cookies.rotate_left(1);
        let answer = server.browser().send("GET", "/api/x", &[("cookie", &cookies.join("; "))], None).await;
        assert!(answer.status == 200 && answer.hands_out_refresh(), "{turn}: {} {:?}", answer.text, answer.set_cookie);
        assert_eq!(upstream.last().every("cookie"), Vec::<&str>::new());
    }
}
