//! Answers: a standing as JSON, cookies on every answer that changes the jar.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use perennial_edge::problem;
use perennial_protocol::{
    call::Call,
    csrf::{self, CsrfToken},
    login::StepName,
    refusal::Refusal,
    session::status::{Verdict, hint},
    token::{AccessClaims, Transport},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{cookies, request::ApiRequest};
use crate::{
    credentials::access::revision,
    entropy,
    outcome::{JarChange, Outcome, Person, RefreshState, Refused, Resync, Standing, Sweep},
    service::Service,
    settings::{Envelope, ServiceSettings},
    visit::Visit,
};

/// What a route has to say.
#[derive(Debug)]
pub enum Reply {
    Standing(Standing),
    /// A standing with further fields, such as recovery codes.
    StandingWith(Standing, Map<String, Value>),
    Json(Value, JarChange),
    NoContent(JarChange),
}

/// The session answer of the API. Durations are seconds from now. It may hold an access token, so it is not
/// printed.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionAnswer<'s> {
    status: &'static str,
    is_authenticated: bool,
    has_refresh_token: bool,
    has_mfa_setup_token: bool,
    has_mfa_verify_token: bool,
    session_key: Option<&'s str>,
    user: Option<&'s Person>,
    expires_in: Option<i64>,
    session_expires_in: Option<i64>,
    aal: Option<u8>,
    csrf_token: Option<&'s str>,
    /// A new access token, where it travels in bodies.
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<&'s str>,
    ended_reason: Option<&'static str>,
}

impl ApiRequest {
    /// The response to this request.
    pub fn respond(&self, call: Call, outcome: Outcome<Reply>) -> Response {
        let (status, body, change) = match outcome {
            Ok(Reply::Standing(standing)) => self.standing(standing, Map::new()),
            Ok(Reply::StandingWith(standing, further)) => self.standing(standing, further),
            Ok(Reply::Json(value, change)) => (StatusCode::OK, Some(value), change),
            Ok(Reply::NoContent(change)) => (StatusCode::NO_CONTENT, None, change),
            Err(refused) => return refuse(&self.service, &self.visit, refused),
        };
        let body = body.map(|value| Body::from(wire(&self.service.settings, call, value).to_string()));
        let mut response = Response::new(body.unwrap_or_default());
        *response.status_mut() = status;
        if status != StatusCode::NO_CONTENT {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        finish(&self.service, &self.visit, &change, response)
    }

    fn standing(&self, mut standing: Standing, further: Map<String, Value>) -> (StatusCode, Option<Value>, JarChange) {
        let csrf_token = synchronised_csrf(&self.service, &self.visit, &mut standing);
        let now = self.service.now();
        let authenticated = standing.verdict == Verdict::Authenticated;
        let session = standing.session.as_ref();
        let answer = SessionAnswer {
            status: standing.verdict.status().name(),
            is_authenticated: authenticated,
            has_refresh_token: standing.refresh == RefreshState::Good,
            has_mfa_setup_token: standing.steps.contains(&StepName::MfaSetup),
            has_mfa_verify_token: standing.steps.contains(&StepName::MfaVerify),
            session_key: session.map(|session| session.key.as_str()),
            user: standing.person.as_ref().filter(|_| authenticated),
            expires_in: standing.access.as_ref().map(|claims| (claims.exp - now.unix_seconds()).max(0)),
            session_expires_in: session
                .and_then(|session| session.ends_at)
                .map(|ends_at| ends_at.since(now).whole_seconds()),
            aal: session.filter(|_| authenticated).map(|session| session.level),
            csrf_token: csrf_token.as_deref(),
            access: match self.service.settings.transport {
                Transport::Cookie => None,
                Transport::Bearer => standing.jar.grant.as_ref().map(|grant| grant.access.expose()),
            },
            ended_reason: match standing.verdict {
                Verdict::Ended(reason) => Some(reason.name()),
                Verdict::Authenticated | Verdict::Renewable | Verdict::Pending(_) | Verdict::Anonymous => None,
            },
        };
        let mut value = serde_json::to_value(answer).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.extend(further);
        }
        (StatusCode::OK, Some(value), standing.jar)
    }
}

/// An answer as the wire wants it: the fields it asks for, the constants it adds, the envelope around it.
fn wire(settings: &ServiceSettings, call: Call, answer: Value) -> Value {
    let Value::Object(mut own) = answer else { return answer };
    let mut fields = match settings.fields.get(&call) {
        Some(wanted) => {
            wanted.iter().filter_map(|(name, source)| Some((name.clone(), own.get(source)?.clone()))).collect()
        }
        None => std::mem::take(&mut own),
    };
    fields.extend(
        settings.extra_fields.get(&call).into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())),
    );
    match settings.envelope {
        Envelope::None => Value::Object(fields),
        Envelope::Data => json!({ "success": true, "data": fields }),
    }
}

/// The anti-CSRF token that fits the standing; a missing or foreign cookie is set along with it.
pub fn synchronised_csrf(service: &Service, visit: &Visit, standing: &mut Standing) -> Option<String> {
    let (keys, names) = (service.keys(), &service.settings.cookies);
    let mut carried = visit.jar.csrf(names);
    if let Some(session) = &standing.session {
        let sid = session.sid?;
        let token = csrf::of_session(&keys.mac, &session.key, sid);
        let hint_fits = standing.access.as_ref().is_none_or(|claims| hint_fits(service, visit, claims));
        if (!carried.all(|cookie| cookie == token) || !visit.jar.has(&names.csrf) || !hint_fits)
            && standing.jar.grant.is_none()
        {
            let lives = session.ends_at?.since(service.now());
            standing.jar.resync = Some(Resync { csrf_token: token.clone(), lives, access: standing.access.clone() });
        }
        return Some(token);
    }
    let kept = carried.find(|text| CsrfToken::parse(text).is_some_and(|token| token.is_anonymous(&keys.mac)));
    Some(kept.map(str::to_owned).unwrap_or_else(|| {
        let token = csrf::anonymous(&keys.mac, entropy::bytes(&*service.entropy));
        standing.jar.resync = Some(Resync::visitor(token.clone()));
        token
    }))
}

/// Whether the jar's hint says what this access token does. Where every page has an access token of its own,
/// the hint speaks of the newest: an older page must not put its own there.
fn hint_fits(service: &Service, visit: &Visit, claims: &AccessClaims) -> bool {
    let Some(carried) = visit.jar.value(&service.settings.cookies.hint) else { return false };
    match service.settings.transport {
        Transport::Cookie => carried == hint(&claims.sid, revision(claims)),
        Transport::Bearer => carried.starts_with(&hint(&claims.sid, "")),
    }
}

/// A refusal with its cookies.
pub fn refuse(service: &Service, visit: &Visit, refused: Refused) -> Response {
    let mut further = Map::new();
    if let Some(resync) = &refused.jar.resync {
        further.insert("csrf_token".into(), resync.csrf_token.clone().into());
        if service.settings.envelope == Envelope::Data {
            further.insert("data".into(), json!({ "csrf_token": resync.csrf_token }));
        }
    }
    let response = problem::render(&refused.refusal, further);
    // Nothing is known, so nothing is changed.
    let untouched = matches!(refused.refusal, Refusal::AuthUnavailable { .. } | Refusal::InternalError);
    let change = if untouched { JarChange::default() } else { *refused.jar };
    finish(service, visit, &change, response)
}

/// Puts the cookies of a change on a response, which no cache may keep.
pub fn finish(service: &Service, visit: &Visit, change: &JarChange, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if change.sweep == Sweep::All && change.grant.is_none() {
        headers.insert(HeaderName::from_static("clear-site-data"), HeaderValue::from_static("\"cache\""));
    }
    for line in cookies::lines(service, &visit.jar, change) {
        if let Ok(value) = HeaderValue::from_str(&line) {
            headers.append(header::SET_COOKIE, value);
        }
    }
    response
}
