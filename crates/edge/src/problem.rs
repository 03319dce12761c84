//! Refusals on the wire: RFC 9457 problem details with a stable `code`.
//!
//! The one place that turns a refusal into a status. The match has no wildcard: a new refusal does not
//! compile until it has one.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use perennial_protocol::{refusal::Refusal, time::Millis};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A refusal as a client reads it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem<'p> {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    detail: &'p str,
    /// Stable: what programs go by.
    code: &'static str,
    /// The same as `detail`.
    message: &'p str,
    success: bool,
    /// Why a session is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Seconds to wait, as in the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// The token that repairs a `csrf_failed` or `identity_changed`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    further: Map<String, Value>,
}

/// The status of a refusal.
pub const fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::InvalidRequest(_) => StatusCode::BAD_REQUEST,
        Refusal::InvalidToken
        | Refusal::InvalidAccessToken
        | Refusal::SessionEnded(_)
        | Refusal::StaleToken(_)
        | Refusal::NotAuthenticated
        | Refusal::InvalidCredentials
        | Refusal::InvalidCode
        | Refusal::ReauthenticationRequired => StatusCode::UNAUTHORIZED,
        Refusal::CsrfFailed | Refusal::Forbidden(_) => StatusCode::FORBIDDEN,
        Refusal::NotFound => StatusCode::NOT_FOUND,
        Refusal::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Refusal::IdentityChanged | Refusal::RetryWithBody => StatusCode::CONFLICT,
        Refusal::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Refusal::MisdirectedRequest => StatusCode::MISDIRECTED_REQUEST,
        Refusal::TooManyAttempts { .. } => StatusCode::TOO_MANY_REQUESTS,
        Refusal::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
        Refusal::UpstreamUnavailable => StatusCode::BAD_GATEWAY,
        Refusal::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
        Refusal::AuthUnavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// One sentence that says what happened and what to do.
pub fn detail(refusal: &Refusal) -> String {
    match refusal {
        Refusal::InvalidRequest(sentence) | Refusal::Forbidden(sentence) => sentence.clone(),
        Refusal::InvalidToken => "The refresh token was not made by this server. Log in again.".into(),
        Refusal::InvalidAccessToken => {
            "The access token has expired or was not made by this server. Refresh (POST token), then repeat it.".into()
        }
        Refusal::SessionEnded(reason) => format!("The session is over ({}). Log in again.", reason.name()),
        Refusal::StaleToken(_) => {
            "The refresh token is not the newest of its session. Send the request again with the cookies that the \
             browser has now."
                .into()
        }
        Refusal::NotAuthenticated => "This call needs a login. None of its credentials came with the request.".into(),
        Refusal::InvalidCredentials => "The e-mail address or the password is wrong.".into(),
        Refusal::InvalidCode => "The code is wrong or was used already.".into(),
        Refusal::TooManyAttempts { retry_after } => {
            format!("Too many attempts. Try again in {} seconds.", retry_after.whole_seconds())
        }
        Refusal::ReauthenticationRequired => {
            "This call needs a fresh login. Prove yourself again (POST reauthenticate), then repeat it.".into()
        }
        Refusal::CsrfFailed => {
            "The anti-CSRF check failed. Repeat the request with the csrf_token of this answer in the CSRF header, \
             from an allowed origin."
                .into()
        }
        Refusal::IdentityChanged => {
            "This page was loaded for another login than the one the browser has now. Reload it.".into()
        }
        Refusal::UnsupportedMediaType => "Send JSON with `Content-Type: application/json`.".into(),
        Refusal::NotFound => "There is nothing at this address.".into(),
        Refusal::MethodNotAllowed => "This address does not answer to this method. See the Allow header.".into(),
        Refusal::BodyTooLarge => "The body is larger than this call accepts.".into(),
        Refusal::MisdirectedRequest => "This server does not answer for the Host of the request.".into(),
        Refusal::InternalError => "Something went wrong on the server. The session is untouched; try again.".into(),
        Refusal::RetryWithBody => {
            "The session was renewed while the request was under way. Nothing was done; send it again with its body."
                .into()
        }
        Refusal::UpstreamUnavailable => "The server behind this address cannot be reached. Try again.".into(),
        Refusal::UpstreamTimeout => {
            "The server behind this address did not answer in time. It may have acted on the request.".into()
        }
        Refusal::AuthUnavailable { .. } => {
            "Logins cannot be checked at the moment. The session is untouched; try again.".into()
        }
    }
}

/// A refusal without cookies.
pub fn plain(refusal: &Refusal) -> Response {
    render(refusal, Map::new())
}

/// A refusal with further fields in its body.
pub fn render(refusal: &Refusal, further: Map<String, Value>) -> Response {
    let status = status(refusal);
    let detail = detail(refusal);
    let retry_after = retry_after_seconds(refusal);
    let problem = Problem {
        kind: format!("urn:perennial:problem:{}", refusal.code()),
        title: refusal.code().replace('_', " "),
        status: status.as_u16(),
        detail: &detail,
        code: refusal.code(),
        message: &detail,
        success: false,
        reason: if let Refusal::SessionEnded(reason) = refusal { Some(reason.name()) } else { None },
        retry_after,
        further,
    };
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge(refusal)));
    }
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// RFC 6750 §3.1: without a credential no error is named.
fn challenge(refusal: &Refusal) -> &'static str {
    let bad_token = matches!(
        refusal,
        Refusal::InvalidToken | Refusal::InvalidAccessToken | Refusal::SessionEnded(_) | Refusal::StaleToken(_)
    );
    if bad_token {
        r#"Bearer realm="perennial", error="invalid_token""#
    } else if *refusal == Refusal::ReauthenticationRequired {
        // RFC 9470 §3.
        r#"Bearer realm="perennial", error="insufficient_user_authentication""#
    } else {
        r#"Bearer realm="perennial""#
    }
}

/// How long a client is asked to wait, where it is.
pub fn retry_after_seconds(refusal: &Refusal) -> Option<u64> {
    let (Refusal::TooManyAttempts { retry_after } | Refusal::AuthUnavailable { retry_after }) = refusal else {
        return None;
    };
    u64::try_from(Millis(retry_after.0 + 999).whole_seconds().max(1)).ok()
}

/// 303: a navigation goes on there with GET, whatever its method was (RFC 9110 §15.4.4).
pub fn see_other(location: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // What is no header value was no address that a browser could have asked for.
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/"));
    headers.insert(header::LOCATION, location);
    response
}
