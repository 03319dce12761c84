//! What a refusal of the service or of its gateway means for a request. Everything else is the API's own answer.

use std::time::Duration;

use perennial_protocol::session::EndReason;
use reqwest::{Response, header};
use serde::Deserialize;

use crate::limits;

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("nobody is logged in")]
    NotAuthenticated,
    #[error("the session is over ({})", reason.name())]
    SessionEnded { reason: EndReason },
    #[error("the page was loaded for another login than the browser has now")]
    IdentityChanged,
    /// Nothing is known: ask again.
    #[error("logins cannot be checked at the moment")]
    AuthUnavailable { retry_after: Option<Duration> },
    #[error("the session was renewed; send the request again, its body could be read only once")]
    RetryWithBody,
    #[error("the request was refused again after everything was done for it")]
    Refused,
    #[error("there was no answer: {0}")]
    Unreachable(#[source] reqwest::Error),
}

/// What is to be done.
pub(super) enum Said {
    Renewable,
    Again,
    Error(SessionError),
}

#[derive(Deserialize)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
    code: String,
    reason: Option<EndReason>,
    retry_after: Option<u64>,
}

/// Reads a refusal of ours. The answer that comes back is whole.
pub(super) async fn read(answer: Response) -> Result<(Response, Option<Said>), SessionError> {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let small = answer.content_length().is_some_and(|length| length <= limits::PROBLEM_BYTES_MAX);
    if answer.status().is_success() || !kind.starts_with("application/problem+json") || !small {
        return Ok((answer, None));
    }
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.map_err(SessionError::Unreachable)?;
    let problem: Option<Problem> = serde_json::from_slice(&body).ok();
    let said = problem.filter(|problem| problem.kind.starts_with("urn:perennial:problem:")).and_then(meaning);
    let mut whole = http::Response::new(body);
    (*whole.status_mut(), *whole.headers_mut()) = (status, headers);
    Ok((Response::from(whole), said))
}

fn meaning(problem: Problem) -> Option<Said> {
    Some(match problem.code.as_str() {
        "invalid_token" | "not_authenticated" => Said::Renewable,
        // The jar may hold something newer, or was just told what mends it.
        "stale_token" | "csrf_failed" | "retry_with_body" => Said::Again,
        "session_ended" => {
            let reason = problem.reason.unwrap_or(EndReason::Unknown);
            Said::Error(SessionError::SessionEnded { reason })
        }
        "identity_changed" => Said::Error(SessionError::IdentityChanged),
        "auth_unavailable" => {
            let retry_after = problem.retry_after.map(Duration::from_secs);
            Said::Error(SessionError::AuthUnavailable { retry_after })
        }
        _ => return None,
    })
}
