//! What passes in either direction, and what does not.

use std::{net::TcpListener, time::Duration};

use perennial_testkit::{
    Browser, Fault, FaultProxy, Server, Setup,
    raw::Raw,
    upstream::{Reply, Seen, Upstream},
};
use serde_json::{Value, json};

use super::{SOON, act, before, routes};
use crate::BINARY;

/// A request in these very bytes with the jar of somebody.
fn raw(server: &Server, browser: &Browser, line: &str, headers: &str) -> Raw {
    let mut raw = Raw::connect(&server.url);
    let (port, cookies) = (server.port(), browser.jar.header());
    raw.send(format!("{line} HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: {cookies}\r\n{headers}\r\n"));
    raw
}

const FORGED: &str = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil.test\r\nX-Forwarded-Proto: gopher\r\n\
    X-Forwarded-Prefix: /evil\r\nX_Forwarded_For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n\
    Remote-User: root\r\nRemote_User: root\r\nREMOTE-EMAIL: root@evil.test\r\nRemote-Session: x\r\nRemote-Groups: all\r\n\
    Authorization: Bearer forged\r\nProxy-Authorization: Basic eDp5\r\n\
    Connection: close, x-private, x-csrftoken, cookie, authorization, remote-user, x-forwarded-for\r\nX-Private: for this hop\r\n\
    Keep-Alive: timeout=5\r\nTE: trailers, gzip\r\nX-Stays: yes\r\n";

#[tokio::test]
async fn what_a_client_says_of_itself_is_replaced_and_never_added_to() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let browser = server.logged_in().await;
    for path in ["/api/x", "/told/x", "/maybe/x", "/open/x"] {
        let answer = raw(&server, &browser, &format!("GET {path}"), FORGED).answer(SOON).expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let seen = upstream.last();
        let said: Vec<&(String, String)> = seen
            .headers
            .iter()
            .filter(|(_, value)| {
                ["6.6.6.6", "evil", "gopher", "root", "forged", "eDp5", "this hop"]
                    .iter()
                    .any(|bad| value.contains(bad))
            })
            .collect();
        // Over a route that asks for nobody, a credential is the upstream's own affair.
        let own: &[&str] = if path == "/open/x" { &["authorization"] } else { &[] };
        assert!(said.iter().all(|(name, _)| own.contains(&name.as_str())), "{path}: {said:?}");
        assert_eq!(seen.every("x-forwarded-for"), ["127.0.0.1"], "{path}");
        assert_eq!(seen.every("x-forwarded-proto"), ["http"]);
        assert_eq!(seen.every("x-forwarded-host"), [format!("localhost:{}", server.port())]);
        assert_eq!(seen.every("te"), ["trailers"]);
        assert_eq!(seen.header("x-stays"), Some("yes"));
        for gone in ["forwarded", "x-real-ip", "keep-alive", "x-private", "x-csrftoken", "x-forwarded-prefix"] {
            assert_eq!(seen.every(gone), Vec::<&str>::new(), "{path} {gone}");
        }
        assert_eq!(
            seen.bearer().is_some_and(|token| token != "forged"),
            path == "/api/x" || path == "/maybe/x",
            "{path}"
        );
        assert_eq!(seen.every("remote-user").len(), usize::from(path == "/told/x"), "{path}");
    }
}

#[tokio::test]
async fn f29_no_upstream_sees_a_cookie_of_ours_and_all_others_pass() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let mut browser = server.logged_in().await;
    let ours = browser.jar.names().len();
    assert!(ours >= 4, "{:?}", browser.jar.names());
    let size: usize = browser.jar.header().len();
    assert!(size < 1536, "{size}");
    for planted in
        ["__Host-refreshtoken-zz", "__Secure-accesstoken", "__Host-csrftoken", "stale-zz", "known", "mfa_verify"]
    {
        browser.jar.set(planted, "planted");
    }
    for app in ["theme", "sessionid", "refreshtokens", "my-csrftoken", "__Host-app"] {
        browser.jar.set(app, "app's own");
    }
    for path in ["/api/x", "/told/x", "/maybe/x", "/open/x"] {
        assert_eq!(browser.get(path).await.status, 200);
        let seen = upstream.last();
        let mut names: Vec<String> = seen
            .every("cookie")
            .iter()
            .flat_map(|line| line.split("; "))
            .filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()))
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["__Host-app", "my-csrftoken", "refreshtokens", "sessionid", "theme"], "{path}");
    }
}

#[tokio::test]
async fn an_upstream_sets_no_cookie_of_ours_and_says_nothing_for_the_whole_origin() {
    let upstream = Upstream::answering(|seen| {
        let lines = [
            ("set-cookie", "refreshtoken=planted; Path=/"),
            ("set-cookie", "refreshtoken-ab=planted; Path=/"),
            ("set-cookie", "__Host-refreshtoken-ab=planted; Path=/; Secure"),
            ("set-cookie", "__Secure-csrftoken=planted; Secure"),
            ("set-cookie", " accesstoken-ab =planted; Path=/"),
            ("set-cookie", "known=planted"),
            ("set-cookie", "=refreshtoken-ab=planted"),
            ("set-cookie", "refreshtoken-ab"),
            ("set-cookie", "theme=dark; Path=/"),
            ("set-cookie", "refreshtokens=app; Path=/"),
            ("clear-site-data", "\"*\""),
            ("strict-transport-security", "max-age=0"),
            ("secure-session-registration", "(ES256);path=\"/evil\""),
            ("alt-svc", "h3=\":443\""),
            ("connection", "x-private, keep-alive"),
            ("x-private", "between neighbours"),
            ("keep-alive", "timeout=1"),
            ("access-control-allow-origin", "https://evil.test"),
            ("x-stays", "yes"),
        ];
        lines
            .iter()
            .fold(Reply::status(200), |reply, (name, value)| reply.header(name, value))
            .body(seen.target.clone())
    });
    let server = before(&upstream, Setup::default());
    let browser = server.logged_in().await;
    for path in ["/api/x", "/told/x", "/maybe/x", "/open/x"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.set_cookie, ["theme=dark; Path=/", "refreshtokens=app; Path=/"], "{path}");
        let gone = [
            "clear-site-data",
            "strict-transport-security",
            "secure-session-registration",
            "alt-svc",
            "x-private",
            "keep-alive",
        ];
        for name in gone {
            assert_eq!(answer.header(name), None, "{path} {name}");
        }
        assert_eq!(answer.header("x-stays"), Some("yes"));
        assert_eq!(answer.header("access-control-allow-origin").is_some(), path == "/open/x", "{path}");
    }
}

/// What the upstream says of caching, by the last part of the path.
fn caching(seen: &Seen) -> Reply {
    let said = match seen.path().rsplit('/').next() {
        Some("public") => "public, max-age=600",
        Some("shared") => "max-age=60, s-maxage=600, proxy-revalidate",
        Some("private") => "private, max-age=60",
        Some("immutable") => "Public , MAX-AGE=31536000, immutable",
        Some("never") => "no-store",
        _ => "",
    };
    let reply = Reply::status(200).header("x-accel-expires", "600").header("surrogate-control", "max-age=600");
    if said.is_empty() { reply } else { reply.header("cache-control", said) }
}

#[tokio::test]
async fn f19_no_cache_keeps_what_was_made_for_somebody() {
    let upstream = Upstream::answering(caching);
    let server = before(&upstream, Setup::default());
    let mut browser = server.logged_in().await;
    let expected = [
        ("public", "private, max-age=600"),
        ("shared", "private, max-age=60"),
        ("private", "private, max-age=60"),
        ("immutable", "private, MAX-AGE=31536000, immutable"),
        ("never", "no-store"),
        ("silent", "private"),
    ];
    for route in ["/api", "/told", "/maybe"] {
        for (name, control) in expected {
            let answer = browser.get(&format!("{route}/{name}")).await;
            assert_eq!(answer.header("cache-control"), Some(control), "{route} {name}");
            let varies = answer.headers.iter().any(|(name, value)| name == "vary" && value == "Cookie");
            assert!(varies || control == "no-store", "{route} {name}: {:?}", answer.headers);
            assert!(
                control == "no-store"
                    || answer.header("x-accel-expires").or(answer.header("surrogate-control")).is_none()
            );
        }
    }
    for (name, said) in [("public", Some("public, max-age=600")), ("silent", None)] {
        assert_eq!(browser.get(&format!("/open/{name}")).await.header("cache-control"), said);
        let anonymous = server.browser().get(&format!("/maybe/{name}")).await;
        assert_eq!(anonymous.header("cache-control"), said);
        let varies = anonymous.headers.iter().any(|(name, value)| name == "vary" && value == "Cookie");
        assert!(varies, "a visitor's page is no page for somebody: {:?}", anonymous.headers);
    }
    // With cookies of ours, nobody keeps anything.
    server.time_travel().pass(super::EXPIRY);
    browser.lose_access_token();
    for (name, _) in expected {
        let answer = browser.get(&format!("/api/{name}")).await;
        assert!(answer.hands_out_refresh(), "{name}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}");
    }
    // A refusal is nobody's either.
    assert_eq!(server.browser().get("/api/public").await.header("cache-control"), Some("no-store"));
    assert!(upstream.seen().iter().all(|seen| seen.target != "/api/refused"));
}

#[tokio::test]
async fn trailers_pass_and_upstreams_speak_http_2_in_clear() {
    let upstream = Upstream::standard();
    let h2c = upstream.url().replace("http://", "h2c://");
    let further = format!("[[gateway.routes]]\npath = \"/two\"\nupstream = \"{h2c}\"\n");
    let server = before(&upstream, Setup::default().with_config(&further));
    let browser = server.logged_in().await;
    for route in ["/api", "/two"] {
        let answer = raw(&server, &browser, &format!("GET {route}/trailers"), "TE: trailers\r\n")
            .answer(SOON)
            .expect("an answer");
        assert_eq!((answer.status, answer.text().as_str()), (200, "one two"), "{route}");
        assert_eq!(answer.trailers, [("x-checksum".to_owned(), "abc".to_owned())], "{route}");
        let answer = act(&browser, &format!("{route}/x")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    assert_eq!(upstream.seen_at("/two").last().map(|seen| seen.version.clone()), Some("HTTP/2.0".into()));
    assert_eq!(upstream.seen_at("/api").last().map(|seen| seen.version.clone()), Some("HTTP/1.1".into()));
}

#[tokio::test]
async fn what_a_client_may_not_say_before_its_body_it_does_not_say_behind_it() {
    let upstream = Upstream::standard();
    let h2c = upstream.url().replace("http://", "h2c://");
    let further = format!("[[gateway.routes]]\npath = \"/two\"\nupstream = \"{h2c}\"\nauth = \"none\"\n");
    let server = before(&upstream, Setup::default().with_config(&further));
    for path in ["/open/x", "/two/x"] {
        let names = "x-sum, remote-user, x-forwarded-for, authorization, cookie";
        let mut asked = raw(
            &server,
            &server.browser(),
            &format!("POST {path}"),
            &format!("Transfer-Encoding: chunked\r\nTE: trailers\r\nTrailer: {names}\r\n"),
        );
        asked.send("2\r\nok\r\n0\r\nX-Sum: 1\r\nRemote-User: root\r\nX_Forwarded_For: 6.6.6.6\r\nX-Forwarded-For: 6.6.6.6\r\nAuthorization: Bearer x\r\nCookie: a=b\r\n\r\n");
        assert_eq!(asked.answer(SOON).map(|answer| answer.status), Some(200), "{path}");
        let trailers = upstream.last().body.expect("it was read").trailers;
        assert_eq!(trailers, [("x-sum".to_owned(), "1".to_owned())], "{path}");
    }
}

#[tokio::test]
async fn browsers_speak_http_2_to_the_gateway() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let browser = server.logged_in().await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build().expect("a client");
    let csrf = browser.jar.csrf().expect("a token");
    let request = client.post(format!("{}/api/sink", server.url)).header("cookie", browser.jar.header());
    let answer = request
        .header("x-csrftoken", csrf)
        .header("origin", &browser.origin)
        .body("hello")
        .send()
        .await
        .expect("an answer");
    assert_eq!((answer.version(), answer.status().as_u16()), (reqwest::Version::HTTP_2, 200));
    let body: Value = serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON");
    assert_eq!(body["bytes"], 5);
}

#[tokio::test]
async fn f16_a_request_is_judged_before_its_body_is_read() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let mut browser = server.logged_in().await;
    let expects = |browser: &Browser| {
        let csrf = browser.jar.csrf().unwrap_or_default();
        format!("Origin: {}\r\nX-CSRFToken: {csrf}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n", browser.origin)
    };
    // Refused, it is never asked for.
    let answer = raw(&server, &server.browser(), "POST /api/sink", &expects(&browser)).answer(SOON).expect("an answer");
    assert!((401..=409).contains(&answer.status), "{}", answer.text());
    assert!(upstream.seen().is_empty());
    // Renewed first, then asked for.
    server.time_travel().pass(super::EXPIRY);
    browser.lose_access_token();
    let mut asked = raw(&server, &browser, "POST /api/sink", &expects(&browser));
    assert_eq!(asked.answer(SOON).map(|answer| answer.status), Some(100));
    asked.send("hello");
    let answer = asked.answer(SOON).expect("an answer");
    assert_eq!((answer.status, &answer.json()["bytes"]), (200, &json!(5)));
    assert!(answer.every("set-cookie").iter().any(|line| line.starts_with("refreshtoken")));
    assert_eq!(upstream.last().header("expect"), None);
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_body_beyond_the_routes_limit_is_refused_whether_it_says_so_or_not() {
    let upstream = Upstream::standard();
    let further = format!(
        "[[gateway.routes]]\npath = \"/small\"\nupstream = \"{}\"\nauth = \"none\"\nbody_limit = 1000\n",
        upstream.url()
    );
    let server = before(&upstream, Setup::default().with_config(&further));
    let post = |bytes: usize| async move {
        (bytes, Browser::new(&server.url).send_bytes("POST", "/small/sink", &[], vec![b'x'; bytes]).await)
    };
    let (_, whole) = post(1000).await;
    assert_eq!((whole.status, whole.field("bytes")), (200, json!(1000)));
    let server = before(&upstream, Setup::default().with_config(&further));
    let mut told = raw(&server, &server.browser(), "POST /small/sink", "Content-Length: 1001\r\n");
    let answer = told.answer(SOON).expect("an answer before any body");
    assert_eq!((answer.status, answer.json()["code"].as_str()), (413, Some("body_too_large")), "{}", answer.text());
    let mut streamed = raw(&server, &server.browser(), "POST /small/sink", "Transfer-Encoding: chunked\r\n");
    for _ in 0..3 {
        streamed.send(format!("190\r\n{}\r\n", "x".repeat(400)));
    }
    let answer = streamed.answer(SOON).expect("an answer before its end");
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert!(upstream.seen().iter().all(|seen| seen.body.as_ref().is_none_or(|body| body.bytes <= 1000)));
}

#[tokio::test]
async fn what_an_upstream_fails_to_do_is_told_apart() {
    let upstream = Upstream::standard();
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let faulty = FaultProxy::start(upstream.port());
    let further = format!(
        "[[gateway.routes]]\npath = \"/two\"\nupstream = [\"http://127.0.0.1:{nobody}\", \"{0}\"]\nauth = \"none\"\n\
         [[gateway.routes]]\npath = \"/gone\"\nupstream = \"http://127.0.0.1:{nobody}\"\nauth = \"none\"\n\
         [[gateway.routes]]\npath = \"/short\"\nupstream = \"{0}\"\nauth = \"none\"\ntimeout = \"300ms\"\n\
         [[gateway.routes]]\npath = \"/faulty\"\nupstream = \"{1}\"\nauth = \"none\"\n",
        upstream.url(),
        faulty.url(),
    );
    let server = before(&upstream, Setup::default().with_config(&further));
    let browser = server.browser();
    for _ in 0..10 {
        assert_eq!(browser.send_bytes("POST", "/two/sink", &[], b"hello".to_vec()).await.field("bytes"), json!(5));
    }
    assert_eq!(upstream.seen_at("/two").len(), 10);
    let check = |answer: perennial_testkit::Answer, status: u16, code: &str| {
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text);
    };
    check(browser.get("/gone/x").await, 502, "upstream_unavailable");
    check(browser.get("/short/slow-head?ms=2000").await, 504, "upstream_timeout");
    assert_eq!(browser.get("/short/slow-body?ms=200").await.text, "1234");
    check(browser.get("/open/close").await, 502, "upstream_unavailable");
    faulty.next_exchange(Fault::DropAnswer);
    check(browser.get("/faulty/x").await, 502, "upstream_unavailable");
    faulty.next_exchange(Fault::CutAnswer(10));
    check(browser.get("/faulty/x").await, 502, "upstream_unavailable");
    // What broke off in the middle does not look whole.
    assert!(browser.try_send("GET", "/open/cut", &[], None).await.is_err());
    assert_eq!(browser.get("/open/x").await.status, 200);
}

#[tokio::test]
async fn a_body_that_a_client_breaks_is_not_the_upstreams_fault() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let mut broken = raw(&server, &server.browser(), "POST /open/sink", "Transfer-Encoding: chunked\r\n");
    broken.send("2\r\nok\r\n");
    while upstream.seen().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    broken.send("zz\r\n");
    let answer = broken.answer(SOON).expect("an answer");
    assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("invalid_request")), "{}", answer.text());
    while upstream.last().body.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(upstream.last().body.map(|body| body.whole), Some(false));
}

#[tokio::test]
async fn a_forwarded_token_opens_nothing_here() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let browser = server.logged_in().await;
    assert_eq!(browser.get("/api/x").await.status, 200);
    let token = upstream.last().bearer().expect("a token").to_owned();
    let mut thief = server.browser();
    let (name, _) = browser.jar.find("accesstoken").expect("an access token");
    for name in [name, "accesstoken"] {
        thief.jar.set(name, &token);
        assert_eq!(thief.get("/api/x").await.status, 401, "{name}");
        assert_eq!(thief.get("/auth/session").await.field("status"), "unauthenticated");
    }
    let bearers = Server::start_with(
        BINARY,
        Setup::default().with("tokens.transport", "bearer").with_config(&routes(&upstream.url())),
    );
    let page = bearers.logged_in().await;
    assert_eq!(page.get("/api/x").await.status, 200);
    let mut thief = bearers.browser();
    thief.access = upstream.last().bearer().map(str::to_owned);
    let answer = thief.get("/api/x").await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_token"), "{}", answer.text);
}
