//! A backend with tokens of its own, as many exist: its login answers them in JSON, its refresh tokens serve once.
//!
//! | path | answer |
//! |---|---|
//! | `POST /api/v1/users/auth/login` | `{"success":true,"data":{"access_token":…,"refresh_token":…}}`; 401 for a wrong password |
//! | `POST /api/v1/users/auth/refresh-token` | the same for a refresh token; a reused one ends its family |
//! | `POST /api/v1/users/auth/logout` | ends the family of the refresh token |
//! | `/api/v1/users/me`, `…/admin` | who it is; 401 for everybody, as the role is wrong |
//! | `/page` | a page that is rendered on the server, and counts how often |
//!
//! Whoever comes with an old access token is told 401 `{"detail":"Access token has expired"}`. Access tokens come as
//! bearers or in the cookie `access_token`; refresh tokens in the cookie or the JSON field `refresh_token`, or in
//! `X-Refresh-Token`.

mod families;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use serde_json::{Value, json};

use super::{Asked, Reply, Seen, Upstream};
use families::{Families, Refused, Tokens};

/// What can be chosen about an issuer.
#[derive(Debug, Clone)]
pub struct IssuerSetup {
    pub access_ttl: Duration,
    pub refresh_ttl: Duration,
    /// How long a refresh call takes.
    pub refresh_takes: Duration,
}

impl Default for IssuerSetup {
    fn default() -> Self {
        let hour = Duration::from_secs(3600);
        Self { access_ttl: 6 * hour, refresh_ttl: 24 * hour, refresh_takes: Duration::ZERO }
    }
}

/// The backend, and what happened to it.
#[derive(Debug)]
pub struct Issuer {
    pub upstream: Upstream,
    state: Arc<Mutex<State>>,
}

struct State {
    families: Families,
    refresh_calls: usize,
    renders: usize,
    /// What the next refresh calls answer, instead of doing anything.
    failures: Vec<u16>,
}

impl fmt::Debug for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "State({} refresh calls, {} renders)", self.refresh_calls, self.renders)
    }
}

impl Issuer {
    pub const EMAIL: &str = "ada@example.com";
    pub const PASSWORD: &str = "analytical engine";

    pub fn start(setup: IssuerSetup) -> Self {
        let families = Families::new(setup.access_ttl, setup.refresh_ttl);
        let state = Arc::new(Mutex::new(State { families, refresh_calls: 0, renders: 0, failures: Vec::new() }));
        let shared = state.clone();
        let upstream = Upstream::start(move |asked| {
            let (state, pause) = (shared.clone(), setup.refresh_takes);
            async move { answer(asked, &state, pause).await }
        });
        Self { upstream, state }
    }

    /// How often its refresh path was called.
    pub fn refresh_calls(&self) -> usize {
        self.lock().refresh_calls
    }

    /// How often a page was rendered for somebody.
    pub fn renders(&self) -> usize {
        self.lock().renders
    }

    /// How many families were ended because a refresh token came twice.
    pub fn punished(&self) -> usize {
        self.lock().families.punished()
    }

    /// Every access token so far counts as expired from now on, whatever its `exp` says.
    pub fn expire_access_tokens(&self) {
        self.lock().families.expire_access_tokens();
    }

    /// The next refresh call is answered with this status, and nothing is spent.
    pub fn fail_refresh(&self, status: u16) {
        self.lock().failures.push(status);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding it")
    }
}

async fn answer(mut asked: Asked, state: &Mutex<State>, refresh_takes: Duration) -> Reply {
    let seen = asked.read().await;
    let lock = || state.lock().expect("nobody panics while holding it");
    match (seen.method.as_str(), seen.path()) {
        ("POST", "/api/v1/users/auth/login") => log_in(seen, &mut lock()),
        ("POST", "/api/v1/users/auth/refresh-token") => {
            lock().refresh_calls += 1;
            tokio::time::sleep(refresh_takes).await;
            refresh(seen, &mut lock())
        }
        ("POST", "/api/v1/users/auth/logout") => {
            lock().families.end_of(&presented_refresh(seen));
            Reply::json(200, &json!({ "success": true }))
        }
        (_, "/api/v1/users/me") => {
            protected(seen, &lock(), |email| Reply::json(200, &json!({ "email": email, "seen": seen.to_json() })))
        }
        (_, "/api/v1/users/admin") => protected(seen, &lock(), |_| detail("The role is not sufficient")),
        ("GET", "/page") => page(seen, &mut lock()),
        _ => Reply::json(404, &json!({ "detail": "Not Found" })),
    }
}

fn log_in(seen: &Seen, state: &mut State) -> Reply {
    let body = seen.json();
    if body["email"] == Issuer::EMAIL && body["password"] == Issuer::PASSWORD {
        handed_out(&state.families.begin())
    } else {
        detail("Incorrect email or password")
    }
}

fn refresh(seen: &Seen, state: &mut State) -> Reply {
    if !state.failures.is_empty() {
        let status = state.failures.remove(0);
        return Reply::json(status, &json!({ "detail": "The backend is not well" }));
    }
    match state.families.refresh(&presented_refresh(seen)) {
        Ok(tokens) => handed_out(&tokens),
        Err(refused) => refusal(&refused),
    }
}

fn protected(seen: &Seen, state: &State, answer: impl FnOnce(&str) -> Reply) -> Reply {
    match state.families.identify(presented(seen)) {
        Ok(_) => answer(Issuer::EMAIL),
        Err(refused) => refusal(&refused),
    }
}

fn page(seen: &Seen, state: &mut State) -> Reply {
    match state.families.identify(presented(seen)) {
        Ok(number) => {
            state.renders += 1;
            Reply::html(200, format!("<!doctype html><title>Page</title><p id=token>{number}</p>"))
        }
        Err(refused) => refusal(&refused),
    }
}

/// The access token of a request, however it is sent.
fn presented(seen: &Seen) -> &str {
    seen.bearer().or_else(|| seen.cookie("access_token")).unwrap_or_default()
}

fn presented_refresh(seen: &Seen) -> String {
    let body = seen.json();
    let token = seen.cookie("refresh_token").or_else(|| seen.header("x-refresh-token"));
    token.or_else(|| body["refresh_token"].as_str()).unwrap_or_default().to_owned()
}

fn handed_out(tokens: &Tokens) -> Reply {
    let data: Value = json!({ "access_token": tokens.access, "refresh_token": tokens.refresh, "token_type": "bearer" });
    Reply::json(200, &json!({ "success": true, "data": data })).header("etag", "\"tokens\"")
}

fn refusal(refused: &Refused) -> Reply {
    match refused {
        Refused::AccessExpired => detail("Access token has expired"),
        Refused::AccessUnknown => detail("Could not validate credentials"),
        Refused::RefreshExpired => detail("Refresh token has expired"),
        Refused::RefreshUnknown => detail("Refresh token is not valid"),
        Refused::RefreshReused => detail("Refresh token was used before"),
    }
}

fn detail(text: &str) -> Reply {
    Reply::json(401, &json!({ "detail": text }))
}
