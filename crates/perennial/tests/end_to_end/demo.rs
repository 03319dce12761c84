//! The demo of `dev`: an app and an API behind the gateway, its buttons and its live view, and the demo in a real
//! browser.

use std::{collections::BTreeMap, time::Duration};

use perennial_testkit::{Browser, Server, Setup};
use serde_json::{Value, json};

use crate::{BINARY, foreign::run, prepared, tls::Site};

/// What a page of this server's would send along.
async fn press(browser: &Browser, control: &str, headers: &[(&str, &str)]) -> u16 {
    browser.send("POST", &format!("/dev/demo/{control}"), headers, None).await.status
}

async fn tell(story: &str, setup: Setup, seconds: &str) -> (Server, Value) {
    prepared("PERENNIAL_CHROMIUM");
    let server = Server::start_with(BINARY, setup);
    let account = server.demo();
    let told = run("browser/demo.mjs", &[story, &server.url, &account.email, &account.password, seconds]).await;
    eprintln!("{story}: {told:#}");
    (server, told)
}

#[tokio::test]
async fn each_button_of_the_demo_does_what_it_says_and_the_live_view_shows_it() {
    let (_server, told) = tell("buttons", Setup::default(), "").await;
    assert_eq!((&told["nobody"], &told["anonymousCall"]), (&json!("Nobody is signed in"), &json!([401])));
    assert_eq!(told["somebody"], "demo@perennial.test");
    assert_eq!(told["cookiesThatScriptsSee"], json!(["auth_hint", "csrftoken"]));
    assert_eq!((&told["me"], &told["write"], &told["slow"]), (&json!([200]), &json!([201]), &json!([200])));
    assert_eq!(told["burst"], json!(vec![200; 20]));
    assert_eq!(told["expire"], json!([200]), "renewed in flight");
    assert_eq!(told["distrust"], json!([200]), "sent once more");
    assert_eq!(told["cut"], json!([502, 200]), "unavailable, and then as if nothing had been");
    assert_eq!(told["stillIn"], true);
    assert_eq!(told["revoked"], "The session is over (revoked). Log in again.");
    assert_eq!(told["streamCutInTime"], true);
    assert_eq!(told["complaints"], json!([]), "the content security policy is in nobody's way");
    assert_eq!(told["authRequests"], 0, "the page knows of no auth service");

    let steps = ["Thief", "Time", "Thief 200", "You 200", "Time", "Thief 200"];
    let end = ["You 401 stale_token", "You 401 reuse", "Thief 401 reuse"];
    assert_eq!(told["theft"], json!([&steps[..], &end[..]].concat()));
    assert_eq!(told["outOfIt"], json!([200, 401, 401]), "what the person's browser was answered");
    assert_eq!(told["endedBy"], "The session is over (reuse). Log in again.");

    let live: Vec<&str> = told["live"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for row in [
        "GET /api/items theft 401",
        "GET /api/me theft 401",
        "GET /api/me 401",
        "GET /api/items renewed in flight 200",
        "GET /api/me renewed in flight 200",
        "GET /api/me sent once more 200",
        "GET /api/me 502",
    ] {
        assert!(live.contains(&row), "{row} is missing in {live:#?}");
    }
    let why: Vec<&str> = told["why"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for part in ["cannot be reached", "is over (revoked)", "is over (reuse)", "not the newest", "needs a login"] {
        assert!(why.iter().any(|sentence| sentence.contains(part)), "{part} is missing in {why:#?}");
    }
    assert_eq!(told["phases"].as_array().map(Vec::len), Some(5));
}

/// The server's own counters.
async fn counters(server: &Server) -> BTreeMap<String, u64> {
    let mut operator = server.browser();
    operator.url.clone_from(&server.admin_url);
    let metrics = operator.get("/metrics").await.text;
    let counter =
        |line: &str| line.rsplit_once(' ').and_then(|(name, count)| Some((name.to_owned(), count.parse().ok()?)));
    metrics.lines().filter_map(counter).collect()
}

/// Access tokens and forwarded tokens that live two seconds, and a rotation every twelve.
#[tokio::test]
async fn f05_f36_five_tabs_with_tokens_of_two_seconds_send_no_auth_request_and_are_told_no_401() {
    let seconds = std::env::var("PERENNIAL_DEMO_SECONDS").unwrap_or_else(|_| "15".to_owned());
    let setup = Setup::default()
        .with("tokens.access_ttl", "2s")
        .with("tokens.jitter", "0")
        .with("tokens.cooldown", "12s")
        .with("tokens.overlap", "2s")
        .with("gateway.forwarded_ttl", "2s");
    let (server, told) = tell("load", setup, &seconds).await;
    let counters = counters(&server).await;
    let of =
        |name: &str, outcome: &str| counters.get(&format!("{name}{{outcome=\"{outcome}\"}}")).copied().unwrap_or(0);
    let refreshes = |outcome: &str| of("perennial_refresh_total", outcome);
    let outcomes = ["rotated", "replayed", "cooldown", "stale", "reuse", "ended", "invalid", "unavailable"];
    let told_of = outcomes.map(|outcome| (outcome, refreshes(outcome)));
    let sent_once_more = of("perennial_gateway_renewals_total", "replayed");
    eprintln!("refreshes: {told_of:?}; sent once more: {sent_once_more}");

    let seconds: u64 = seconds.parse().expect("seconds");
    let calls = told["calls"].as_u64().unwrap_or_default();
    // Fifty a second, where the machine has nothing else to do.
    assert!(calls >= 10 * seconds, "the tabs kept at it: {calls} calls");
    assert_eq!((&told["authRequests"], &told["unauthorized"]), (&json!(0), &json!(0)));
    assert_eq!((&told["loggedOut"], &told["sessions"]), (&json!(0), &json!(1)));
    assert_eq!(told["woken"], 100, "every call of tabs that have slept");
    assert_eq!((&told["unanswered"], &told["statuses"]), (&json!(0), &json!({ "200": calls })));
    assert!(refreshes("rotated") >= seconds / 15, "a rotation every twelve seconds or so: {told_of:?}");
    assert!(refreshes("rotated") + refreshes("cooldown") >= seconds / 3, "a renewal every two or so: {told_of:?}");
    for never in ["stale", "reuse", "ended", "invalid", "unavailable"] {
        assert_eq!(refreshes(never), 0, "{never}");
    }
}

#[tokio::test]
async fn the_controls_obey_pages_of_this_server_only() {
    let server = Server::start(BINARY);
    let browser = server.logged_in().await;
    let csrf = browser.jar.csrf().expect("a login brings the token").to_owned();
    for control in ["expire", "revoke", "distrust", "cut", "later", "steal", "thief"] {
        assert_eq!(
            press(&browser, control, &[("sec-fetch-site", "same-origin")]).await,
            403,
            "{control} without token"
        );
        let foreign = [("x-csrftoken", csrf.as_str()), ("origin", "https://evil.example")];
        assert_eq!(press(&browser, control, &foreign).await, 403, "{control} from a foreign page");
        let rebound = [("x-csrftoken", csrf.as_str()), ("host", "evil.example")];
        assert_eq!(press(&browser, control, &rebound).await, 421, "{control} under a foreign name");
        let read = browser.get(&format!("/dev/demo/{control}")).await;
        assert_eq!(read.status, 405, "{control} by a link");
    }
    let looked = browser.send("GET", "/dev/live", &[("sec-fetch-site", "cross-site")], None).await;
    assert_eq!(looked.status, 403);
    let own = [("x-csrftoken", csrf.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(press(&browser, "revoke", &own).await, 200);
    let refused = browser.get("/api/me").await;
    assert_eq!((refused.status, refused.field("reason")), (401, json!("revoked")));
}

#[tokio::test]
async fn the_live_view_tells_no_secret_and_holds_up_no_stop() {
    let mut server = Server::start(BINARY);
    let browser = server.logged_in().await;
    let watching = tokio::spawn({
        let browser = browser.clone();
        async move { browser.get("/dev/live").await }
    });
    // The view is told of a request after its answer has left, so that it may miss the last ones.
    for _ in 0..50 {
        let answer = browser.get("/api/me?password=hunter2").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let began = std::time::Instant::now();
    server.stop();
    assert!(began.elapsed() < Duration::from_secs(5), "the stop took {:?}", began.elapsed());
    let seen = watching.await.expect("the watcher ends").text;
    assert!(seen.contains(r#""path":"/api/me""#), "{seen}");
    for pair in browser.jar.header().split("; ") {
        let (name, value) = pair.split_once('=').expect("a cookie");
        // The hint tells the session's public name, and so may the view.
        assert!(name == "auth_hint" || !seen.contains(value), "{name}: {seen}");
    }
    assert!(!seen.contains("hunter2") && !seen.contains("Bearer"), "{seen}");
}

#[tokio::test]
async fn there_is_no_demo_beside_routes_or_where_it_could_not_work_or_in_production() {
    let own =
        Setup::default().with("gateway.routes.0.path", "/shop").with("gateway.routes.0.upstream", "http://127.0.0.1:9");
    let bearers = Setup::wire("rotating-bearer");
    let no_pages = Setup::default().with("pages.enabled", "false");
    let (taken, alias) = (Setup::default().with("http.base", "/demo"), Setup::wire("vault"));
    for setup in [own, bearers, no_pages, taken, alias] {
        let what = format!("{setup:?}");
        let server = Server::start_with(BINARY, setup);
        for path in ["/demo/app.js", "/dev/live", "/api/me"] {
            assert_eq!(server.browser().get(path).await.status, 404, "{path} {what}");
        }
        assert!(!server.log().contains("/demo "), "{what}");
    }
    let site = Site::start("");
    for path in ["/demo", "/dev/live", "/dev/demo/steal", "/api/me"] {
        assert_eq!(site.browser.get(path).await.status, 404, "{path}");
    }
}
