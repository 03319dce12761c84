//! The admin listener: is it alive, is it ready, what does it count, and the admin API.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, http::StatusCode, http::header, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use perennial_service::Service;

/// What the admin listener works with.
#[derive(Clone)]
struct Admin {
    service: Arc<Service>,
    metrics: PrometheusHandle,
}

pub(crate) fn router(service: Arc<Service>, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(render))
        .with_state(Admin { service: Arc::clone(&service), metrics })
        .merge(perennial_service::admin::router(service))
        .layer(axum::middleware::from_fn(perennial_service::admin::refuse_browsers))
}

/// Ready means that the store answers.
async fn ready(State(admin): State<Admin>) -> impl IntoResponse {
    let asked = tokio::time::timeout(Duration::from_secs(1), admin.service.store.load_audit(1)).await;
    match asked {
        Ok(Ok(_)) => (StatusCode::OK, "ready\n"),
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n"),
    }
}

async fn render(State(admin): State<Admin>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], admin.metrics.render())
}
