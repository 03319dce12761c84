//! HTTP: translates between requests and operations, and decides nothing.
//!
//! `request` is what a call brought, `guard` whether it may act, `routes` one file a path, `answer` and
//! `cookies` what goes back.

pub mod answer;
pub mod cookies;
pub mod guard;
pub mod openapi;
pub mod paths;
pub mod request;
pub mod routes;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    middleware,
    middleware::Next,
    response::Response,
};
use perennial_edge::{cors::Cors, problem};
use perennial_protocol::refusal::Refusal;

use crate::service::Service;

/// The whole API (and the pages, where they are on) over a service. It nests into any axum app.
pub fn router(service: Arc<Service>) -> Router {
    let (timeout, cors) = (
        service.settings.request_timeout,
        Cors::new(service.settings.origins.clone(), service.settings.csrf_header.as_str()),
    );
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
    let routed = Router::new().fallback_service(inner).layer(middleware::map_request(move |request: Request| {
        let service = Arc::clone(&service);
        async move { paths::canonical(&service.settings, request) }
    }));
    answered(routed, timeout, cors)
}

/// The same with an answer to whatever happens, in a form that every page which may call can read.
fn answered(routed: Router, timeout: Duration, cors: Cors) -> Router {
    let cors = Arc::new(cors);
    routed
        .layer(middleware::from_fn(move |request, next| in_time(timeout, request, next)))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(|_| problem::plain(&Refusal::InternalError)))
        .layer(middleware::from_fn(move |request, next| Arc::clone(&cors).share(request, next)))
}

/// No request takes longer than the configured time.
pub(crate) async fn in_time(limit: Duration, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            problem::plain(&Refusal::AuthUnavailable { retry_after: perennial_protocol::time::Millis::seconds(2) })
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        body::Body,
        http::{StatusCode, header},
        routing::get,
    };
    use perennial_protocol::origin::{Loopback, OriginPolicy};
    use tower::ServiceExt;

    use super::*;

    const PAGE: &str = "https://spa.example.com";

    async fn panic_in_the_handler() -> Response {
        panic!("as it should")
    }

    /// What a page of `origin` gets from a server where one path panics and one never answers.
    async fn ask(path: &str, origin: &str) -> Response {
        let routed = Router::new()
            .route("/panics", get(panic_in_the_handler))
            .route("/waits", get(|| async { std::future::pending::<()>().await }));
        let own = "https://auth.example.com".to_owned();
        let origins = OriginPolicy { own, allowed: vec![PAGE.to_owned()], loopback: Loopback::Refused };
        let app = answered(routed, Duration::from_millis(20), Cors::new(origins, "x-csrftoken"));
        let request = Request::builder().uri(path).header(header::ORIGIN, origin).body(Body::empty());
        app.oneshot(request.expect("a request")).await.expect("it answers whatever happens")
    }

    #[tokio::test]
    async fn a_panic_and_a_time_out_are_answers_that_an_allowed_page_can_read() {
        for (path, status) in
            [("/panics", StatusCode::INTERNAL_SERVER_ERROR), ("/waits", StatusCode::SERVICE_UNAVAILABLE)]
        {
            for (origin, readable) in [(PAGE, true), ("https://evil.example.com", false)] {
                let answer = ask(path, origin).await;
                assert_eq!(answer.status(), status, "{path}");
                let allowed = answer.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
                assert_eq!(allowed.is_some_and(|allowed| allowed == origin), readable, "{path} {origin}");
            }
        }
    }
}
