//! `/admin/sessions`: making sessions for people whom another system has proven, and ending them.

use axum::response::Response;
use perennial_protocol::{
    admin_key::AdminScope,
    claims::Claims,
    cookie::Jar,
    id::{SessionKey, Subject},
    refresh::{Delivery, Policy},
    refusal::Refusal,
    session::{AssuranceLevel, Session},
    time::UnixMillis,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    issued::Issued,
    request::{AdminRequest, Named, answer},
};
use crate::{
    limits,
    operations::{
        issue_session::{Issue, issue_session},
        operator::end_sessions,
    },
    outcome::Outcome,
    visit::Visit,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    subject: String,
    email: Option<String>,
    name: Option<String>,
    #[serde(default)]
    claims: Map<String, Value>,
    #[serde(default)]
    amr: Vec<String>,
    #[serde(default = "one")]
    aal: u8,
    /// The browser's Cookie header.
    #[serde(default)]
    cookie: String,
    /// The browser's User-Agent, for the list of devices.
    #[serde(default)]
    device: String,
}

const fn one() -> u8 {
    1
}

pub(super) async fn issue(request: AdminRequest) -> Response {
    answer(run_issue(&request).await.map_err(|refused| refused.refusal))
}

async fn run_issue(request: &AdminRequest) -> Outcome<Option<Value>> {
    request.may(AdminScope::SessionsIssue)?;
    let wanted: Wanted = request.json()?;
    // A header of a real request holds none of these, and parts of it come back in Set-Cookie lines.
    if wanted.cookie.chars().any(|c| c.is_control() && c != '\t') {
        return Err(wrong("`cookie` is the browser's Cookie header as it came: one line.").into());
    }
    let visit = Visit {
        jar: Jar::read([wanted.cookie.as_str()].into_iter()),
        bearer: None,
        address: request.visit.address,
        device: wanted.device.clone(),
        delivery: Delivery::Cookies,
    };
    let issue = Issue {
        subject: subject(&wanted.subject)?,
        level: AssuranceLevel::from_number(wanted.aal).ok_or_else(|| wrong("`aal` is 1 or 2."))?,
        claims: claims(&wanted)?,
        methods: methods(wanted.amr)?,
        by: request.by(),
    };
    let standing = issue_session(&request.service, &visit, issue).await?;
    let issued = Issued::of(&request.service, &visit, &standing).ok_or(Refusal::InternalError)?;
    Ok(serde_json::to_value(issued).ok())
}

/// What the operator says: `email` and `name` are claims like others, with a field each because everyone has
/// them.
fn claims(wanted: &Wanted) -> Result<Claims, Refusal> {
    let mut claims = wanted.claims.clone();
    for (name, value) in [("email", &wanted.email), ("name", &wanted.name)] {
        let Some(value) = value else { continue };
        if claims.insert(name.to_owned(), value.as_str().into()).is_some() {
            return Err(Refusal::InvalidRequest(format!("`{name}` is given twice: as a field and as a claim.")));
        }
    }
    Claims::new(claims).map_err(|why| Refusal::InvalidRequest(format!("{why}.")))
}

fn methods(amr: Vec<String>) -> Result<Vec<String>, Refusal> {
    let shaped = |method: &String| {
        (1..=limits::ISSUED_METHOD_LENGTH_MAX).contains(&method.len())
            && method.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    if amr.len() > limits::ISSUED_METHODS_MAX || !amr.iter().all(shaped) {
        return Err(wrong("`amr` is up to four names such as `pwd`, `otp` or `hwk` (RFC 8176)."));
    }
    Ok(amr)
}

fn subject(text: &str) -> Result<Subject, Refusal> {
    Subject::parse(text).map_err(|why| Refusal::InvalidRequest(format!("`subject`: {why}.")))
}

fn wrong(sentence: &str) -> Refusal {
    Refusal::InvalidRequest(sentence.to_owned())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Of {
    subject: String,
}

pub(super) async fn list(request: AdminRequest) -> Response {
    answer(run_list(&request).await)
}

async fn run_list(request: &AdminRequest) -> Result<Option<Value>, Refusal> {
    request.may(AdminScope::SessionsRead)?;
    let Of { subject: of } = request.query()?;
    let (service, of) = (&request.service, subject(&of)?);
    let now = service.now();
    let question = service.store.load_sessions_of(&of, now, limits::DEVICES_MAX);
    let sessions = service.ask(limits::STORE_WAIT, question).await?;
    let policy = &service.settings.lifetimes.refresh;
    let live = sessions.iter().filter(|session| session.over(policy, now).is_none());
    let lines: Vec<Value> = live.map(|session| of_session(session, policy, now)).collect();
    Ok(Some(json!({ "sessions": lines })))
}

pub(super) async fn show(name: Named, request: AdminRequest) -> Response {
    answer(run_show(&name, &request).await)
}

async fn run_show(name: &Named, request: &AdminRequest) -> Result<Option<Value>, Refusal> {
    request.may(AdminScope::SessionsRead)?;
    let service = &request.service;
    let session = end_sessions::session(service, &key(name)?).await?;
    Ok(Some(of_session(&session, &service.settings.lifetimes.refresh, service.now())))
}

pub(super) async fn end_one(name: Named, request: AdminRequest) -> Response {
    answer(run_end_one(&name, &request).await)
}

async fn run_end_one(name: &Named, request: &AdminRequest) -> Result<Option<Value>, Refusal> {
    request.may(AdminScope::SessionsEnd)?;
    end_sessions::end_one(&request.service, &request.by(), &key(name)?).await?;
    Ok(None)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllOf {
    subject: String,
    /// The session that stays.
    except: Option<SessionKey>,
}

pub(super) async fn end_all(request: AdminRequest) -> Response {
    answer(run_end_all(&request).await)
}

async fn run_end_all(request: &AdminRequest) -> Result<Option<Value>, Refusal> {
    request.may(AdminScope::SessionsEnd)?;
    let AllOf { subject: of, except } = request.json()?;
    end_sessions::end_all(&request.service, &request.by(), &subject(&of)?, except.as_ref()).await?;
    Ok(None)
}

fn key(name: &Named) -> Result<SessionKey, Refusal> {
    SessionKey::parse(&name.0).map_err(|_| Refusal::NotFound)
}

/// A session as the operator sees it.
pub fn of_session(session: &Session, policy: &Policy, now: UnixMillis) -> Value {
    let ago = |at: UnixMillis| now.since(at).whole_seconds().max(0);
    json!({
        "session_key": session.session_key,
        "subject": session.subject,
        "device": session.device,
        "created_seconds_ago": ago(session.created_at),
        "active_seconds_ago": ago(session.active_at),
        "authenticated_seconds_ago": ago(session.authentication.at),
        "expires_in": session.ends_at.since(now).whole_seconds().max(0),
        "aal": session.authentication.level.number(),
        "amr": session.authentication.methods,
        "generation": session.rotation.generation.0,
        "claims": session.claims,
        "ended_reason": session.over(policy, now).map(|reason| reason.name()),
    })
}
