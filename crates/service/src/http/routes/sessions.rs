//! `GET {base}/sessions` and `DELETE {base}/sessions/{session_key}`: the device list.

use std::sync::Arc;

use axum::{
    extract::{FromRequest, Path, Request, State, rejection::PathRejection},
    response::Response,
};
use perennial_protocol::{call::Call, time::UnixMillis};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    http::{
        answer::Reply,
        guard::{self, Proof},
        request::ApiRequest,
    },
    operations::{
        end_session::end_session,
        list_sessions::{Device, Place, list_sessions},
    },
    outcome::{JarChange, Outcome},
    service::Service,
    visit::Carried,
};

/// The devices of the person who is logged in.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct SessionsAnswer<'s> {
    sessions: Vec<SessionLine<'s>>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct SessionLine<'s> {
    session_key: &'s str,
    /// What the browser calls itself, shortened.
    device: &'s str,
    created_seconds_ago: i64,
    active_seconds_ago: i64,
    /// How many factors stood behind the login.
    aal: u8,
    /// Method references (RFC 8176).
    amr: &'s [String],
    /// Whether it is the session that asks.
    current: bool,
}

pub async fn list(request: ApiRequest) -> Response {
    let outcome = run_list(&request).await;
    request.respond(Call::Sessions, outcome)
}

async fn run_list(request: &ApiRequest) -> Outcome<Reply> {
    let carried = Carried::load(&request.service, &request.visit.jar).await?;
    // A page that names its login hears when it is not the jar's any more, on reads too.
    let proof = Proof::of_header(&request.service, &request.headers);
    if proof.token.is_some() || request.visit.bearer.is_some() {
        guard::admit(&request.service, Call::Sessions, proof, &request.visit, &carried).await?;
    }
    let devices = list_sessions(&request.service, &request.visit, &carried).await?;
    let now = request.service.now();
    let answer = SessionsAnswer { sessions: devices.iter().map(|device| line(device, now)).collect() };
    Ok(Reply::Json(json!(answer), JarChange::default()))
}

fn line(device: &Device, now: UnixMillis) -> SessionLine<'_> {
    SessionLine {
        session_key: device.session_key.as_str(),
        device: &device.device,
        created_seconds_ago: now.since(device.created_at).whole_seconds().max(0),
        active_seconds_ago: now.since(device.active_at).whole_seconds().max(0),
        aal: device.level,
        amr: &device.methods,
        current: device.place == Place::Here,
    }
}

pub async fn end(
    State(service): State<Arc<Service>>,
    session_key: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let request = match ApiRequest::from_request(request, &service).await {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    // What is not even text names no session.
    let session_key = session_key.map_or_else(|_| String::new(), |Path(session_key)| session_key);
    let outcome = run_end(&request, &session_key).await;
    request.respond(Call::Sessions, outcome)
}

async fn run_end(request: &ApiRequest, session_key: &str) -> Outcome<Reply> {
    let carried = request.admitted_without_parameters(Call::Sessions).await?;
    end_session(&request.service, &request.visit, &carried, session_key).await.map(Reply::NoContent)
}
