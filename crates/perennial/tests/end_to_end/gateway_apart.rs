//! A gateway that is a process of its own: it knows sessions only by asking the service over its admin listener.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use perennial_service::settings::PageSettings;
use perennial_testkit::{Answer, Browser, Scratch, Server, Setup, free_ports, upstream::Upstream};
use serde_json::{Value, json};

use crate::BINARY;

/// A service, an API, and between them a gateway apart.
struct Rig {
    server: Server,
    api: Upstream,
    gateway: Child,
    url: String,
    scratch: Scratch,
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.gateway.kill();
        let _ = self.gateway.wait();
    }
}

impl Rig {
    /// The key of the gateway has this scope.
    async fn start(scope: &str) -> Self {
        let server = Server::start_with(BINARY, Setup::always_rotating());
        let (api, scratch) = (Upstream::standard(), Scratch::new());
        let made = server.command(&["admin-key", "add", "--name", "apart", "--scope", scope]);
        let made: Value = serde_json::from_slice(&made.stdout).expect("one JSON object");
        fs::write(scratch.path().join("key"), made["key"].as_str().expect("the key")).expect("it is written");
        let [port, admin_port] = free_ports();
        let url = format!("http://localhost:{port}");
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:{port}\"\nadmin_listen = \"127.0.0.1:{admin_port}\"\npublic_url = \"{url}\"\n\
             [gateway]\nauthority = \"{}\"\nauthority_key_file = \"{}\"\nauth_service = \"{}\"\n\
             [[gateway.routes]]\npath = \"/api\"\nupstream = \"{}\"\n",
            server.admin_url,
            scratch.path().join("key").display(),
            server.url.replace("localhost", "127.0.0.1"),
            api.url(),
        );
        fs::write(scratch.path().join("gateway.toml"), config).expect("it is written");
        let log = fs::File::create(scratch.path().join("log")).expect("it is written");
        let mut command = Command::new(BINARY);
        command.args(["gateway", "--config"]).arg(scratch.path().join("gateway.toml")).stdin(Stdio::null());
        let gateway = command.stdout(log.try_clone().expect("a second handle")).stderr(log).spawn().expect("it starts");
        let rig = Self { server, api, gateway, url, scratch };
        let began = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "the gateway did not start: {}", rig.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        rig
    }

    /// A browser that is logged in, through the gateway.
    async fn logged_in(&self) -> Browser {
        let mut browser = Browser::new(&self.url);
        let account = self.server.demo();
        let answer = browser.log_in(&account.email, &account.password).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        browser
    }

    fn signal_service(&self, signal: &str) {
        let id = self.server.process_id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().expect("kill runs").success());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f13_a_gateway_apart_renews_in_flight_and_its_parallel_requests_make_one_rotation() {
    let rig = Rig::start("gateway").await;
    let mut browser = rig.logged_in().await;
    browser.lose_access_token();
    let asks = (0..20).map(|_| {
        let browser = browser.copy();
        tokio::spawn(async move { browser.get("/api/items").await })
    });
    let mut answers = Vec::new();
    for ask in asks.collect::<Vec<_>>() {
        answers.push(ask.await.expect("no request panics"));
    }
    assert!(
        answers.iter().all(|answer| answer.status == 200),
        "{:?}",
        answers.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    assert_eq!(rig.api.seen().len(), 20);
    browser.keep(answers.iter().find(|answer| answer.hands_out_refresh()).expect("somebody got the new token"));
    assert_eq!(browser.generation(), Some(1));
    assert_eq!(browser.get("/api/items").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f12_a_gateway_apart_serves_who_was_judged_while_the_service_is_gone_and_logs_nobody_out() {
    let rig = Rig::start("gateway").await;
    let mut browser = rig.logged_in().await;
    for _ in 0..2 {
        assert_eq!(browser.get("/api/items").await.status, 200);
    }
    rig.signal_service("-STOP");
    assert_eq!(browser.get("/api/items").await.status, 200, "it was judged good before");
    browser.lose_access_token();
    let unknown = browser.get("/api/items").await;
    assert_eq!((unknown.status, unknown.code().as_str()), (503, "auth_unavailable"));
    assert!(unknown.cookie_names().is_empty() && unknown.header("retry-after").is_some());
    rig.signal_service("-CONT");
    assert_eq!(browser.get("/api/items").await.status, 200, "everybody goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f50_a_gateway_apart_hears_of_an_end_within_two_seconds() {
    let rig = Rig::start("gateway").await;
    let (browser, other) = (rig.logged_in().await, rig.logged_in().await);
    assert_eq!(browser.get("/api/items").await.status, 200);
    let key = browser.jar.csrf().and_then(|token| token.split('.').next()).expect("the token names the session");
    assert!(rig.server.command(&["session", "revoke", key]).status.success());
    let began = Instant::now();
    while browser.get("/api/items").await.status == 200 {
        assert!(began.elapsed() < Duration::from_secs(3), "the end is not heard of");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    eprintln!("refused {:?} after the end", began.elapsed());
    assert_eq!(browser.get("/api/items").await.code(), "session_ended");
    assert_eq!(other.get("/api/items").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f17_a_gateway_apart_forwards_nothing_that_was_queued_by_somebody_else() {
    let rig = Rig::start("gateway").await;
    let (former, present) = (rig.logged_in().await, rig.logged_in().await);
    let token = former.jar.csrf().expect("a token").to_owned();
    let queued = present.send("POST", "/api/items", &[("x-csrftoken", &token)], None).await;
    assert_eq!((queued.status, queued.code().as_str()), (409, "identity_changed"));
    assert_eq!(present.send("POST", "/api/items", &[], None).await.status, 403);
    let own = present.jar.csrf().expect("a token").to_owned();
    assert_eq!(present.send("POST", "/api/items", &[("x-csrftoken", &own)], None).await.status, 200);
    assert_eq!(rig.api.seen().len(), 1, "only the last one was forwarded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_without_the_scope_of_gateways_opens_nothing_and_the_log_says_so() {
    let rig = Rig::start("sessions:read").await;
    let browser = rig.logged_in().await;
    let refused = browser.get("/api/items").await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "auth_unavailable"));
    assert!(rig.log().contains("does its admin key have the scope `gateway`?"), "{}", rig.log());
    assert!(rig.api.seen().is_empty());
}

#[test]
fn a_gateway_apart_refuses_an_issuer_because_it_has_no_store() {
    let scratch = Scratch::new();
    let [key, config] = ["key", "gateway.toml"].map(|name| scratch.path().join(name));
    fs::write(&key, "a key").expect("it is written");
    let text = format!(
        "[gateway]\nauthority = \"http://127.0.0.1:9\"\nauthority_key_file = \"{}\"\n\
         auth_service = \"http://127.0.0.1:9\"\n\
         [[gateway.routes]]\npath = \"/users\"\nupstream = \"http://127.0.0.1:9\"\nissuer = \"users\"\n\
         [gateway.issuers.users]\npreset = \"json-tokens\"\n",
        key.display()
    );
    fs::write(&config, text).expect("it is written");
    let ended = Command::new(BINARY).args(["gateway", "--config"]).arg(config).output().expect("it runs");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success() && said.contains("those need the service in the same process"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_takes_no_token_is_asked_twice_by_a_gateway_apart_and_then_believed() {
    let rig = Rig::start("gateway").await;
    let browser = rig.logged_in().await;
    for asked in [2, 3, 4] {
        assert_eq!(browser.get("/api/unauthorized").await.status, 401);
        assert_eq!(rig.api.seen().len(), asked);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_a_gateway_makes_no_token_for_a_session_whose_requests_never_came_by() {
    let rig = Rig::start("gateway").await;
    let browser = rig.logged_in().await;
    let key = fs::read_to_string(rig.scratch.path().join("key")).expect("it was written");
    let session = browser.jar.csrf().and_then(|token| token.split('.').next()).expect("the token names the session");
    assert_eq!(browser.get("/api/items").await.status, 200);
    let forwarded = rig.api.last().bearer().expect("a token").to_owned();
    let mut operator = rig.server.browser();
    operator.url.clone_from(&rig.server.admin_url);
    for (token, status) in [(forwarded.as_str(), 200), ("a.b.c", 400), (&forwarded[..forwarded.len() - 4], 400)] {
        let identity = json!({
            "session": session, "subject": "anybody", "email": null, "name": null,
            "token": token, "token_lives_ms": 0, "ends_in_ms": 0,
        });
        let body = json!({ "identity": identity, "audience": null });
        let bearer = [("authorization", format!("Bearer {key}"))];
        let headers: Vec<(&str, &str)> = bearer.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = operator.send("POST", "/admin/gateway/renew", &headers, Some(&body)).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_of_the_service_is_found_behind_a_gateway_apart() {
    let rig = Rig::start("gateway").await;
    let browser = Browser::new(&rig.url);
    let pages = PageSettings { login: "/login".into(), after_login: "/".into(), mailbox: None };
    for path in perennial_service::pages::paths(&pages) {
        assert_ne!(browser.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(browser.get("/no-page").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_apart_hands_out_the_sdk_as_the_service_does() {
    let rig = Rig::start("gateway").await;
    let headers = ["content-type", "cache-control", "etag", "cross-origin-resource-policy", "x-content-type-options"];
    let told = |answer: &Answer| headers.map(|name| answer.header(name).map(str::to_owned));
    for browser in [Browser::new(&rig.url), rig.logged_in().await] {
        let (direct, passed) = (rig.server.browser().get("/auth/sdk.js").await, browser.get("/auth/sdk.js").await);
        assert_eq!((passed.status, told(&passed), &passed.text), (200, told(&direct), &direct.text));
        assert!(passed.set_cookie.is_empty());
        let tag = passed.header("etag").expect("it has one").to_owned();
        let again = browser.send("GET", "/auth/sdk.js", &[("if-none-match", &tag)], None).await;
        assert_eq!((again.status, again.text.as_str()), (304, ""));
    }
}
