//! What is refused, and that the client hears it as it would from Perennial itself.

use std::time::Duration;

use perennial_testkit::{Brand, FaultProxy, Nodes, Setup, WebServer, WebSocket, decode_base64url, upstream::Upstream};
use serde_json::{Value, json};

use super::{EXPIRY, Site, assert_quiet, numbered_cookies, port_of, trusting, verify};
use crate::BINARY;

const SPA: &str = "http://localhost:5173";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f25_a_call_without_a_session_is_a_401_in_json_that_an_allowed_page_can_read() {
    let site = Site::start_with(Setup::default().with("csrf.allowed_origins", &format!("[\"{SPA}\"]")));
    for (brand, visitor) in site.visitors() {
        for (origin, readable) in [(SPA, true), ("http://evil.example.com", false)] {
            for method in ["GET", "POST", "DELETE"] {
                let lines = [("origin", origin), ("sec-fetch-mode", "cors"), ("sec-fetch-site", "same-site")];
                let answer = visitor.send(method, "/echo", &lines, None).await;
                let refused = if readable || method == "GET" { 401 } else { 403 };
                assert_eq!(answer.status, refused, "{brand:?} {method} {origin}: {}", answer.text);
                assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{brand:?}");
                let code = if refused == 401 { "not_authenticated" } else { "csrf_failed" };
                assert_eq!((answer.code().as_str(), answer.header("location")), (code, None), "{brand:?}");
                let challenges = answer.headers.iter().filter(|(name, _)| name == "www-authenticate").count();
                assert_eq!(challenges, usize::from(refused == 401), "{brand:?}");
                assert_eq!(answer.header("cache-control"), Some("no-store"), "{brand:?}");
                let told = ["allow-origin", "allow-credentials", "expose-headers"]
                    .map(|name| answer.header(&format!("access-control-{name}")));
                let all = [Some(SPA), Some("true"), Some("Retry-After, WWW-Authenticate")];
                assert_eq!(told, if readable { all } else { [None; 3] }, "{brand:?}");
                assert_eq!(answer.header("vary"), Some("Origin"), "{brand:?}");
                assert_quiet(brand, &answer);
            }
        }
    }
    assert!(site.app.seen().is_empty(), "a refused request went on to the app");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_without_a_session_logs_in_on_the_way_and_lands_where_the_link_led() {
    let site = Site::start();
    let made = site.nodes.printed(&["user", "add", "ada@example.com", "--name", "Ada Lövelace"]);
    let made: Value = serde_json::from_str(&made).expect("one JSON object");
    let password = made["password"].as_str().expect("it was made");
    for (brand, mut browser) in site.visitors() {
        let sent = browser.navigate("/reports?a=1&b=%2F").await;
        assert_eq!(sent.status, 303, "{brand:?}: {}", sent.text);
        assert_eq!(sent.location(), "/login?return_to=%2Freports%3Fa%3D1%26b%3D%252F", "{brand:?}");
        assert_eq!(sent.header("cache-control"), Some("no-store"), "{brand:?}");
        assert_quiet(brand, &sent);
        let page = browser.follow(sent).await;
        let form = page.form("/login").with("email", "ada@example.com").with("password", password);
        let landed = browser.submit_and_follow(&form).await;
        assert_eq!((landed.status, landed.field("target")), (200, json!("/reports?a=1&b=%2F")), "{brand:?}");
        let seen = site.app.last();
        assert_eq!((seen.header("remote-email"), seen.header("cookie")), (Some("ada@example.com"), None), "{brand:?}");
        assert_eq!(seen.header("remote-name"), Some("Ada Lövelace"), "{brand:?}");
        let claims = claims_of(seen.bearer().expect("a token"));
        assert_eq!((&claims["sub"], &claims["aud"]), (&json!(seen.header("remote-user")), &json!("api")), "{brand:?}");
        let number = |name: &str| claims[name].as_i64().expect("a time");
        let lives = number("exp") - number("iat");
        assert!((120..=121).contains(&lives), "{brand:?}: two minutes, also where no gateway is configured: {lives}");
        assert_eq!(claims["sid"], json!(seen.header("remote-session")), "{brand:?}");

        assert_eq!(browser.log_out().await.status, 204, "{brand:?}");
        assert_eq!(browser.get("/echo").await.status, 401, "{brand:?}");
    }
}

/// What a token says.
fn claims_of(token: &str) -> Value {
    let payload = token.split('.').nth(1).and_then(decode_base64url).expect("a JWT");
    serde_json::from_slice(&payload).expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f57_no_path_leads_a_navigation_to_another_site() {
    let site = Site::start();
    for (brand, mut browser) in site.visitors() {
        for path in ["//evil.example.com/", "///evil.example.com", "/%2F/evil.example.com", "/..//evil.example.com"] {
            let answer = browser.navigate(path).await;
            assert_eq!(answer.status, 303, "{brand:?} {path}");
            let target = answer.location().split_once("return_to=").map_or("", |(_, target)| target);
            assert!(answer.location().starts_with("/login") && !target.starts_with("%2F%2F"), "{}", answer.location());
        }
    }
    // A token that is told to come again comes again here.
    let mut stale = site.nodes.issue("usr_eve", 1).remove(0);
    stale.lose_access_token();
    let mut newest = stale.copy();
    for _ in 0..2 {
        site.nodes.pass(EXPIRY);
        assert_eq!(newest.refresh_and_keep().await.status, 200);
    }
    for (uri, location) in [("/x?a=1", Some("/x?a=1")), ("//evil.example.com/", None), ("/\\evil.example.com/", None)] {
        let lines = [("x-forwarded-method", "GET"), ("x-forwarded-uri", uri), ("sec-fetch-mode", "navigate")];
        let answer = verify(&stale, "", &lines).await;
        assert!(answer.sets("stale"), "{uri}: {} {}", answer.status, answer.text);
        assert_eq!(answer.header("location"), location, "{uri}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_acts_needs_the_token_of_its_session_and_hears_it_when_it_is_missing() {
    let site = Site::start();
    for (brand, browser) in site.people() {
        let body = json!({ "amount": 1 });
        let refused = browser.send("POST", "/echo", &[("sec-fetch-site", "same-origin")], Some(&body)).await;
        assert_eq!((refused.status, refused.code().as_str()), (403, "csrf_failed"), "{brand:?}: {}", refused.text);
        let token = refused.field("csrf_token").as_str().expect("what mends it").to_owned();
        assert_eq!(Some(token.as_str()), browser.jar.csrf(), "{brand:?}");
        let foreign = [("x-csrftoken", token.as_str()), ("origin", "https://evil.example.com")];
        assert_eq!(browser.send("POST", "/echo", &foreign, Some(&body)).await.status, 403, "{brand:?}");
        let before = site.app.seen().len();
        let passed = browser.send("POST", "/echo", &[("x-csrftoken", &token)], Some(&body)).await;
        assert_eq!(passed.status, 200, "{brand:?}: {}", passed.text);
        let seen = site.app.last();
        assert_eq!((seen.method.as_str(), seen.json(), site.app.seen().len()), ("POST", body, before + 1), "{brand:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f17_a_page_of_a_former_login_acts_as_nobody_behind_a_web_server() {
    let site = Site::start();
    let [grace] = site.nodes.issue("usr_grace", 1).try_into().expect("one");
    for (brand, browser) in site.people() {
        let former = grace.jar.csrf().expect("a token");
        for method in ["POST", "GET"] {
            let refused = browser.send(method, "/echo", &[("x-csrftoken", former)], None).await;
            assert_eq!((refused.status, refused.code().as_str()), (409, "identity_changed"), "{brand:?}");
            assert_eq!(refused.field("csrf_token"), json!(browser.jar.csrf()), "{brand:?}");
            assert_quiet(brand, &refused);
        }
    }
    assert!(site.app.seen().is_empty(), "nothing went on to the app");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_socket_opens_for_a_page_of_this_site_with_a_session_and_for_nobody_else() {
    let site = Site::start();
    for (brand, browser) in site.people() {
        let mut socket = WebSocket::of(&browser, "/socket").await.expect("it opens");
        assert!(socket.echoes(Duration::from_secs(10)).await, "{brand:?}");
        assert_eq!(site.app.last().every("remote-user"), ["usr_ada"], "{brand:?}");
        let (cookies, url) = (browser.jar.header(), format!("{}/socket", browser.url));
        let own = browser.origin.as_str();
        let refused: [(&[(&str, &str)], u16); 3] = [
            (&[("origin", own)], 401),
            (&[("origin", "https://evil.example.com"), ("cookie", &cookies)], 403),
            (&[("cookie", &cookies)], 403),
        ];
        let before = site.app.seen().len();
        for (lines, status) in refused {
            let refused = WebSocket::connect(&url, lines).await.expect_err("it is refused");
            assert_eq!(refused.status, status, "{brand:?} {lines:?}");
        }
        assert_eq!(site.app.seen().len(), before, "{brand:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bearer_opens_the_app_where_that_is_how_access_tokens_travel() {
    let site = Site::start_with(Setup::default().with("tokens.transport", "bearer"));
    let account = site.nodes.add_account("ada@example.com");
    for (brand, mut browser) in site.visitors() {
        assert_eq!(browser.log_in(&account.email, &account.password).await.status, 200, "{brand:?}");
        let own = browser.access.clone().expect("it is in the answer");
        assert_eq!(browser.send("POST", "/echo", &[], None).await.status, 200, "{brand:?}");
        let seen = site.app.last();
        assert_eq!((seen.header("remote-email"), seen.header("cookie")), (Some("ada@example.com"), None), "{brand:?}");
        assert!(seen.bearer().is_some_and(|token| token != own), "{brand:?}: the app has a token of its own");
        // The cookies alone open nothing, and nothing is renewed by them.
        for (access, code) in [(None, "not_authenticated"), (Some("x.y.z".to_owned()), "invalid_token")] {
            browser.access = access;
            let answer = browser.get("/echo").await;
            assert_eq!((answer.status, answer.code().as_str()), (401, code), "{brand:?}: {}", answer.text);
            let challenge = answer.header("www-authenticate").expect("a challenge");
            assert_eq!(challenge.contains("invalid_token"), code == "invalid_token", "{brand:?}");
            assert!(!answer.hands_out_refresh(), "{brand:?}: {:?}", answer.set_cookie);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_known_about_a_question_counts_against_it() {
    let nodes = Nodes::start(BINARY, 1, trusting(Setup::default()));
    let browser = nodes.issue("usr_ada", 1).remove(0);
    let path = ("x-forwarded-uri", "/echo");
    let get = ("x-forwarded-method", "GET");
    let table: [(&[(&str, &str)], u16); 9] = [
        (&[path, get], 200),
        (&[path, ("x-forwarded-method", "HEAD")], 200),
        (&[path], 403),
        (&[path, ("x-forwarded-method", "")], 403),
        (&[path, ("x-forwarded-method", "get")], 403),
        (&[path, get, get], 403),
        (&[get], 404),
        (&[get, ("x-forwarded-uri", "echo")], 404),
        (&[get, path, path], 404),
    ];
    for (lines, status) in table {
        let answer = verify(&browser, "", lines).await;
        assert_eq!(answer.status, status, "{lines:?}: {}", answer.text);
        assert_eq!(answer.header("remote-user"), (status == 200).then_some("usr_ada"), "{lines:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_may_let_visitors_pass_and_name_the_audience_of_its_token() {
    let nodes = Nodes::start(BINARY, 1, trusting(Setup::default()));
    let cookies = [("cookie", "theme=dark; refreshtoken=x"), ("cookie", "accesstoken-ab=y;size=2")];
    let lines = [("x-forwarded-method", "GET"), ("x-forwarded-uri", "/echo"), cookies[0], cookies[1]];
    let visitor = nodes.browser(0);
    assert_eq!(verify(&visitor, "", &lines).await.status, 401);
    let answer = verify(&visitor, "?optional=true", &lines).await;
    assert_eq!(
        (answer.status, answer.header("x-perennial-cookie")),
        (200, Some("theme=dark; size=2")),
        "{}",
        answer.text
    );
    assert_eq!((answer.header("remote-user"), answer.header("authorization")), (None, None));

    let person = nodes.issue("usr_ada", 1).remove(0);
    for (query, audience) in [("", "api"), ("?audience=", "api"), ("?optional=true&audience=re%20ports", "re ports")] {
        let answer = verify(&person, query, &lines[..2]).await;
        let token = answer.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).expect("a token");
        assert_eq!(claims_of(token)["aud"], json!(audience), "{query}");
        assert_eq!(answer.header("x-perennial-cookie"), None, "{query}: all of them were ours");
    }
}

/// Both forms of a refusal say the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_in_headers_says_what_the_refusal_itself_says() {
    let nodes = Nodes::start(BINARY, 1, trusting(Setup::default()));
    let (visitor, person) = (nodes.browser(0), nodes.issue("usr_ada", 1).remove(0));
    let path = ("x-forwarded-uri", "/echo");
    let navigation = [path, ("x-forwarded-method", "GET"), ("sec-fetch-mode", "navigate")];
    for (browser, lines) in [(&visitor, [path].as_slice()), (&person, &[path]), (&visitor, &navigation)] {
        let plain = verify(browser, "", lines).await;
        let told = verify(browser, "?refusals=headers", lines).await;
        assert_eq!((told.status, told.text.as_str()), (401, ""), "{lines:?}");
        assert_eq!(told.header("x-perennial-status"), Some(plain.status.to_string().as_str()), "{lines:?}");
        assert_eq!(told.header("x-perennial-location"), plain.header("location"), "{lines:?}");
        assert_eq!(told.header("x-perennial-problem").unwrap_or_default(), plain.text, "{lines:?}");
        assert_eq!(told.header("cache-control"), Some("no-store"), "{lines:?}");
        assert_eq!(numbered_cookies(&told), plain.set_cookie, "{lines:?}");
        assert_eq!(told.header("www-authenticate"), plain.header("www-authenticate"), "{lines:?}");
        assert!(!plain.headers.iter().any(|(name, _)| name.starts_with("x-perennial")), "{:?}", plain.headers);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cookie_of_a_refusal_reaches_the_jar() {
    let site = Site::start();
    // One after the other, so that their cookies have names of their own.
    let over: Vec<_> = (0..9).flat_map(|_| site.nodes.issue("usr_ada", 1)).collect();
    site.nodes.pass(31 * 24 * 3600);
    for (brand, mut visitor) in site.visitors() {
        for (name, value) in over.iter().filter_map(|browser| browser.jar.find("refreshtoken")) {
            visitor.jar.set(name, value);
        }
        for lines in [[].as_slice(), &[("sec-fetch-mode", "navigate")]] {
            let answer = visitor.send("GET", "/echo", lines, None).await;
            assert_eq!(answer.status, if lines.is_empty() { 401 } else { 303 }, "{brand:?}: {}", answer.text);
            // nginx has room for eight.
            let all = if brand == Brand::Nginx { 8 } else { 10 };
            assert_eq!(answer.set_cookie.len(), all, "{brand:?}: {:?}", answer.set_cookie);
            assert!(answer.sets("auth_hint") && answer.clears("refreshtoken"), "{brand:?}: {:?}", answer.set_cookie);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_app_says_is_its_own() {
    let site = Site::start();
    for (brand, browser) in site.people() {
        for status in [401_u16, 403, 404, 500, 503] {
            let answer = browser.get(&format!("/status-{status}")).await;
            assert_eq!((answer.status, answer.field("status")), (status, json!(status)), "{brand:?}: {}", answer.text);
            assert_eq!((answer.set_cookie.len(), answer.header("cache-control")), (0, None), "{brand:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_hangs_is_no_verdict_behind_a_web_server() {
    let nodes = Nodes::start(BINARY, 1, trusting(Setup::default()));
    let (app, proxy) = (Upstream::standard(), FaultProxy::start(port_of(&nodes)));
    let servers = [Brand::Nginx, Brand::Caddy].map(|brand| WebServer::start(brand, proxy.port(), app.port()));
    let browser = nodes.issue("usr_ada", 1).remove(0);
    let [nginx, caddy] = servers.each_ref().map(|server| browser.at(&server.url()));
    assert_eq!([nginx.get("/echo").await.status, caddy.get("/echo").await.status], [200, 200]);
    proxy.freeze();
    let (nginx, caddy) = tokio::join!(nginx.get("/echo"), caddy.get("/echo"));
    assert_eq!((nginx.status, caddy.status), (503, 504), "{} {}", nginx.text, caddy.text);
    assert_eq!((nginx.set_cookie.len(), caddy.set_cookie.len(), app.seen().len()), (0, 0, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_gone_is_no_verdict_behind_a_web_server() {
    let mut site = Site::start();
    let people = site.people();
    site.nodes.node_mut(0).kill();
    for (brand, browser) in people {
        let answer = browser.get("/echo").await;
        assert_eq!((answer.status, answer.set_cookie.len()), (if brand == Brand::Nginx { 503 } else { 502 }, 0));
    }
    assert!(site.app.seen().is_empty());
}
