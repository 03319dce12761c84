//! The gateway of several nodes over one PostgreSQL, without stickiness.

use std::time::{Duration, Instant};

use perennial_testkit::{Browser, Cluster, Nodes, Setup, upstream::Upstream};

use super::{EXPIRY, act, routes};
use crate::BINARY;

/// 250 ms are promised, the rest is slack for a machine with other things to do.
const UNAVAILABLE_WITHIN: Duration = Duration::from_millis(250 + 250);

fn setup(upstream: &Upstream) -> Setup {
    Setup::default().with_config(&routes(&upstream.url()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f13_a_hundred_requests_over_four_nodes_make_one_generation() {
    let upstream = Upstream::standard();
    let nodes = Nodes::start(BINARY, 4, setup(&upstream));
    let mut browser = nodes.issue("ada", 1).remove(0);
    for turn in 1..=3 {
        nodes.pass(EXPIRY);
        browser.lose_access_token();
        let requests: Vec<_> = (0..100)
            .map(|request| {
                let tab = browser.at(&nodes.node(request % nodes.count()).url);
                tokio::spawn(async move {
                    if request % 8 < 4 { tab.get("/api/x").await } else { act(&tab, "/api/x").await }
                })
            })
            .collect();
        for request in requests {
            let answer = request.await.expect("a tab");
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert!(answer.hands_out_refresh(), "{:?}", answer.set_cookie);
            browser.keep(&answer);
        }
        assert_eq!(nodes.number("SELECT generation FROM session"), turn);
    }
    assert_eq!(upstream.seen().len(), 300);
    assert_eq!(nodes.audited("stale_refused") + nodes.audited("reuse_detected"), 0);
}

/// What the gateway does while the database cannot be asked.
async fn everybody_is_served_or_told_to_wait(browsers: &[Browser], nodes: &Nodes) {
    let mut slowest = Duration::ZERO;
    for browser in browsers {
        assert_eq!(browser.get("/api/x").await.status, 200);
        let acted = act(browser, "/api/x").await;
        assert_eq!(acted.status, 200, "{}", acted.text);
        let mut expired = browser.copy();
        expired.lose_access_token();
        for headers in [&[][..], &[("sec-fetch-mode", "navigate")]] {
            let began = Instant::now();
            let answer = expired.send("GET", "/api/x", headers, None).await;
            slowest = slowest.max(began.elapsed());
            assert_eq!((answer.status, answer.code().as_str()), (503, "auth_unavailable"), "{}", answer.text);
            assert!(answer.header("retry-after").is_some() && answer.set_cookie.is_empty(), "{:?}", answer.headers);
        }
    }
    let began = Instant::now();
    assert_eq!(nodes.browser(0).get("/maybe/x").await.status, 200);
    assert!(began.elapsed() < Duration::from_millis(100), "a visitor asks nothing of the store: {:?}", began.elapsed());
    eprintln!("the slowest refusal took {slowest:?}");
    assert!(slowest < UNAVAILABLE_WITHIN, "{slowest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f12_while_the_store_is_away_good_access_tokens_pass_and_renewals_are_told_to_wait() {
    let upstream = Upstream::standard();
    let nodes = Nodes::start_apart(BINARY, 1, setup(&upstream));
    let mut browsers = nodes.issue("spared", 5);
    for browser in &browsers {
        assert_eq!(browser.get("/api/x").await.status, 200);
    }
    for (begin, end) in
        [(Cluster::stop as fn(&Cluster), Cluster::start as fn(&Cluster)), (Cluster::freeze, Cluster::thaw)]
    {
        begin(nodes.cluster());
        everybody_is_served_or_told_to_wait(&browsers, &nodes).await;
        end(nodes.cluster());
        for browser in &mut browsers {
            let (began, mut expired) = (Instant::now(), browser.copy());
            expired.lose_access_token();
            loop {
                let answer = expired.get("/api/x").await;
                browser.keep(&answer);
                if answer.status == 200 {
                    break;
                }
                assert_eq!(answer.code(), "auth_unavailable", "{}", answer.text);
                assert!(began.elapsed() < Duration::from_secs(10), "the database is not found again");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    assert_eq!(nodes.number("SELECT count(*) FROM session WHERE ended_at IS NOT NULL"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f50_what_one_node_ended_the_gateway_of_another_refuses_without_asking_for_each_request() {
    let upstream = Upstream::standard();
    let nodes = Nodes::start_apart(BINARY, 2, setup(&upstream));
    let browsers: Vec<Browser> = nodes.issue("ada", 5).iter().map(|browser| browser.at(&nodes.node(1).url)).collect();
    for browser in &browsers {
        assert_eq!(browser.get("/api/x").await.status, 200);
    }
    // What the database was asked is told with a delay of a second.
    let asked = async || {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        nodes.number("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
    };
    let (before, began) = (asked().await, Instant::now());
    for _ in 0..100 {
        for browser in &browsers {
            assert_eq!(browser.get("/api/x").await.status, 200);
            assert_eq!(act(browser, "/api/x").await.status, 200);
        }
    }
    let questions = asked().await - before;
    eprintln!("{questions} questions to the database during 1,000 requests in {:?}", began.elapsed());
    assert!(questions < 200, "{questions}");

    let mut slowest = Duration::ZERO;
    for browser in &browsers {
        assert_eq!(browser.at(&nodes.node(0).url).log_out().await.status, 204);
        let began = Instant::now();
        loop {
            let answer = browser.get("/api/x").await;
            if answer.status != 200 {
                assert_eq!((answer.status, answer.code().as_str()), (401, "session_ended"), "{}", answer.text);
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(2), "it still passes");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        slowest = slowest.max(began.elapsed());
    }
    eprintln!("an end was known at the other node after {slowest:?} at most");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}
