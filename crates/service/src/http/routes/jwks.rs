//! `GET /.well-known/jwks.json`: the public keys of access tokens.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use crate::{credentials::access::JwkSet, limits, service::Service};

pub async fn read(State(service): State<Arc<Service>>) -> Response {
    let cache = format!("public, max-age={}", limits::JWKS_MAX_AGE_SECONDS);
    ([(header::CACHE_CONTROL, cache)], Json(JwkSet::of(&service.keys()))).into_response()
}
