//! What a request to the admin API brought, once its key was right.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts},
    response::Response,
};
use perennial_edge::problem;
use perennial_protocol::{
    admin_key::{AdminKey, AdminScope},
    refusal::Refusal,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    http::request,
    limits,
    operations::operator::{Operator, admin_keys::admit_admin_key},
    service::Service,
    visit::Visit,
};

/// A request of somebody who may ask; whether for this, `may` says.
#[derive(Debug)]
pub(super) struct AdminRequest {
    pub(super) service: Arc<Service>,
    /// Where it comes from. It has no jar: cookies mean nothing here.
    pub(super) visit: Visit,
    key: AdminKey,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl FromRequest<Arc<Service>> for AdminRequest {
    type Rejection = Response;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        Self::read(service, parts, body).await.map_err(|refusal| problem::plain(&refusal))
    }
}

impl AdminRequest {
    async fn read(service: &Arc<Service>, parts: Parts, body: Body) -> Result<Self, Refusal> {
        let visit = Visit { jar: Default::default(), ..request::visit(service, &parts) };
        let key = admit_admin_key(service, &visit, bearer(&parts.headers)).await?;
        let body = request::read(body, limits::ADMIN_BODY_BYTES_MAX).await?;
        Ok(Self { service: Arc::clone(service), visit, key, uri: parts.uri, headers: parts.headers, body })
    }

    /// Refuses what the key was not made for.
    pub(super) fn may(&self, scope: AdminScope) -> Result<(), Refusal> {
        if self.key.scopes.contains(&scope) {
            return Ok(());
        }
        Err(Refusal::Forbidden(format!("The key `{}` was not given the scope `{}`.", self.key.name, scope.name())))
    }

    /// Who the audit log names.
    pub(super) fn by(&self) -> Operator {
        Operator::Key(self.key.name.clone())
    }

    /// The body as JSON. What it holds is not repeated: it may be a password.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let sent = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = sent.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Refusal::UnsupportedMediaType);
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let what = match error.is_data() {
                true => "lacks a field, or has one that is unknown or of the wrong type",
                false => "is not JSON",
            };
            Refusal::InvalidRequest(format!("The body {what} (line {line}, column {column})."))
        })
    }

    /// The parameters behind the path.
    pub(super) fn query<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let sentence = "The query lacks a parameter, or has one that is unknown or of the wrong type.";
        let query = Query::try_from_uri(&self.uri).map_err(|_| Refusal::InvalidRequest(sentence.into()))?;
        Ok(query.0)
    }
}

/// The key that a request shows (RFC 6750 §2.1), in the header and nowhere else: addresses get logged.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// The last part of a path; what is not even text names nothing.
#[derive(Debug)]
pub(super) struct Named(pub(super) String);

impl FromRequestParts<Arc<Service>> for Named {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Response> {
        let path: Result<Path<String>, _> = Path::from_request_parts(parts, service).await;
        Ok(Self(path.map(|Path(name)| name).unwrap_or_default()))
    }
}

/// What a call has to say: a value, or that it is done.
pub(super) fn answer(outcome: Result<Option<Value>, Refusal>) -> Response {
    let mut response = match outcome {
        Err(refusal) => return problem::plain(&refusal),
        Ok(None) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        Ok(Some(value)) => {
            let mut response = Response::new(Body::from(value.to_string()));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
