//! Requests in the name of the person whose request a server is answering: pages rendered on a server, jobs that
//! were begun in a session.
//!
//! The visitor holds the cookies that came with the browser's request. It sends them to their own origin only,
//! and access tokens to the APIs that were named. A session is renewed once, by one of the requests that need it;
//! each request is sent once more at most. What the browser is to store is collected, and has to be put on the
//! answer that it gets.

mod jar;
mod refusal;

use std::sync::{Mutex, MutexGuard, PoisonError};

use reqwest::{Method, Request, Response, Url, header};
use serde::Deserialize;

pub use self::{jar::Names, refusal::SessionError};
use self::{jar::VisitorJar, refusal::Said};
use crate::limits;

/// A client for one auth service.
#[derive(Debug)]
pub struct SessionClient {
    http: reqwest::Client,
    /// The base of its API, such as `https://app.example.com/auth`.
    auth: Url,
    names: Names,
    /// Origins of APIs that take access tokens as bearers.
    apis: Vec<url::Origin>,
}

impl SessionClient {
    /// For the auth service whose API is below `auth`.
    pub fn new(auth: Url) -> Result<Self, reqwest::Error> {
        let builder = reqwest::Client::builder().connect_timeout(limits::CONNECT_WAIT);
        // A redirect is an answer for the browser, and must not carry a token elsewhere.
        let http = builder.redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { http, names: Names::of(&auth), auth, apis: Vec::new() })
    }

    /// With other names of cookies or another header than the defaults.
    #[must_use]
    pub fn with_names(self, names: Names) -> Self {
        Self { names, ..self }
    }

    /// With an API on another origin that takes the access token as a bearer.
    #[must_use]
    pub fn with_api(mut self, api: &Url) -> Self {
        self.apis.push(api.origin());
        self
    }

    /// The person who sent these cookies: the `Cookie` header of the browser's request.
    pub fn visitor(&self, cookie: &str) -> Visitor<'_> {
        let state = Mutex::new(State { jar: VisitorJar::read(cookie), access: None, renewals: 0 });
        Visitor { client: self, state, renewal: tokio::sync::Mutex::default() }
    }
}

/// One person, for as long as one answer is made.
#[derive(Debug)]
pub struct Visitor<'c> {
    client: &'c SessionClient,
    state: Mutex<State>,
    /// Held by the request that renews.
    renewal: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    jar: VisitorJar,
    /// An access token that came in a body, where that is how it travels.
    access: Option<jar::Secret>,
    renewals: u32,
}

/// What becomes of a request after its answer was looked at.
enum Next {
    Done(Response),
    /// The session has to be renewed before it is sent once more.
    Renew,
    /// It is sent once more as it is: the jar holds something newer now.
    Again,
}

impl Visitor<'_> {
    /// Sends a request in the person's name. Whatever an API says of its own comes back as it is.
    pub async fn send(&self, request: Request) -> Result<Response, SessionError> {
        let once_more = request.try_clone();
        let before = self.renewals();
        let next = self.sent(request).await?;
        let Next::Done(answer) = next else {
            if matches!(next, Next::Renew) {
                self.renewed_since(before).await?;
            }
            let again = once_more.ok_or(SessionError::RetryWithBody)?;
            return match self.sent(again).await? {
                Next::Done(answer) => Ok(answer),
                Next::Renew | Next::Again => Err(SessionError::Refused),
            };
        };
        Ok(answer)
    }

    /// The Set-Cookie lines for the browser. They hold secrets.
    pub fn set_cookie_lines(&self) -> Vec<String> {
        self.state().jar.lines()
    }

    async fn sent(&self, mut request: Request) -> Result<Next, SessionError> {
        let place = self.place(request.url());
        if place == Place::Api && self.state().bearer(&self.client.names).is_none() {
            return Ok(Next::Renew);
        }
        self.state().sign(&mut request, &self.client.names, &self.client.auth, place);
        let answer = self.client.http.execute(request).await.map_err(SessionError::Unreachable)?;
        if place == Place::Own {
            self.state().jar.keep(answer.headers());
        }
        let (answer, said) = refusal::read(answer).await?;
        Ok(match said {
            None => Next::Done(answer),
            Some(Said::Renewable) => Next::Renew,
            Some(Said::Again) => Next::Again,
            Some(Said::Error(error)) => return Err(error),
        })
    }

    /// Renews, unless another request has done so meanwhile.
    async fn renewed_since(&self, before: u32) -> Result<(), SessionError> {
        let _alone = self.renewal.lock().await;
        if self.renewals() != before {
            return Ok(());
        }
        for _ in 0..2 {
            match self.renew().await? {
                Next::Done(answer) => {
                    let told: Renewed = answer.json().await.map_err(SessionError::Unreachable)?;
                    let mut state = self.state();
                    state.access = told.access.map(jar::Secret).or(state.access.take());
                    state.renewals += 1;
                    return Ok(());
                }
                Next::Again => {}
                Next::Renew => break,
            }
        }
        Err(SessionError::NotAuthenticated)
    }

    async fn renew(&self) -> Result<Next, SessionError> {
        let mut url = self.client.auth.clone();
        url.set_path(&format!("{}/token", self.client.auth.path().trim_end_matches('/')));
        self.sent(Request::new(Method::POST, url)).await
    }

    fn place(&self, url: &Url) -> Place {
        if url.origin() == self.client.auth.origin() {
            Place::Own
        } else if self.client.apis.contains(&url.origin()) {
            Place::Api
        } else {
            Place::Elsewhere
        }
    }

    fn renewals(&self) -> u32 {
        self.state().renewals
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The origin of the cookies.
    Own,
    /// An API that takes access tokens.
    Api,
    /// Nobody there is told anything.
    Elsewhere,
}

#[derive(Deserialize)]
struct Renewed {
    access: Option<String>,
}

impl State {
    /// A good access token, from wherever it travels.
    fn bearer(&self, names: &Names) -> Option<String> {
        match &self.access {
            Some(access) if jar::lasts(&access.0) => Some(access.0.clone()),
            Some(_) | None => self.jar.access(names).filter(|token| jar::lasts(token)),
        }
    }

    /// Adds what the place may know of the person.
    fn sign(&self, request: &mut Request, names: &Names, auth: &Url, place: Place) {
        let is_safe = request.method().is_safe();
        let headers = request.headers_mut();
        let mut set = |name: header::HeaderName, text: String| {
            if let Ok(mut value) = header::HeaderValue::from_str(&text) {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        };
        match place {
            Place::Own => {
                set(header::COOKIE, self.jar.header());
                // The header says whose page this is: a jar that has changed hands fails closed.
                if let Some(token) = self.jar.csrf(names) {
                    set(names.csrf_header.clone(), token);
                }
                if !is_safe {
                    set(header::ORIGIN, auth.origin().ascii_serialization());
                }
                if let Some(access) = self.access.as_ref().filter(|access| jar::lasts(&access.0)) {
                    set(header::AUTHORIZATION, format!("Bearer {}", access.0));
                }
            }
            Place::Api => {
                if let Some(token) = self.bearer(names) {
                    set(header::AUTHORIZATION, format!("Bearer {token}"));
                }
            }
            Place::Elsewhere => {}
        }
    }
}
