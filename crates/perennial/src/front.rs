//! What browsers reach: the service under its own paths, and the gateway's routes everywhere else.

use std::sync::Arc;

use axum::{Router, extract::Request};
use perennial_edge::problem;
use perennial_gateway::Gateway;
use perennial_protocol::refusal::Refusal;
use perennial_service::{Service, http::paths::OwnPaths};
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;

/// The service, and in front of what it does not own itself the gateway.
pub(crate) fn router(service: &Arc<Service>, gateway: Option<Arc<Gateway>>) -> Router {
    let own = perennial_service::http::router(Arc::clone(service));
    let Some(gateway) = gateway else { return own };
    let paths = Arc::new(OwnPaths::new(&service.settings));
    let split = move |request: Request| {
        let (own, gateway, paths) = (own.clone(), Arc::clone(&gateway), Arc::clone(&paths));
        async move {
            let path = request.uri().path();
            if paths.has(path) || !gateway.has(path) {
                own.oneshot(request).await
            } else {
                gateway.answer(request).await
            }
        }
    };
    Router::new()
        .fallback_service(tower::service_fn(split))
        .layer(CatchPanicLayer::custom(|_| problem::plain(&Refusal::InternalError)))
}
