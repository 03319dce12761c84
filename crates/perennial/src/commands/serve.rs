//! `perennial serve`: runs the service.

use std::{path::Path, sync::Arc};

use anyhow::{Context, bail};
use perennial_settings::{Mode, Settings};
use tokio::net::TcpListener;

use crate::{admin, front, node, telemetry, wiring};

pub(crate) async fn run(config: Option<&Path>) -> anyhow::Result<()> {
    let settings: Settings = wiring::settings(Mode::Serve, config)?;
    if settings.gateway.as_ref().is_some_and(|gateway| gateway.authority.is_some()) {
        bail!("gateway.authority names a service elsewhere: run `perennial gateway`, or remove it");
    }
    telemetry::start_logs(&settings);
    let metrics = telemetry::start_metrics()?;
    let wired = wiring::wire(&settings, wiring::transport(&settings)?, None).await?;
    let public = bind(settings.server.listen).await?;
    let admin = bind(settings.server.admin_listen).await?;
    tracing::info!(listen = %settings.server.listen, public_url = %settings.server.public_url, "serving");

    let routers = (
        front::router(&wired.service, wiring::gateway_before(&wired, &settings)),
        admin::router(Arc::clone(&wired.service), metrics),
    );
    node::run(&settings, wired, (public, routers.0), (admin, routers.1)).await
}

pub(crate) async fn bind(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}
