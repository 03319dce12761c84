//! `perennial gateway`: a gateway apart from its service, on another machine or in another process.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use axum::{Router, routing::get};
use perennial_client::{RemoteAuthority, authority::AdminSecretText};
use perennial_edge::{problem, server};
use perennial_gateway::Gateway;
use perennial_protocol::refusal::Refusal;
use perennial_settings::{Mode, Settings};
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;

use super::serve::bind;
use crate::{node, telemetry, wiring};

pub(crate) async fn run(config: Option<&Path>) -> anyhow::Result<()> {
    let settings = wiring::settings(Mode::Serve, config)?;
    telemetry::start_logs(&settings);
    let metrics = telemetry::start_metrics()?;
    let authority = Arc::new(authority(&settings)?);
    let gateway = wiring::gateway(&settings, Arc::<RemoteAuthority>::clone(&authority)).context(NO_ROUTES)?;
    let gateway = Arc::new(gateway);
    let public = bind(settings.server.listen).await?;
    let admin = bind(settings.server.admin_listen).await?;
    tracing::info!(listen = %settings.server.listen, public_url = %settings.server.public_url, "the gateway serves");

    let ends = tokio::spawn(authority.follow_ends());
    let admin_router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(move || async move { metrics.render() }));
    let (stop, stopped) = watch::channel(());
    let until = |mut stopped: watch::Receiver<()>| async move {
        let _ = stopped.changed().await;
    };
    let limits = node::server_limits(&settings);
    let public = tokio::spawn(server::serve(public, router(gateway), limits, until(stopped.clone())));
    let admin = tokio::spawn(server::serve(admin, admin_router, limits, until(stopped)));
    node::asked_to_stop().await?;
    tracing::info!("stopping: requests that are under way will finish");
    stop.send_replace(());
    let _ = tokio::join!(public, admin);
    ends.abort();
    Ok(())
}

const NO_ROUTES: &str = "the gateway has no routes: write [[gateway.routes]] with a path and an upstream";

fn authority(settings: &Settings) -> anyhow::Result<RemoteAuthority> {
    let configured = settings.gateway.as_ref().context(NO_ROUTES)?;
    let named = configured
        .authority
        .as_ref()
        .context("gateway.authority names no service: `perennial serve` runs both in one process")?;
    let key = AdminSecretText(named.key.expose().to_owned());
    Ok(RemoteAuthority::new(&named.url, key, wiring::csrf_header(settings))?)
}

fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .fallback_service(tower::service_fn(move |request| Arc::clone(&gateway).answer(request)))
        .layer(CatchPanicLayer::custom(|_| problem::plain(&Refusal::InternalError)))
}
