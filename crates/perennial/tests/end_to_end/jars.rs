//! Jars: answers in any order, garbage in any cookie, tabs that know less than the jar, foreign pages.

mod disorder;

use std::time::Duration;

use perennial_testkit::{Answer, Browser, Dice, Jar, Server, Setup, generation_of};
use serde_json::json;

use crate::BINARY;

const EXPIRY: i64 = 1000;

/// What a script, another app or an old release may have left under a name of ours.
const GARBAGE: [&str; 12] = [
    "",
    "garbage",
    "prn1.",
    "prn1.AAAA",
    "eyJhbGciOiJub25lIn0.e30.",
    "null",
    "undefined",
    "\"quoted",
    "%00%ff",
    "a b=c",
    "{\"a\":1}",
    "0",
];

#[tokio::test]
async fn f24_a_theft_ends_its_own_session_and_no_other() {
    let server = Server::start(BINARY);
    let mut phones = server.issue("person", 2);
    let (mut stolen, mut other) = (phones.remove(0), phones.remove(0));
    let time = server.time_travel();
    time.pass(EXPIRY);
    let mut thief = stolen.copy();
    assert_eq!(stolen.refresh_and_keep().await.status, 200);
    time.pass(121);
    stolen.session_and_keep().await;
    assert_eq!(thief.refresh_and_keep().await.code(), "stale_token");
    assert_eq!(thief.refresh_and_keep().await.field("reason"), "reuse");

    assert_eq!(stolen.refresh_and_keep().await.field("reason"), "reuse");
    assert_eq!(other.refresh_and_keep().await.status, 200);
    assert_eq!(other.session_and_keep().await.field("status"), "authenticated");
    assert_eq!(time.number("SELECT count(*) FROM session WHERE ended_at IS NULL"), 1);
}

#[tokio::test]
async fn f24_a_token_of_an_ended_session_hears_the_reason_and_is_no_theft() {
    let server = Server::start(BINARY);
    let mut browsers = server.issue("person", 5);
    let time = server.time_travel();
    let key = |browser: &Browser| browser.jar.csrf().and_then(|csrf| csrf.split('.').next()).expect("a key").to_owned();
    let keys: Vec<String> = browsers.iter().map(key).collect();

    // Logged out on a copy, so that the jar still holds everything; revoked; both ends by time.
    assert_eq!(browsers[0].copy().log_out().await.status, 204);
    let revoked = server.command(&["session", "revoke", "--", &keys[1]]);
    assert!(revoked.status.success(), "{revoked:?}");
    let day = 86_400_000;
    time.execute(&format!("UPDATE session SET active_at = active_at - 8 * {day} WHERE session_key = '{}'", keys[2]));
    time.execute(&format!("UPDATE session SET ends_at = ends_at - 31 * {day} WHERE session_key = '{}'", keys[3]));

    for (number, reason) in ["logout", "revoked", "expired_idle", "expired_absolute"].into_iter().enumerate() {
        for _ in 0..3 {
            let answer = browsers[number].refresh().await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "session_ended"), "{}", answer.text);
            assert_eq!(answer.field("reason"), reason);
        }
        let answer = browsers[number].session_and_keep().await;
        assert_eq!((answer.status, answer.field("ended_reason")), (200, reason.into()), "{}", answer.text);
        assert_eq!(answer.field("status"), "unauthenticated");
        assert_eq!(browsers[number].jar.refresh(), None);
        assert_eq!(browsers[number].jar.find("accesstoken"), None);
    }
    assert_eq!(browsers[4].refresh_and_keep().await.status, 200);
    assert_eq!((time.audited("reuse_detected"), time.audited("stale_refused")), (0, 0));
}

#[tokio::test]
async fn f24_a_session_whose_key_begins_with_a_hyphen_is_revoked_like_any_other() {
    let server = Server::start(BINARY);
    let browser = server.issue("person", 1).remove(0);
    let time = server.time_travel();
    time.execute("UPDATE session SET session_key = '-' || substr(session_key, 2)");
    let key = time.text("SELECT session_key FROM session");
    let revoked = server.command(&["session", "revoke", &key]);
    assert!(revoked.status.success(), "{}", String::from_utf8_lossy(&revoked.stderr));
    assert_eq!(browser.get("/auth/session").await.field("ended_reason"), "revoked");
}

#[tokio::test]
async fn f24_forged_tokens_change_no_row_and_cost_their_session_nothing() {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    let time = server.time_travel();
    time.pass(EXPIRY);
    let before = rows(&server);
    let (name, token) =
        browser.jar.find("refreshtoken").map(|(name, token)| (name.to_owned(), token.to_owned())).expect("one");
    let mut dice = Dice::new(24);
    for round in 0..150 {
        let mut forger = browser.copy();
        forger.lose_access_token();
        forger.jar.set(&name, &mutated(&token, &mut dice));
        let answer = forger.refresh().await;
        assert!([401, 403, 409, 429].contains(&answer.status), "round {round}: {}", answer.text);
        assert!(
            ["invalid_token", "session_ended", "too_many_attempts", "csrf_failed", "identity_changed"]
                .contains(&answer.code().as_str()),
            "round {round}: {}",
            answer.text
        );
        assert_ne!(answer.field("reason"), "reuse");
        assert!(!answer.clears("refreshtoken") && !answer.clears("accesstoken"), "{:?}", answer.set_cookie);
        assert_eq!(forger.post("/session", None).await.field("is_authenticated"), false);
    }
    assert_eq!(rows(&server), before);
    assert_eq!(browser.refresh_and_keep().await.status, 200, "the owner is not slowed down");
    assert_eq!(time.audited("reuse_detected"), 0);
}

#[tokio::test]
async fn f27_whatever_the_jar_holds_a_login_succeeds_at_once_and_leaves_one_set() {
    let setup = Setup::default().with("limits.login_failures_per_address", "100000");
    let server = Server::start_with(BINARY, setup);
    let real = treasure(&server).await;
    let mut dice = Dice::new(27);
    for round in 0..220 {
        let mut browser = server.browser();
        fill(&mut browser, &real, &mut dice);
        let before = browser.jar.header();
        let answer = browser.log_in(&server.demo().email, &server.demo().password).await;
        assert_eq!(answer.status, 200, "round {round}: {before}\n{}", answer.text);
        assert_canonical(&browser, &before);
        let session = browser.get("/auth/session").await;
        assert_eq!(session.field("status"), "authenticated", "round {round}: {before}");
        assert_eq!(session.field("user")["email"], server.demo().email.as_str());
        assert_eq!(session.set_cookie, Vec::<String>::new(), "nothing is left to mend");
    }
}

#[tokio::test]
async fn f27_a_flood_of_our_names_keeps_nobody_from_logging_in() {
    let server = Server::start(BINARY);
    let mut browser = server.browser();
    for number in 0..60 {
        for base in ["refreshtoken", "accesstoken", "stale"] {
            browser.jar.set(&format!("{base}-{number:02}"), "garbage");
        }
    }
    let answer = browser.log_in(&server.demo().email, &server.demo().password).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.set_cookie.len() < 60, "an answer has to pass through proxies");
    assert_eq!(browser.session_and_keep().await.field("status"), "authenticated");
    server.time_travel().pass(EXPIRY);
    assert_eq!(browser.refresh_and_keep().await.status, 200);
    assert_eq!(browser.log_out().await.status, 204);
    assert_eq!(browser.session_and_keep().await.field("status"), "unauthenticated");
}

#[tokio::test]
async fn f27_a_cookie_of_another_app_that_is_not_ascii_hides_none_of_ours() {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    browser.jar.set("greeting", "grüezi");
    browser.jar.set("zz", "日本");
    assert_eq!(browser.session_and_keep().await.field("status"), "authenticated");
    server.time_travel().pass(EXPIRY);
    assert_eq!(browser.refresh_and_keep().await.status, 200);
    assert_eq!(browser.log_out().await.status, 204);
}

#[tokio::test]
async fn f27_logout_answers_no_content_whatever_the_jar_holds() {
    let server = Server::start(BINARY);
    let real = treasure(&server).await;
    let mut dice = Dice::new(270);
    for round in 0..300 {
        let mut browser = server.browser();
        fill(&mut browser, &real, &mut dice);
        let before = browser.jar.header();
        // With the page's token, as the SDK sends it, and without one.
        let answer = if round % 2 == 0 {
            browser.log_out().await
        } else {
            let answer = browser.send("POST", "/auth/logout", &[("origin", &browser.url)], None).await;
            browser.keep(&answer);
            answer
        };
        assert_eq!(answer.status, 204, "round {round}: {before}\n{}", answer.text);
        let left: Vec<&str> = browser.jar.names();
        let harmless = ["auth_hint", "known", "refreshtokens", "theme"];
        assert!(left.iter().all(|name| harmless.contains(name)), "round {round}: {left:?}\n{before}");
        let next = browser.session_and_keep().await;
        assert_eq!(next.field("status"), "unauthenticated", "round {round}: {before}");
    }
    assert_eq!(server.browser().log_out().await.status, 204);
}

#[tokio::test]
async fn f28_among_duplicates_in_any_order_the_live_token_is_found_and_renewed() {
    let server = Server::start(BINARY);
    let real = treasure(&server).await;
    let time = server.time_travel();
    let mut dice = Dice::new(28);
    for (round, live) in server.issue("person", 60).into_iter().enumerate() {
        let (name, token) = live.jar.find("refreshtoken").expect("a token");
        let csrf = live.jar.csrf().expect("a token");
        time.pass(EXPIRY);
        let mut pairs = vec![format!("{name}={token}")];
        for _ in 0..dice.below(5) {
            let value = if dice.below(2) == 0 { dice.pick(&real).1.clone() } else { (*dice.pick(&GARBAGE)).to_owned() };
            pairs.push(format!("{name}={value}"));
        }
        dice.shuffle(&mut pairs);
        let raw = format!("{}; csrftoken={csrf}", pairs.join("; "));
        let browser = server.browser();
        let headers = [("cookie", raw.as_str()), ("origin", &browser.url), ("x-csrftoken", csrf)];
        let read = browser.send("GET", "/auth/session", &headers, None).await;
        assert_eq!(read.field("has_refresh_token"), true, "round {round}: {raw}\n{}", read.text);
        assert!(!read.clears(name), "round {round}: the live one may be the one that goes: {:?}", read.set_cookie);
        let answer = browser.send("POST", "/auth/token", &headers, None).await;
        assert_eq!(answer.status, 200, "round {round}: {raw}\n{}", answer.text);
        let set = answer.set_cookie.iter().find(|line| line.starts_with(name)).expect("the next one");
        let value = set[name.len() + 1..].split(';').next().expect("a value");
        assert_eq!(generation_of(value), Some(1), "round {round}");
    }
    assert_eq!(time.audited("reuse_detected"), 0);
}

#[tokio::test]
async fn f28_tokens_of_ended_and_older_sessions_are_cleared_and_the_live_one_is_not() {
    let server = Server::start(BINARY);
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.extend(server.issue("person", 1));
        // Sessions that begin in one moment have cookies of one name; no browser logs in so fast.
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(sessions[0].copy().log_out().await.status, 204);
    // A clock that is read in milliseconds may have given them one birthday.
    let time = server.time_travel();
    time.execute(
        "UPDATE session SET created_at = created_at + place.number FROM \
         (SELECT sid, row_number() OVER (ORDER BY created_at, sid) AS number FROM session) AS place \
         WHERE session.sid = place.sid",
    );
    let newest = time.text("SELECT session_key FROM session WHERE ended_at IS NULL ORDER BY created_at DESC LIMIT 1");
    let mut browser = server.browser();
    for session in &sessions {
        for name in session.jar.names() {
            browser.jar.set(name, session.jar.get(name).expect("a value"));
        }
    }
    let answer = browser.session_and_keep().await;
    assert_eq!(answer.field("session_key"), newest.as_str());
    let kept: Vec<&str> = browser.jar.names().into_iter().filter(|name| name.starts_with("refreshtoken")).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(kept[0], format!("refreshtoken-{}", &newest[..2]));
    assert_eq!(browser.session_and_keep().await.field("session_key"), newest.as_str());
}

#[tokio::test]
async fn f28_without_tags_a_dead_duplicate_never_takes_the_live_token_along() {
    let server = Server::start_with(BINARY, Setup::default().with("cookies.tags", "false"));
    let sessions = server.issue("person", 2);
    assert_eq!(sessions[0].copy().log_out().await.status, 204);
    let live = &sessions[1];
    let dead = sessions[0].jar.refresh().expect("a token");
    for raw in
        [format!("refreshtoken={dead}; {}", live.jar.header()), format!("{}; refreshtoken={dead}", live.jar.header())]
    {
        let mut browser = live.copy();
        browser.jar = Jar::default();
        let answer = browser.send("GET", "/auth/session", &[("cookie", &raw)], None).await;
        assert_eq!(answer.field("status"), "authenticated", "{}", answer.text);
        assert!(!answer.clears("refreshtoken") && !answer.clears("accesstoken"), "{:?}", answer.set_cookie);
    }
}

#[tokio::test]
async fn f31_five_tabs_keep_their_token_over_rotations_and_mend_it_after_a_new_login() {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    let time = server.time_travel();
    let old = browser.jar.csrf().expect("a token").to_owned();
    for _ in 0..3 {
        time.pass(EXPIRY);
        assert_eq!(browser.refresh_and_keep().await.status, 200);
        assert_eq!(browser.jar.csrf(), Some(old.as_str()));
        for _ in 0..5 {
            assert_eq!(unsafe_call(&browser, &old).await.status, 200);
        }
    }
    assert_eq!(browser.log_in(&server.demo().email, &server.demo().password).await.status, 200);
    let new = browser.jar.csrf().expect("a token").to_owned();
    assert_ne!(new, old);
    time.pass(EXPIRY);
    for _ in 0..5 {
        let before = rows(&server);
        let answer = unsafe_call(&browser, &old).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "identity_changed"), "{}", answer.text);
        assert_eq!(answer.field("csrf_token"), new.as_str());
        assert!(answer.sets("csrftoken") && answer.sets("auth_hint"), "{:?}", answer.set_cookie);
        assert_no_harm(&answer);
        assert_eq!(rows(&server), before);
        assert_eq!(unsafe_call(&browser, &new).await.status, 200);
    }
}

#[tokio::test]
async fn f31_a_plain_mismatch_gets_a_fresh_token_and_changes_nothing_else() {
    let server = Server::start(BINARY);
    let browser = server.logged_in().await;
    server.time_travel().pass(EXPIRY);
    let (right, before) = (browser.jar.csrf().expect("a token").to_owned(), rows(&server));
    let visitor = {
        let mut visitor = server.browser();
        visitor.session_and_keep().await.field("csrf_token").as_str().expect("a token").to_owned()
    };
    for wrong in ["", "garbage", &right[1..], &format!("{right}A"), &visitor, "anon.AAAA.BBBB"] {
        let answer = unsafe_call(&browser, wrong).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "csrf_failed"), "{wrong}: {}", answer.text);
        assert_eq!(answer.field("csrf_token"), right.as_str());
        assert!(answer.sets("csrftoken"), "{:?}", answer.set_cookie);
        assert_no_harm(&answer);
    }
    assert_eq!(rows(&server), before);
    assert_eq!(unsafe_call(&browser, &right).await.status, 200);
}

#[tokio::test]
async fn f31_leaving_on_every_device_needs_the_right_token_and_leaving_here_does_not() {
    let server = Server::start(BINARY);
    let browser = server.logged_in().await;
    let leave = async |call: &str, token: &str| {
        let headers = [("origin", browser.url.as_str()), ("x-csrftoken", token)];
        browser.send("POST", call, &headers, None).await
    };
    for wrong in ["garbage", "anon.AAAA.BBBB"] {
        let answer = leave("/auth/logout-all", wrong).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "csrf_failed"), "{wrong}: {}", answer.text);
    }
    assert_eq!(browser.refresh().await.status, 200);
    assert_eq!(leave("/auth/logout", "garbage").await.status, 204);
    assert_eq!(browser.refresh().await.status, 401);
}

#[tokio::test]
async fn f31_foreign_pages_are_refused_before_anything_and_leave_the_jar_alone() {
    let server = Server::start(BINARY);
    let browser = server.logged_in().await;
    server.time_travel().pass(EXPIRY);
    let before = rows(&server);
    let csrf = browser.jar.csrf().expect("a token").to_owned();
    let own = browser.url.clone();
    let foreign: [(&str, &str); 7] = [
        ("cross-site", "https://evil.example"),
        ("cross-site", &own),
        ("same-site", "https://evil.example"),
        ("same-site", ""),
        ("", "null"),
        ("same-origin", "https://evil.example"),
        ("", "http://localhost.evil.example"),
    ];
    // With the jar's cookies, and without them, as SameSite=Lax sends a foreign form.
    for visitor in [browser.copy(), server.browser()] {
        for (site, origin) in foreign {
            for call in ["/token", "/session", "/logout", "/logout-all", "/login", "/register"] {
                let mut headers = vec![("x-csrftoken", csrf.as_str())];
                headers.extend(
                    [("sec-fetch-site", site), ("origin", origin)].into_iter().filter(|(_, value)| !value.is_empty()),
                );
                let body = json!({ "email": server.demo().email, "password": server.demo().password, "name": "" });
                let body = ["/login", "/register"].contains(&call).then_some(&body);
                let answer = visitor.send("POST", &format!("/auth{call}"), &headers, body).await;
                let refused = answer.status == 403 || (call == "/token" && answer.code() == "not_authenticated");
                assert!(refused, "{call} {site} {origin}: {} {}", answer.status, answer.text);
                assert_eq!(answer.set_cookie, Vec::<String>::new(), "{call} {site} {origin}");
            }
        }
    }
    assert_eq!(rows(&server), before);
}

#[tokio::test]
async fn f31_calls_that_go_by_origin_refuse_a_request_that_names_none() {
    let server = Server::start(BINARY);
    let browser = server.logged_in().await;
    for call in ["/auth/logout", "/auth/logout-all", "/auth/session"] {
        for headers in [&[][..], &[("sec-fetch-site", "same-origin")], &[("sec-fetch-site", "none")]] {
            let answer = browser.send("POST", call, headers, None).await;
            assert_eq!((answer.status, answer.code().as_str()), (403, "csrf_failed"), "{call} {headers:?}");
            assert_no_harm(&answer);
        }
    }
    assert_eq!(browser.refresh().await.status, 200);
}

/// A call that needs the right anti-CSRF token, made by a tab that remembers this one.
async fn unsafe_call(browser: &Browser, csrf: &str) -> Answer {
    let headers = [("origin", browser.url.as_str()), ("sec-fetch-site", "same-origin"), ("x-csrftoken", csrf)];
    let headers = if csrf.is_empty() { &headers[..2] } else { &headers[..] };
    browser.send("POST", "/auth/token", headers, None).await
}

/// No cookie of the live session goes.
fn assert_no_harm(answer: &Answer) {
    for ours in ["refreshtoken", "accesstoken", "csrftoken", "auth_hint", "known"] {
        assert!(!answer.clears(ours), "{:?}", answer.set_cookie);
    }
    assert!(!answer.sets("refreshtoken") && !answer.sets("accesstoken"), "{:?}", answer.set_cookie);
}

/// Names and values of cookies that were good once: of a session that ended, of another person's, of a
/// visitor, of a login that waits for its second factor.
async fn treasure(server: &Server) -> Vec<(String, String)> {
    let mut ended = server.logged_in().await;
    let mut found = pairs(&ended);
    ended.log_out().await;
    let mut visitor = server.browser();
    visitor.session_and_keep().await;
    found.extend(pairs(&visitor));
    let mut waiting = server.browser();
    let account = server.with_second_factor();
    assert_eq!(waiting.log_in(&account.email, &account.password).await.status, 200);
    found.extend(pairs(&waiting));
    for foreign in server.issue("somebody", 3) {
        found.extend(pairs(&foreign));
    }
    found
}

fn pairs(browser: &Browser) -> Vec<(String, String)> {
    let value = |name: &str| browser.jar.get(name).unwrap_or_default().to_owned();
    browser.jar.names().into_iter().map(|name| (name.to_owned(), value(name))).collect()
}

/// Puts garbage, once good values, broken ones and values under wrong names into a jar.
fn fill(browser: &mut Browser, real: &[(String, String)], dice: &mut Dice) {
    const NAMES: [&str; 16] = [
        "refreshtoken",
        "refreshtoken-aa",
        "refreshtoken-Z_",
        "accesstoken",
        "accesstoken-aa",
        "accesstoken-Z_",
        "csrftoken",
        "auth_hint",
        "stale",
        "stale-aa",
        "mfa_setup",
        "mfa_verify",
        "verify_email",
        "known",
        "theme",
        "refreshtokens",
    ];
    for _ in 0..=dice.below(14) {
        let (name, value) = dice.pick(real).clone();
        let name = if dice.below(3) == 0 { (*dice.pick(&NAMES)).to_owned() } else { name };
        let value = match dice.below(4) {
            0 => value,
            1 => mutated(&value, dice),
            2 => value[..dice.below(value.len() + 1)].to_owned(),
            _ => (*dice.pick(&GARBAGE)).to_owned(),
        };
        browser.jar.set(&name, &value);
    }
}

/// The text with one character changed.
fn mutated(text: &str, dice: &mut Dice) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    let mut bytes = text.as_bytes().to_vec();
    let Some(at) = (!bytes.is_empty()).then(|| dice.below(bytes.len())) else { return "x".to_owned() };
    let former = bytes[at];
    while bytes[at] == former {
        bytes[at] = *dice.pick(LETTERS);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One token of each kind, all of one session, and nothing of ours besides.
fn assert_canonical(browser: &Browser, before: &str) {
    let ours: Vec<&str> =
        browser.jar.names().into_iter().filter(|name| !["theme", "refreshtokens"].contains(name)).collect();
    let tag = ours.last().and_then(|name| name.strip_prefix("refreshtoken-")).unwrap_or_default();
    let access = format!("accesstoken-{tag}");
    let refresh = format!("refreshtoken-{tag}");
    assert_eq!(ours, [access.as_str(), "auth_hint", "csrftoken", "known", &refresh], "{before}");
    let key = browser.jar.csrf().and_then(|csrf| csrf.split('.').next()).unwrap_or_default();
    assert!(key.starts_with(tag), "{before}");
    assert!(browser.jar.get("auth_hint").is_some_and(|hint| hint.starts_with(&format!("authenticated.{key}."))));
}

/// Everything the store knows of sessions.
fn rows(server: &Server) -> String {
    server.time_travel().text(
        "SELECT group_concat(hex(sid) || ',' || generation || ',' || coalesce(parent, '-') || ',' || delivered_at || ',' \
         || late || ',' || confirmed || ',' || active_at || ',' || coalesce(end_reason, '-'), ';') FROM session",
    )
}
