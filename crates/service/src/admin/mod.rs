//! The admin API: what programs of the operator ask for, on the admin listener, with a key.
//!
//! It shares no path, no cookie and no listener with the API for browsers. A request that a page could have
//! sent is refused before its key is looked at, and nothing of a request is read before its key was right.

mod gateway;
pub mod issued;
mod request;
mod sessions;
mod users;

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    middleware,
    response::Response,
    routing::{get, post, put},
};
use perennial_edge::problem;
use perennial_protocol::refusal::Refusal;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    http::{in_time, paths},
    service::Service,
};

pub use sessions::of_session;
pub use users::of_account;

/// Everything under `/admin`.
pub fn router(service: Arc<Service>) -> Router {
    let timeout = service.settings.request_timeout;
    let calls = Router::new()
        .route("/admin/sessions", get(sessions::list).post(sessions::issue))
        .route("/admin/sessions/revoke", post(sessions::end_all))
        .route("/admin/sessions/{session_key}", get(sessions::show).delete(sessions::end_one))
        .route("/admin/users", get(users::list).post(users::create))
        .route("/admin/users/import", post(users::import))
        .route("/admin/users/{id}", get(users::show))
        .route("/admin/users/{id}/disable", post(users::disable))
        .route("/admin/users/{id}/enable", post(users::enable))
        .route("/admin/users/{id}/password", put(users::set_password))
        .route("/admin/users/{id}/claims", put(users::set_claims))
        .route("/admin/gateway/judge", post(gateway::judge))
        .route("/admin/gateway/renew", post(gateway::renew))
        .route("/admin/gateway/ends", get(gateway::ends))
        .fallback(async || problem::plain(&Refusal::NotFound))
        .method_not_allowed_fallback(async || problem::plain(&Refusal::MethodNotAllowed))
        .with_state(service);
    // Layers of the outer router run before the inner one looks at the path.
    Router::new()
        .fallback_service(calls)
        .layer(middleware::map_request(async |request: Request| paths::bare(request)))
        .layer(middleware::from_fn(move |request, next| in_time(timeout, request, next)))
        .layer(CatchPanicLayer::custom(|_| problem::plain(&Refusal::InternalError)))
}

/// Refuses what a page sends. Browsers name their own requests, and scripts cannot make them leave it out.
/// `Sec-Fetch-Mode` alone is no sign of one: the `fetch` of Node sends it too.
pub async fn refuse_browsers(request: Request, next: middleware::Next) -> Response {
    const SIGNS: [&str; 4] = ["origin", "sec-fetch-site", "sec-fetch-dest", "sec-fetch-user"];
    if SIGNS.iter().any(|sign| request.headers().contains_key(*sign)) {
        return problem::plain(&Refusal::Forbidden(
            "This address is for programs. Requests of browsers are refused.".into(),
        ));
    }
    next.run(request).await
}
