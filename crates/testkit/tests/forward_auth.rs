//! The sample configurations of the guide to forward-auth, run by the real nginx and Caddy in front of a stand-in
//! for the endpoint that answers as the guide's contract says.

#[path = "forward_auth/endpoint.rs"]
mod endpoint;

use std::time::Duration;

use perennial_testkit::{
    Brand, FaultProxy, WebServer, WebSocket,
    raw::{Raw, RawAnswer},
    upstream::{Seen, Upstream},
};

use endpoint::{COOKIES, LOGIN, TOKEN};

const SOON: Duration = Duration::from_secs(10);

/// A web server between a client, the endpoint and an app.
struct Site {
    brand: Brand,
    server: WebServer,
    perennial: Upstream,
    app: Upstream,
}

impl Site {
    fn both() -> [Self; 2] {
        [Brand::Nginx, Brand::Caddy].map(|brand| {
            let (perennial, app) = (endpoint::start(), Upstream::standard());
            let server = WebServer::start(brand, perennial.port(), app.port());
            Self { brand, server, perennial, app }
        })
    }

    /// Sends a request whose cookie `case` tells the endpoint what to answer.
    fn ask(&self, method: &str, target: &str, case: &str, lines: &[&str]) -> RawAnswer {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let cookies = format!("cookie: case={case}; refreshtoken=secret; theme=dark");
        let mut raw = Raw::connect(&self.server.url());
        raw.send(format!("{method} {target} HTTP/1.1\r\nhost: app.example.com:99\r\n{cookies}\r\n{lines}\r\n"));
        raw.answer(SOON).unwrap_or_else(|| panic!("{:?} does not answer {case}: {}", self.brand, self.server.log()))
    }

    fn verified(&self) -> Seen {
        self.perennial.seen_at("/auth/verify").pop().expect("the endpoint was asked")
    }
}

#[test]
fn an_app_learns_who_it_is_from_the_endpoint_alone() {
    for site in Site::both() {
        let forged = [
            "remote-user: mallory",
            "Remote-Groups: admins",
            "authorization: Bearer forged",
            "x-forwarded-for: 6.6.6.6",
            "x-forwarded-host: evil.example",
            "x-forwarded-proto: gopher",
            "x-forwarded-method: OPTIONS",
            "x-forwarded-uri: /public",
            "x-forwarded-user: mallory",
            "x-forwarded-email: mallory",
            "x-forwarded-groups: mallory",
            "x-forwarded-port: 6666",
            "x-forwarded-prefix: /evil",
            "x-forwarded-server: evil",
            "forwarded: for=6.6.6.6",
            "x-real-ip: 6.6.6.6",
            "Remote_User: mallory",
            "X_Forwarded_For: 6.6.6.6",
        ];
        for case in ["granted", "anonymous"] {
            assert_eq!(site.ask("GET", "/deep/echo?a=1", case, &forged).status, 200, "{:?}", site.brand);
            let seen = site.app.last();
            let is_known = case == "granted";
            let expected = |value: &'static str| if is_known { vec![value] } else { vec![] };
            assert_eq!(seen.every("remote-user"), expected("ada"), "{:?}", site.brand);
            assert_eq!(seen.every("remote-email"), expected("ada@example.com"));
            assert_eq!(seen.every("remote-name"), expected("Ada Lovelace"));
            assert_eq!(seen.every("remote-session"), expected("kq3"));
            assert_eq!(seen.every("authorization"), expected(TOKEN));
            for line in &seen.headers {
                let text = format!("{line:?}");
                let is_forged = ["mallory", "admins", "6.6.6.6", "6666", "evil", "gopher", "forged"];
                assert!(!is_forged.iter().any(|word| text.contains(word)), "{:?}: {text}", site.brand);
            }
            assert_eq!(seen.every("x-forwarded-for"), ["127.0.0.1"]);
            assert_eq!(seen.every("x-forwarded-host"), ["app.example.com:99"]);
            assert_eq!(seen.every("x-forwarded-proto"), ["http"]);
            assert_eq!((seen.header("x-forwarded-method"), seen.header("x-forwarded-uri")), (None, None));
            assert_eq!((seen.target.as_str(), seen.header("host")), ("/deep/echo?a=1", Some("app.example.com:99")));
        }
    }
}

#[test]
fn the_endpoint_hears_of_the_request_what_the_web_server_knows() {
    for site in Site::both() {
        let forged = [
            "x-forwarded-method: GET",
            "x-forwarded-uri: /public",
            "x-forwarded-host: evil.example",
            "x-forwarded-for: 6.6.6.6",
            "x-forwarded-proto: https",
            "forwarded: for=6.6.6.6",
            "authorization: Bearer own",
            "content-length: 5",
            "sec-fetch-mode: cors",
            "x-csrftoken: t",
        ];
        let target = "/a/../private%2Fx?b=%20c";
        let mut raw = Raw::connect(&site.server.url());
        let lines: String = forged.iter().map(|line| format!("{line}\r\n")).collect();
        raw.send(format!(
            "DELETE {target} HTTP/1.1\r\nhost: app.example.com:99\r\ncookie: case=granted\r\n{lines}\r\nhello"
        ));
        assert_eq!(raw.answer(SOON).expect("it answers").status, 200, "{:?}", site.brand);
        let seen = site.verified();
        assert_eq!(seen.every("x-forwarded-method"), ["DELETE"], "{:?}", site.brand);
        assert_eq!(seen.every("x-forwarded-uri"), [target], "{:?}", site.brand);
        assert_eq!(seen.every("x-forwarded-host"), ["app.example.com:99"]);
        assert_eq!((seen.every("host"), seen.every("x-forwarded-proto")), (vec!["app.example.com:99"], vec!["http"]));
        assert_eq!(seen.every("x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!((seen.method.as_str(), seen.header("forwarded")), ("GET", None));
        assert_eq!((seen.header("sec-fetch-mode"), seen.header("x-csrftoken")), (Some("cors"), Some("t")));
        assert_eq!(seen.header("authorization"), Some("Bearer own"), "a bearer is a session's too");
        assert_eq!(seen.query("delivers_cookies"), Some("true"));
        assert_eq!(seen.body.expect("it was read").bytes, 0, "{:?}", site.brand);
        let body = site.app.last().body.expect("it was read");
        assert_eq!((body.start.as_slice(), site.app.last().target.as_str()), (b"hello".as_slice(), target));
    }
}

#[test]
fn an_app_gets_the_cookies_of_others_and_never_ours() {
    for site in Site::both() {
        site.ask("GET", "/echo", "granted", &[]);
        assert_eq!(site.app.last().every("cookie"), ["case=granted; theme=dark"], "{:?}", site.brand);
        site.ask("GET", "/echo", "only-ours", &[]);
        assert_eq!(site.app.last().header("cookie"), None, "{:?}", site.brand);
    }
}

#[test]
fn cookies_of_a_renewed_session_reach_the_client_beside_those_of_the_app() {
    for site in Site::both() {
        for (target, status) in [("/hostile", 200), ("/status-404", 404), ("/status-500", 500)] {
            let answer = site.ask("GET", target, "renewed", &[]);
            assert_eq!(answer.status, status, "{:?}", site.brand);
            let set = answer.every("set-cookie");
            assert!(
                COOKIES.iter().all(|line| set.iter().filter(|it| *it == line).count() == 1),
                "{:?}: {set:?}",
                site.brand
            );
            assert!(set.iter().all(|line| !line.is_empty()), "{:?}: {set:?}", site.brand);
            assert!(target != "/hostile" || set.contains(&"theme=dark; Path=/"), "{:?}: {set:?}", site.brand);
            assert!(answer.every("cache-control").contains(&"no-store"), "{:?}: {answer:?}", site.brand);
            quiet(&site, &answer);
        }
        let answer = site.ask("GET", "/echo", "granted", &[]);
        assert_eq!((answer.header("set-cookie"), answer.header("cache-control")), (None, None), "{:?}", site.brand);
    }
}

#[test]
fn a_refusal_reaches_the_client_with_its_status_its_words_and_its_cookies() {
    for site in Site::both() {
        for status in [401_u16, 403, 404, 409, 429, 503] {
            let answer = site.ask("POST", "/echo", &format!("refused-{status}"), &["content-length: 0"]);
            assert_eq!(answer.status, status, "{:?}", site.brand);
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{:?}", site.brand);
            assert_eq!(answer.json()["code"], format!("refused_{status}"), "{:?}: {answer:?}", site.brand);
            assert_eq!(answer.every("set-cookie"), COOKIES, "{:?}", site.brand);
            assert_eq!(answer.every("cache-control"), ["no-store"], "{:?}", site.brand);
            assert_eq!(answer.header("retry-after"), (status == 503).then_some("1"), "{:?}", site.brand);
            quiet(&site, &answer);
        }
        assert!(site.app.seen().is_empty(), "{:?}: a refused request went on to the app", site.brand);
    }
}

#[test]
fn a_refusal_can_be_read_by_a_page_of_an_allowed_origin() {
    for site in Site::both() {
        let answer = site.ask("GET", "/echo", "refused-401", &["origin: https://app.example.com"]);
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example.com"), "{:?}", site.brand);
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"), "{:?}", site.brand);
        let answer = site.ask("GET", "/echo", "refused-401", &[]);
        assert_eq!(answer.header("access-control-allow-origin"), None, "{:?}", site.brand);
    }
}

#[test]
fn a_navigation_is_sent_to_login() {
    for site in Site::both() {
        let answer = site.ask("GET", "/reports?a=1", "redirected", &["sec-fetch-mode: navigate"]);
        assert_eq!((answer.status, answer.header("location")), (303, Some(LOGIN)), "{:?}", site.brand);
        assert_eq!(answer.every("set-cookie"), COOKIES, "{:?}", site.brand);
        assert_eq!(answer.every("cache-control"), ["no-store"], "{:?}", site.brand);
        quiet(&site, &answer);
    }
}

#[test]
fn nobody_outside_asks_the_endpoint_itself() {
    let targets = ["verify", "verify?x", "/verify", "%76erify", "./verify", "x/../verify", "Verify", "verify/"];
    let targets = targets.map(|last| format!("/auth/{last}")).into_iter();
    for site in Site::both() {
        for target in targets.clone().chain(["/_perennial_verify".to_owned()]) {
            let answer = site.ask("GET", &target, "granted", &["x-forwarded-method: GET", "x-forwarded-uri: /"]);
            // What the web server asks for its own sake is about that very target.
            let asked = site.perennial.seen();
            let for_others =
                asked.iter().filter(|seen| seen.header("x-forwarded-uri").is_some_and(|uri| uri != target));
            assert_eq!(for_others.count(), 0, "{:?}: {target} {}", site.brand, answer.status);
            let is_the_endpoint =
                |seen: &&Seen| seen.path() == "/auth/verify" && seen.header("x-forwarded-uri").is_none();
            assert_eq!(asked.iter().filter(is_the_endpoint).count(), 0, "{:?}: {target}", site.brand);
            quiet(&site, &answer);
        }
    }
}

#[test]
fn the_answer_of_the_endpoint_may_be_as_large_as_the_cookies_of_the_client() {
    for site in Site::both() {
        let large = format!("cookie: large={}", "x".repeat(7000));
        assert_eq!(site.ask("GET", "/echo", "granted", &[&large]).status, 200, "{:?}", site.brand);
        let passed: usize = site.app.last().every("cookie").iter().map(|line| line.len()).sum();
        assert!(passed > 7000, "{:?}: {passed}", site.brand);
    }
}

#[test]
fn what_looks_like_a_variable_stays_what_it_is() {
    for site in Site::both() {
        let forms = ["a=$host", "b={http.request.host}", "c={env.HOME}", "d=${host}", "case=granted"];
        let mut raw = Raw::connect(&site.server.url());
        raw.send(format!("GET /echo HTTP/1.1\r\nhost: a\r\ncookie: {}\r\n\r\n", forms.join("; ")));
        assert_eq!(raw.answer(SOON).expect("it answers").status, 200);
        assert_eq!(site.app.last().every("cookie"), [forms.join("; ")], "{:?}", site.brand);
    }
}

#[test]
fn login_and_logout_pass_with_a_client_address_that_is_true() {
    for site in Site::both() {
        let forged = [
            "content-length: 0",
            "forwarded: for=6.6.6.6",
            "x-forwarded-for: 6.6.6.6",
            "x-forwarded-host: evil.example",
            "x-forwarded-proto: gopher",
            "x-forwarded-method: GET",
            "x-forwarded-uri: /public",
        ];
        let answer = site.ask("POST", "/auth/login", "granted", &forged);
        assert_eq!(answer.status, 200, "{:?}", site.brand);
        let seen = site.perennial.last();
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/auth/login"));
        assert_eq!(seen.every("x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(seen.every("x-forwarded-host"), ["app.example.com:99"], "{:?}", site.brand);
        assert_eq!((seen.every("host"), seen.every("x-forwarded-proto")), (vec!["app.example.com:99"], vec!["http"]));
        let about_another = ["forwarded", "x-forwarded-uri", "x-forwarded-method"].map(|name| seen.header(name));
        assert_eq!(about_another, [None; 3], "{:?}", site.brand);
        assert_eq!(seen.cookie("refreshtoken"), Some("secret"));
    }
}

#[test]
fn connections_behind_the_web_server_are_kept() {
    for site in Site::both() {
        for target in ["/echo", "/auth/login", "/echo", "/auth/login", "/echo"] {
            assert_eq!(site.ask("GET", target, "granted", &[]).status, 200);
        }
        assert_eq!(site.app.connections(), 1, "{:?}", site.brand);
        assert!(site.perennial.connections() <= 2, "{:?}: {}", site.brand, site.perennial.connections());
        assert_ne!(site.app.last().header("connection"), Some("upgrade"), "{:?}", site.brand);
    }
}

#[tokio::test]
async fn a_web_socket_opens_for_who_may_and_for_nobody_else() {
    for site in Site::both() {
        let url = format!("{}/socket", site.server.url());
        let lines = |case: &'static str| [("cookie", case), ("remote-user", "mallory")];
        let mut socket = WebSocket::connect(&url, &lines("case=granted")).await.expect("it opens");
        assert!(socket.echoes(SOON).await, "{:?}", site.brand);
        assert_eq!(site.app.last().every("remote-user"), ["ada"], "{:?}", site.brand);
        assert!(site.verified().header("upgrade").is_some(), "{:?}: the endpoint knows an upgrade", site.brand);
        let refused = WebSocket::connect(&url, &lines("case=refused-401")).await.expect_err("it is refused");
        assert_eq!(refused.status, 401, "{:?}", site.brand);
        assert_eq!(site.app.seen().len(), 1);
    }
}

#[test]
fn an_endpoint_that_is_gone_is_no_verdict() {
    for site in Site::both() {
        drop(site.perennial);
        let mut raw = Raw::connect(&site.server.url());
        raw.send("GET /echo HTTP/1.1\r\nhost: a\r\n\r\n");
        let status = raw.answer(SOON).expect("it answers").status;
        assert!(matches!(status, 502..=504), "{:?}: {status}", site.brand);
        assert!(site.app.seen().is_empty());
    }
}

#[test]
fn an_endpoint_that_hangs_is_no_verdict_either() {
    std::thread::scope(|scope| {
        for brand in [Brand::Nginx, Brand::Caddy] {
            scope.spawn(move || {
                let (perennial, app) = (endpoint::start(), Upstream::standard());
                let proxy = FaultProxy::start(perennial.port());
                let server = WebServer::start(brand, proxy.port(), app.port());
                proxy.freeze();
                let mut raw = Raw::connect(&server.url());
                raw.send("GET /echo HTTP/1.1\r\nhost: a\r\n\r\n");
                let status = raw.answer(SOON).expect("it answers").status;
                assert!(matches!(status, 502..=504), "{brand:?}: {status}");
                assert!(app.seen().is_empty());
            });
        }
    });
}

/// Nothing that is between Perennial and the web server is told to the client.
#[track_caller]
fn quiet(site: &Site, answer: &RawAnswer) {
    let between = ["x-perennial", "remote-", "authorization"];
    let told =
        answer.headers.iter().find(|(name, _)| between.iter().any(|it| name.to_ascii_lowercase().starts_with(it)));
    assert_eq!(told, None, "{:?}", site.brand);
}
