//! HTTP: translates between requests and operations, and decides nothing.
//!
//! `request` is what a call brought, `guard` whether it may act, `routes` one file a path, `answer`,
//! `cookies` and `problem` what goes back. `server` accepts connections.

pub mod answer;
pub mod cookies;
pub mod guard;
pub mod hosts;
pub mod openapi;
pub mod paths;
pub mod problem;
pub mod request;
pub mod routes;
pub mod server;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    middleware,
    middleware::Next,
    response::Response,
};
use perennial_protocol::refusal::Refusal;

use crate::service::Service;

/// The whole API (and the pages, where they are on) over a service. It nests into any axum app.
pub fn router(service: Arc<Service>) -> Router {
    let timeout = service.settings.request_timeout;
    let mut inner = routes::router(&service);
    if let Some(pages) = &service.settings.pages {
        inner = inner.merge(crate::pages::router(pages));
    }
    let inner = inner
        .fallback(|State(service): State<Arc<Service>>, request: Request| async move {
            crate::pages::nowhere(&service, request, Refusal::NotFound).await
        })
        .method_not_allowed_fallback(|State(service): State<Arc<Service>>, request: Request| async move {
            crate::pages::nowhere(&service, request, Refusal::MethodNotAllowed).await
        })
        .with_state(Arc::clone(&service));
    // Layers of the outer router run before the inner one looks at the path.
    Router::new()
        .fallback_service(inner)
        .layer(middleware::from_fn(move |request, next| in_time(timeout, request, next)))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(|_| problem::plain(&Refusal::InternalError)))
        .layer(middleware::map_request(move |request: Request| {
            let service = Arc::clone(&service);
            async move { paths::canonical(&service.settings, request) }
        }))
}

/// No request takes longer than the configured time.
async fn in_time(limit: Duration, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            problem::plain(&Refusal::AuthUnavailable { retry_after: perennial_protocol::time::Millis::seconds(2) })
        }
    }
}
