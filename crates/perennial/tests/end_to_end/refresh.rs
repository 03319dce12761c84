//! Refresh: tabs that race, answers that get lost, clients that leave, a server that dies.

mod thieves;

use std::{collections::BTreeSet, time::Duration};

use perennial_testkit::{Answer, Browser, Dice, Server, Setup};

use crate::BINARY;

/// Longer than an access token lives.
const EXPIRY: i64 = 1000;
const DAY: i64 = 86_400;

#[tokio::test]
async fn f01_fifty_parallel_refreshes_are_all_answered_and_make_one_generation() {
    let server = Server::start(BINARY);
    let browser = server.logged_in().await;
    let time = server.time_travel();
    time.pass(EXPIRY);

    let requests: Vec<_> = (0..50)
        .map(|_| {
            let tab = browser.copy();
            tokio::spawn(async move { tab.refresh().await })
        })
        .collect();
    let mut tokens = BTreeSet::new();
    for request in requests {
        let answer = request.await.expect("a tab");
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(answer.hands_out_refresh() && answer.sets("accesstoken-"), "{:?}", answer.set_cookie);
        let mut tab = browser.copy();
        tab.keep(&answer);
        assert_eq!(tab.generation(), Some(1));
        assert_eq!(tab.jar.csrf(), browser.jar.csrf());
        tokens.insert(tab.jar.refresh().expect("a refresh token").to_owned());
    }
    assert_eq!(tokens.len(), 50, "every answer has a branch of its own");
    assert_eq!(time.number("SELECT generation FROM session"), 1);
    assert_eq!(time.number("SELECT count(*) FROM session"), 1);
    assert_eq!(suspicions(&server), 0);
}

#[tokio::test]
async fn f01_twenty_tabs_over_twenty_expiries_make_one_generation_each_and_are_never_logged_out() {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    let time = server.time_travel();
    let mut dice = Dice::new(1);

    for cycle in 1..=20 {
        time.pass(EXPIRY);
        browser.lose_access_token();
        let tabs: Vec<_> = (0..20)
            .map(|tab| {
                let page = browser.copy();
                let call = if tab % 2 == 0 { "/token" } else { "/session" };
                tokio::spawn(async move { page.post(call, None).await })
            })
            .collect();
        let mut answers = Vec::new();
        for tab in tabs {
            answers.push(tab.await.expect("a tab"));
        }
        dice.shuffle(&mut answers);
        for answer in &answers {
            assert_eq!(answer.status, 200, "cycle {cycle}: {}", answer.text);
            browser.keep(answer);
        }
        assert_eq!(browser.generation(), Some(cycle));
        assert_eq!(browser.session_and_keep().await.field("status"), "authenticated", "cycle {cycle}");
    }
    assert_eq!(time.number("SELECT generation FROM session"), 20);
    assert_eq!(suspicions(&server), 0);
}

#[tokio::test]
async fn f02_an_answer_lost_after_the_commit_is_given_again_after_a_second() {
    check_lost_answer(1).await;
}

#[tokio::test]
async fn f02_an_answer_lost_after_the_commit_is_given_again_after_ten_minutes() {
    check_lost_answer(600).await;
}

#[tokio::test]
async fn f02_an_answer_lost_after_the_commit_is_given_again_after_six_days() {
    check_lost_answer(6 * DAY).await;
}

#[tokio::test]
async fn f02_answers_that_get_lost_again_and_again_never_cost_the_session() {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    let time = server.time_travel();
    time.pass(EXPIRY);
    for delay in [0, 5, 29, 31, 60, 119, 121, 900, 3600, DAY] {
        time.pass(delay);
        let lost = browser.refresh().await;
        assert_eq!(lost.status, 200, "after {delay} s: {}", lost.text);
        assert!(lost.hands_out_refresh());
    }
    assert_eq!(browser.refresh_and_keep().await.status, 200);
    assert_eq!(browser.generation(), Some(1));
    assert_eq!(suspicions(&server), 0);
}

#[tokio::test]
async fn f02_a_predecessor_never_mints_once_its_successor_is_confirmed() {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    let time = server.time_travel();
    time.pass(EXPIRY);
    let mut old = browser.copy();
    assert_eq!(browser.refresh_and_keep().await.status, 200);

    time.pass(121);
    assert_eq!(browser.session_and_keep().await.field("status"), "authenticated");
    assert_eq!(time.number("SELECT confirmed FROM session"), 1);

    let told = old.refresh_and_keep().await;
    assert_eq!((told.status, told.code().as_str()), (401, "stale_token"), "{}", told.text);
    assert_eq!(told.cookie_names().len(), 1, "only the mark: {:?}", told.set_cookie);
    assert!(told.sets("stale-"));
    assert_eq!(time.number("SELECT count(*) FROM session WHERE ended_at IS NULL"), 1);
    assert_eq!(time.audited("stale_refused"), 1);

    let convicted = old.refresh_and_keep().await;
    assert_eq!((convicted.status, convicted.code().as_str()), (401, "session_ended"), "{}", convicted.text);
    assert_eq!(convicted.field("reason"), "reuse");
    assert_eq!(time.audited("reuse_detected"), 1);
    assert_eq!(browser.refresh_and_keep().await.field("reason"), "reuse");
    assert_eq!(browser.jar.refresh(), None, "a dead session's cookies go");
}

#[tokio::test]
async fn f02_a_jar_that_was_told_stale_goes_on_with_the_newer_token_it_holds() {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    let time = server.time_travel();
    time.pass(EXPIRY);
    let held = browser.copy();
    assert_eq!(browser.refresh_and_keep().await.status, 200);
    time.pass(121);
    browser.session_and_keep().await;

    let late = held.refresh().await;
    assert_eq!(late.code(), "stale_token");
    browser.keep(&late);
    time.pass(60);
    assert_eq!(browser.refresh_and_keep().await.status, 200);
    assert_eq!(browser.generation(), Some(2));
    assert_eq!(browser.jar.find("stale-"), None, "an answer that hands out a token clears the mark");
    assert_eq!(time.audited("reuse_detected"), 0);
}

#[tokio::test]
async fn f08_a_page_that_is_left_twenty_times_while_it_refreshes_stays_logged_in() {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    let time = server.time_travel();
    let mut dice = Dice::new(8);
    for (round, pause) in [0, 0, 7, 45].into_iter().enumerate() {
        time.pass(EXPIRY);
        browser.lose_access_token();
        let before = browser.generation().expect("a token");
        for _ in 0..20 {
            let call = *dice.pick(&["/token", "/session"]);
            let stay = Duration::from_millis(dice.number() % 6);
            browser.post_and_leave(call, stay).await;
            time.pass(pause);
        }
        let settled = browser.refresh_and_keep().await;
        assert_eq!(settled.status, 200, "round {round}: {}", settled.text);
        let consumed = browser.generation().expect("a token") - before;
        assert!(consumed <= 2, "round {round} consumed {consumed} generations");
        assert_eq!(browser.session_and_keep().await.field("status"), "authenticated");
    }
    assert_eq!(suspicions(&server), 0);
}

#[tokio::test]
async fn f40_a_server_that_is_killed_again_and_again_leaves_every_token_good() {
    let mut server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    let mut dice = Dice::new(40);
    for round in 0..10 {
        server.time_travel().pass(EXPIRY);
        browser.lose_access_token();
        let requests: Vec<_> = (0..4)
            .map(|tab| {
                let page = browser.copy();
                let call = if tab % 2 == 0 { "/token" } else { "/session" };
                tokio::spawn(async move { page.try_post(call, None).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_micros(dice.number() % 8000)).await;
        server.kill();
        for request in requests {
            // An answer that made it through may have been stored or not.
            if let (Ok(answer), 0) = (request.await.expect("a tab"), dice.below(2)) {
                browser.keep(&answer);
            }
        }
        server.start_again();
        let mut reopened = server.browser();
        reopened.jar = browser.jar.clone();
        let retried = reopened.refresh_and_keep().await;
        assert_eq!(retried.status, 200, "round {round}: {}", retried.text);
        assert!(reopened.generation() <= Some(round + 1), "at most one generation a round");
        browser = reopened;
    }
    assert_eq!(suspicions(&server), 0);
    assert_eq!(server.time_travel().number("SELECT count(*) FROM session WHERE ended_at IS NULL"), 1);
}

#[tokio::test]
async fn f43_a_restart_between_any_two_requests_logs_nobody_out() {
    let mut server = Server::start(BINARY);
    let mut browsers = server.issue("rolling", 5);
    for _ in 0..3 {
        server.stop();
        server.start_again();
        server.time_travel().pass(EXPIRY);
        for browser in &mut browsers {
            let mut reopened = server.browser();
            reopened.jar = browser.jar.clone();
            assert_eq!(reopened.session_and_keep().await.field("has_refresh_token"), true);
            let answer = reopened.refresh_and_keep().await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            *browser = reopened;
        }
    }
    assert!(browsers.iter().all(|browser| browser.generation() == Some(3)));
    assert_eq!(suspicions(&server), 0);
}

#[tokio::test]
async fn a_hundred_rotations_leave_one_small_row_and_one_absolute_end() {
    let server =
        Server::start_with(BINARY, Setup::default().with("tokens.cooldown", "0ms").with("tokens.overlap", "0ms"));
    let mut browser = server.logged_in().await;
    let time = server.time_travel();
    let audited = time.number("SELECT count(*) FROM audit");
    let absolute_end = time.number("SELECT ends_at FROM session");
    for generation in 1..=100 {
        let answer = browser.refresh_and_keep().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(browser.generation(), Some(generation));
    }
    assert_eq!(time.number("SELECT count(*) FROM session"), 1);
    assert_eq!(time.number("SELECT ends_at FROM session"), absolute_end);
    assert_eq!(time.number("SELECT count(*) FROM audit"), audited, "a rotation writes nothing but its row");
}

#[tokio::test]
async fn the_refresh_cookie_dies_with_the_session_however_often_it_is_renewed() {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    let time = server.time_travel();
    for day in 1..=29 {
        time.pass(DAY);
        let answer = browser.refresh_and_keep().await;
        assert_eq!(answer.status, 200, "day {day}: {}", answer.text);
        let left = (30 - day) * DAY;
        let kept = answer.max_age("refreshtoken-").expect("a lifetime");
        assert!((left - 60..=left).contains(&kept), "day {day}: {kept} instead of {left}");
        assert_eq!(answer.max_age("csrftoken"), Some(kept));
        assert!(answer.max_age("accesstoken-").is_some_and(|lives| (800..=1000).contains(&lives)));
        assert_eq!(answer.max_age("accesstoken-"), answer.max_age("auth_hint"));
    }
    time.pass(DAY);
    let ended = browser.refresh_and_keep().await;
    assert_eq!((ended.status, ended.field("reason").as_str()), (401, Some("expired_absolute")), "{}", ended.text);
    assert_eq!(time.audited("reuse_detected"), 0);
}

#[tokio::test]
async fn a_prefetch_and_a_head_hand_out_no_refresh_token_and_write_nothing() {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    let time = server.time_travel();
    time.pass(EXPIRY);
    browser.lose_access_token();
    let row = row(&server);
    let csrf = browser.jar.csrf().expect("a token").to_owned();
    for (method, path, purpose) in [
        ("POST", "/auth/session", "prefetch"),
        ("POST", "/auth/token", "prefetch"),
        ("POST", "/auth/session", "prefetch;prerender"),
        ("GET", "/auth/session", "prefetch"),
        ("HEAD", "/auth/session", ""),
    ] {
        let headers = [("origin", browser.url.as_str()), ("x-csrftoken", &csrf), ("sec-purpose", purpose)];
        let answer = browser.send(method, path, &headers, None).await;
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text);
        assert!(!answer.hands_out_refresh(), "{method} {path}: {:?}", answer.set_cookie);
        assert_eq!(self::row(&server), row, "{method} {path}");
    }
    // The predecessor gets no more than that either.
    let predecessor = browser.copy();
    assert_eq!(browser.refresh_and_keep().await.status, 200);
    let row = self::row(&server);
    let headers = [("origin", browser.url.as_str()), ("x-csrftoken", &csrf), ("sec-purpose", "prefetch")];
    let answer = predecessor.send("POST", "/auth/token", &headers, None).await;
    assert_eq!((answer.status, answer.hands_out_refresh()), (200, false), "{}", answer.text);
    assert_eq!(self::row(&server), row);
}

#[tokio::test]
async fn a_read_of_the_session_answers_two_hundred_and_rotates_nothing_whatever_the_jar_holds() {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    server.time_travel().pass(EXPIRY);
    browser.lose_access_token();
    let read = browser.session_and_keep().await;
    assert_eq!(read.status, 200);
    assert_eq!(read.header("cache-control"), Some("no-store"));
    assert_eq!(read.field("status"), "unauthenticated");
    assert_eq!((read.field("is_authenticated"), read.field("has_refresh_token")), (false.into(), true.into()));
    assert_eq!(browser.generation(), Some(0));

    let resumed = browser.post_and_keep("/session", None).await;
    assert_eq!(resumed.field("status"), "authenticated");
    assert_eq!(browser.generation(), Some(1));
    let once_more = browser.post_and_keep("/session", None).await;
    assert_eq!(once_more.field("status"), "authenticated");
    assert!(!once_more.sets("accesstoken-"), "a good access token is not made anew");
}

/// The answer of a rotation gets lost; the jar comes back after so many seconds.
async fn check_lost_answer(seconds: i64) {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    let time = server.time_travel();
    time.pass(EXPIRY);
    browser.lose_access_token();
    assert_eq!(browser.refresh().await.status, 200);
    assert_eq!(time.number("SELECT generation FROM session"), 1);
    let replayed = replays(&browser, &server).await;

    time.pass(seconds);
    let again = browser.refresh_and_keep().await;
    assert_eq!(again.status, 200, "{}", again.text);
    assert_eq!(browser.generation(), Some(1));
    assert_eq!(time.number("SELECT generation FROM session"), 1);
    assert_eq!(suspicions(&server), 0);
    assert_eq!(replays(&browser, &server).await, replayed + 1);

    time.pass(EXPIRY);
    assert_eq!(browser.refresh_and_keep().await.status, 200);
    assert_eq!(browser.generation(), Some(2));
}

/// How many refreshes the metrics call replayed.
async fn replays(browser: &Browser, server: &Server) -> u64 {
    let mut operator = browser.copy();
    operator.url.clone_from(&server.admin_url);
    let Answer { text, .. } = operator.get("/metrics").await;
    let line = text.lines().find(|line| line.starts_with("perennial_refresh_total{outcome=\"replayed\"}"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}

/// Audit lines that speak of a token in two hands.
fn suspicions(server: &Server) -> i64 {
    let time = server.time_travel();
    time.audited("reuse_detected") + time.audited("stale_refused")
}

/// What the store knows of the rotation.
fn row(server: &Server) -> String {
    server.time_travel().text(
        "SELECT generation || ',' || coalesce(parent, '-') || ',' || delivered_at || ',' || late || ',' || confirmed \
         FROM session",
    )
}
