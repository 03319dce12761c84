//! The scenarios with the Rust client as the page: a visitor for each call of the app, before a service that says its part
//! of the transcript.

use std::{
    collections::VecDeque,
    fs,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::join_all;
use perennial_client::{
    SessionClient,
    visitor::{SessionError, Visitor},
};
use perennial_testkit::upstream::{Reply, Seen, Upstream};
use serde_json::json;

use super::{
    folder, run_all, same,
    transcript::{self, Exchange, Kind, Scenario, Step},
};

/// What the service has to say yet, and what was said to it that nobody expected.
#[derive(Default)]
struct Script {
    expected: VecDeque<Exchange>,
    wrong: Vec<String>,
}

#[tokio::test]
async fn the_rust_client_says_its_part_of_every_scenario() {
    run_all("client", run).await;
}

#[tokio::test]
async fn a_call_with_one_wrong_word_fails() {
    let file =
        fs::read_to_string(folder("scenarios/csrf_mismatch_is_repaired_by_the_answer.json")).expect("a scenario");
    for (right, wrong) in
        [("\"200\"", "\"403\""), ("POST", "PUT"), ("\"r1\", \"access\": \"a1\"", "\"r2\""), ("csrf_failed", "")]
    {
        let (start, end) = file.split_once("\"call\"").expect("a call");
        let text = format!("{start}\"call\"{}", end.replacen(right, wrong, 1));
        let scenario: Scenario = serde_json::from_str(&text).expect("a scenario");
        assert!(run(scenario).await.is_err(), "{right} or {wrong}, it is all the same");
    }
}

async fn run(scenario: Scenario) -> Result<(), String> {
    let mut login = None;
    for (number, step) in scenario.steps.into_iter().enumerate() {
        let (exchanges, ends) = match step {
            Step::Login { login: tokens } => {
                login = login.or_else(|| tokens.get("csrf").cloned());
                continue;
            }
            Step::Logout { .. } | Step::Time { .. } | Step::Store { .. } => continue,
            Step::Exchange(exchange) => {
                let ends = vec![end_of(&exchange)];
                (vec![*exchange], ends)
            }
            Step::AtOnce { at_once } => {
                let ends = at_once.iter().map(end_of).collect();
                (at_once, ends)
            }
            Step::Call { call, ends, .. } => (call, vec![ends]),
        };
        play(exchanges, &ends, login.as_deref()).await.map_err(|what| format!("step {}: {what}", number + 1))?;
    }
    Ok(())
}

/// As many requests of the app as there are ends, at once, in the name of one visitor.
async fn play(exchanges: Vec<Exchange>, ends: &[String], login: Option<&str>) -> Result<(), String> {
    let first = &exchanges[0].request;
    let csrf = first.csrf.as_deref().or(login.filter(|_| !first.tokens().is_empty()));
    let mut cookies: Vec<String> = first.tokens().iter().map(|(kind, name)| cookie(kind, name)).collect();
    cookies.extend(csrf.map(|name| cookie("csrf", name)));
    let requests: Vec<_> = exchanges.iter().filter(|exchange| !exchange.request.path.starts_with("/auth/")).collect();
    let request = &requests.first().ok_or("the app asks for nothing")?.request;
    if !matches!(request.kind, Kind::Call) {
        return Err("no program of a server causes it".to_owned());
    }
    let (method, path, bytes) = (request.method.clone(), request.path.clone(), request.body_bytes);
    let script = Arc::new(Mutex::new(Script { expected: exchanges.into(), wrong: Vec::new() }));
    let service = Upstream::answering({
        let script = Arc::clone(&script);
        move |seen| script.lock().unwrap_or_else(PoisonError::into_inner).answer(seen)
    });
    let url = |path: &str| format!("{}{path}", service.url()).parse().expect("a URL");
    let client = SessionClient::new(url("/auth")).map_err(|error| error.to_string())?;
    let visitor = client.visitor(&cookies.join("; "));
    let send = || {
        let mut request = reqwest::Request::new(method.parse().expect("a method"), url(&path));
        *request.body_mut() = (bytes > 0).then(|| vec![b'x'; bytes].into());
        end(&visitor, request)
    };
    let found = join_all(ends.iter().map(|_| send())).await;
    let script = script.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(what) = script.wrong.first() {
        return Err(what.clone());
    }
    same("what was not sent", &0, &script.expected.len())?;
    same("the end", &ends.to_vec(), &found)
}

impl Script {
    fn answer(&mut self, seen: &Seen) -> Reply {
        let Some(exchange) = self.expected.pop_front() else {
            self.wrong.push(format!("{} {} is one request too many", seen.method, seen.target));
            return Reply::status(500);
        };
        if let Err(what) = check(&exchange, seen) {
            self.wrong.push(format!("{} {}: {what}", seen.method, seen.target));
        }
        reply(&exchange)
    }
}

fn check(Exchange { request, .. }: &Exchange, seen: &Seen) -> Result<(), String> {
    same("the request", &format!("{} {}", request.method, request.path), &format!("{} {}", seen.method, seen.target))?;
    let tokens = request.tokens();
    for kind in ["refresh", "access", "mark"] {
        same(kind, &tokens.get(kind).map(String::as_str), &seen.cookie(transcript::cookie_of(kind)))?;
    }
    same("the bearer", &request.bearer.as_deref(), &seen.bearer())?;
    let header = seen.header("x-csrftoken");
    let is_free = request.csrf.is_none() && request.method == "GET";
    if !is_free {
        same("the CSRF header", &request.csrf.as_deref().map(csrf).as_deref(), &header)?;
    }
    let bytes = seen.body.as_ref().map_or(0, |body| body.bytes);
    same("the body's bytes", &request.body_bytes, &usize::try_from(bytes).unwrap_or(usize::MAX))
}

fn reply(Exchange { reply, .. }: &Exchange) -> Reply {
    if reply.lost {
        return Reply::nothing();
    }
    let told = reply.csrf.as_deref().map(csrf);
    let (kind, body) = match &reply.code {
        Some(code) => {
            let (kind, wait) = (format!("urn:perennial:problem:{code}"), reply.retry_after.then_some(1));
            let body =
                json!({ "type": kind, "code": code, "reason": reply.reason, "csrf_token": told, "retry_after": wait });
            ("application/problem+json", body)
        }
        None => ("application/json", json!({ "status": reply.session, "csrf_token": told })),
    };
    let mut answer = Reply::status(reply.status).header("content-type", kind).body(body.to_string());
    for (kind, name) in &reply.hands {
        answer = answer.header("set-cookie", &format!("{}; Path=/; Max-Age=900", cookie(kind, name)));
    }
    for kind in &reply.clears {
        answer = answer.header("set-cookie", &format!("{}=; Path=/; Max-Age=0", transcript::cookie_of(kind)));
    }
    answer
}

async fn end(visitor: &Visitor<'_>, request: reqwest::Request) -> String {
    match visitor.send(request).await {
        Ok(answer) => answer.status().as_u16().to_string(),
        Err(SessionError::SessionEnded { reason }) => format!("session_ended {}", reason.name()),
        Err(SessionError::IdentityChanged) => "identity_changed".to_owned(),
        Err(SessionError::AuthUnavailable { .. }) => "auth_unavailable".to_owned(),
        Err(SessionError::Unreachable(_)) => "nothing".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

/// How a call ends to which this is the last word.
fn end_of(Exchange { reply, .. }: &Exchange) -> String {
    match (reply.lost, reply.code.as_deref()) {
        (true, _) => "nothing".to_owned(),
        (false, Some("session_ended")) => format!("session_ended {}", reply.reason.as_deref().unwrap_or_default()),
        (false, Some(code @ ("identity_changed" | "auth_unavailable"))) => code.to_owned(),
        (false, _) => reply.status.to_string(),
    }
}

fn cookie(kind: &str, name: &str) -> String {
    let value = if kind == "csrf" { csrf(name) } else { name.to_owned() };
    format!("{}={value}", transcript::cookie_of(kind))
}

/// A CSRF token begins with its session.
fn csrf(name: &str) -> String {
    format!("key-{name}.tag")
}
