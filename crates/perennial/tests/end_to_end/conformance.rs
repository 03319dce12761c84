//! The scenarios of `conformance/`, with the real gateway as the server: this side plays the browser and the
//! upstream, says what they say in a transcript, and holds the gateway to the rest.

mod transcript;
mod visitor;

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures_util::future::join_all;
use perennial_testkit::{
    Answer, Browser, Server, Setup,
    upstream::{self, Upstream},
};
use serde_json::Value;

use self::transcript::{Exchange, Kind, Names, Reply, Request, Scenario, Step, StoreIs, Transport, UpstreamIs};
use crate::{
    BINARY,
    gateway::{EXPIRY, refuses_the_first_token, routes},
};

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../conformance").join(name)
}

/// Where a body hands out an access token, it is called as the cookie would be.
const ACCESS: &str = "accesstoken";

/// The server of one scenario, and what its tokens are called.
struct Stage {
    server: Server,
    upstream: Upstream,
    names: Names,
}

impl Stage {
    fn of(scenario: &Scenario) -> Self {
        let upstream = match scenario.upstream {
            UpstreamIs::TakesEveryToken => Upstream::standard(),
            UpstreamIs::RefusesTheFirstToken => refuses_the_first_token(),
            UpstreamIs::RefusesEveryToken => Upstream::answering(|_| upstream::Reply::json(401, &Value::Null)),
            UpstreamIs::RefusesOnce => {
                let count = AtomicUsize::new(0);
                Upstream::answering(move |_| match count.fetch_add(1, Ordering::Relaxed) {
                    0 => upstream::Reply::json(401, &Value::Null),
                    _ => upstream::Reply::json(200, &Value::Null),
                })
            }
        };
        let setup = match scenario.transport {
            Transport::Cookie => Setup::default(),
            Transport::Bearer => Setup::default().with("tokens.transport", "bearer"),
        };
        let server = Server::start_with(BINARY, setup.with_config(&routes(&upstream.url())));
        Self { server, upstream, names: Names::default() }
    }

    async fn play(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Login { login } => {
                let browser = self.server.logged_in().await;
                let lines = browser.jar.header();
                let set = lines.split("; ").filter_map(|pair| pair.split_once('='));
                let set = set.chain(browser.access.as_deref().map(|access| (ACCESS, access)));
                self.names.hold(login, set, "the login hands out")
            }
            Step::Time { .. } => {
                self.server.time_travel().pass(EXPIRY);
                Ok(())
            }
            Step::Store { store } => {
                self.server.time_travel().execute(match store {
                    StoreIs::Away => "ALTER TABLE session RENAME TO elsewhere",
                    StoreIs::Back => "ALTER TABLE elsewhere RENAME TO session",
                });
                Ok(())
            }
            Step::Logout { logout } => {
                let request = Request::logout(logout);
                let answer = self.send(&request)?.await;
                if answer.status == 204 { Ok(()) } else { Err(format!("logout: {}", answer.text)) }
            }
            Step::Exchange(exchange) => self.exchange(std::slice::from_ref(&**exchange)).await,
            Step::AtOnce { at_once } => self.exchange(at_once).await,
            Step::Call { call, .. } => {
                for exchange in call {
                    self.exchange(std::slice::from_ref(exchange)).await?;
                }
                Ok(())
            }
        }
    }

    async fn exchange(&mut self, exchanges: &[Exchange]) -> Result<(), String> {
        let before = self.upstream.seen().len();
        let sent: Result<Vec<_>, String> = exchanges.iter().map(|exchange| self.send(&exchange.request)).collect();
        for (exchange, answer) in exchanges.iter().zip(join_all(sent?).await) {
            let said = format!("{} {}", exchange.request.method, exchange.request.path);
            self.check(&exchange.reply, &answer)
                .map_err(|what| format!("{said}: {what}; {} {}", answer.status, answer.text))?;
        }
        let (forwarded, expected) = (
            self.upstream.seen().len() - before,
            exchanges.iter().map(|exchange| exchange.reply.upstream).sum::<usize>(),
        );
        if forwarded == expected {
            Ok(())
        } else {
            Err(format!("{forwarded} requests reached the upstream instead of {expected}"))
        }
    }

    /// The request with the values that its names stand for.
    fn send(&self, request: &Request) -> Result<impl Future<Output = Answer> + use<>, String> {
        let mut browser = self.server.browser();
        for (name, value) in self.names.cookies(&request.tokens())? {
            browser.jar.set(&name, &value);
        }
        let mut headers = vec![("origin".to_owned(), browser.origin.clone())];
        if let Some(name) = &request.csrf {
            headers.push(("x-csrftoken".into(), self.names.value(name)?));
        }
        if let Some(name) = &request.bearer {
            headers.push(("authorization".into(), format!("Bearer {}", self.names.value(name)?)));
        }
        match request.kind {
            Kind::Call => {}
            Kind::Navigation => headers.push(("sec-fetch-mode".into(), "navigate".into())),
            Kind::Prefetch => headers.push(("sec-purpose".into(), "prefetch".into())),
        }
        let (method, path, body) = (request.method.clone(), request.path.clone(), vec![b'x'; request.body_bytes]);
        Ok(async move { sent(&browser, &method, &path, &headers, body).await })
    }

    fn check(&mut self, reply: &Reply, answer: &Answer) -> Result<(), String> {
        let text = |name: &str| answer.field(name).as_str().map(str::to_owned).filter(|_| answer.status >= 400);
        same("status", &reply.status, &answer.status)?;
        same("code", &reply.code, &text("code"))?;
        same("reason", &reply.reason, &text("reason"))?;
        same("location", &reply.location, &answer.header("location").map(str::to_owned))?;
        same("retry_after", &reply.retry_after, &answer.header("retry-after").is_some())?;
        let pairs = || answer.set_cookie.iter().filter_map(|line| line.split(';').next()?.split_once('='));
        let gone = |name: &str| answer.clears(&format!("{name}="));
        let access = answer.access();
        let set = pairs().filter(|(name, _)| !gone(name)).chain(access.as_deref().map(|access| (ACCESS, access)));
        self.names.hold(&reply.hands, set, "it hands out")?;
        let mut cleared: Vec<&str> =
            pairs().filter(|(name, _)| gone(name)).filter_map(|(name, _)| transcript::kind_of(name)).collect();
        cleared.sort_unstable();
        same("clears", &reply.clears.iter().map(String::as_str).collect(), &cleared)?;
        if let Some(session) = &reply.session {
            same("session", session, &answer.field("status").as_str().unwrap_or_default().to_owned())?;
        }
        match (&reply.csrf, text("csrf_token")) {
            (None, None) => Ok(()),
            (Some(name), Some(value)) => same("csrf_token", &self.names.value(name)?, &value),
            (expected, told) => Err(format!("csrf_token is {told:?} instead of {expected:?}")),
        }
    }
}

async fn sent(browser: &Browser, method: &str, path: &str, headers: &[(String, String)], body: Vec<u8>) -> Answer {
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    browser.send_bytes(method, path, &headers, body).await
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, found: &T) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("{what} is {found:?} instead of {expected:?}")) }
}

async fn run(scenario: Scenario) -> Result<(), String> {
    let mut stage = Stage::of(&scenario);
    for (number, step) in scenario.steps.iter().enumerate() {
        stage.play(step).await.map_err(|what| format!("step {}: {what}", number + 1))?;
    }
    Ok(())
}

#[tokio::test]
async fn the_gateway_says_its_part_of_every_scenario() {
    run_all("gateway", run).await;
}

/// Holds a runner to every scenario, but for those that it skips: of those none may pass.
async fn run_all<R: Future<Output = Result<(), String>>>(runner: &str, run: impl Fn(Scenario) -> R) {
    let skips = fs::read(folder(&format!("skips/{runner}.json"))).expect("the skips");
    let skips: BTreeMap<String, String> = serde_json::from_slice(&skips).expect("a reason by name");
    let mut scenarios = BTreeMap::new();
    for file in fs::read_dir(folder("scenarios")).expect("the scenarios").flatten() {
        let name = file.path().file_stem().expect("a name").to_string_lossy().into_owned();
        let text: Value = serde_json::from_slice(&fs::read(file.path()).expect("a file")).expect("JSON");
        let scenario: Scenario = serde_json::from_value(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        scenarios.insert(name, scenario);
    }
    assert!(scenarios.len() >= 10 && skips.keys().all(|name| scenarios.contains_key(name)), "{skips:?}");
    let mut wrong = Vec::new();
    for (name, scenario) in scenarios {
        let about = scenario.about.clone();
        match (run(scenario).await, skips.get(&name)) {
            (Ok(()), None) => {}
            (Ok(()), Some(reason)) => wrong.push(format!("{name} passes: skip it no more ({reason})")),
            (Err(what), None) => wrong.push(format!("{name} ({about}): {what}")),
            (Err(what), Some(reason)) => eprintln!("{name} is skipped ({reason}): {what}"),
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A runner that passed everything would be worth nothing.
#[tokio::test]
async fn a_scenario_with_one_wrong_word_fails() {
    let file = fs::read_to_string(folder("scenarios/expired_access_is_renewed_in_passing.json")).expect("a scenario");
    for (right, wrong) in
        [("\"r2\"", "\"r1\""), ("\"access\": \"a2\", ", ""), ("\"upstream\": 1", "\"upstream\": 2"), ("200", "401")]
    {
        let scenario: Scenario = serde_json::from_str(&file.replacen(right, wrong, 1)).expect("a scenario");
        assert!(run(scenario).await.is_err(), "{right} or {wrong}, it is all the same");
    }
}
