//! `perennial dev`: everything on this machine, in one command.
//!
//! Loopback only, exact Host values only. Accounts, keys and data are made once and kept in one directory;
//! mail is kept in memory and shown. A demo runs behind the gateway, unless there are routes to something better.

mod accounts;
mod banner;
mod demo;
mod mailbox;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::bail;
use axum::{Router, middleware};
use perennial_edge::hosts::Hosts;
use perennial_service::{Service, clock::SystemClock, mail::Mailbox};
use perennial_settings::{Mode, Sources};
use tokio::net::TcpListener;

use self::demo::Demo;
use crate::{admin, cli::DevOptions, commands::serve::bind, front, node, telemetry, wiring};

pub(crate) async fn run(config: Option<&Path>, options: DevOptions) -> anyhow::Result<()> {
    if !options.listen.ip().is_loopback() {
        bail!("`dev` listens on loopback only: use --listen 127.0.0.1:PORT, or `perennial serve` for other machines");
    }
    let public = bind(options.listen).await?;
    let admin = bind_beside(options.listen).await?;
    let (address, admin_address) = (public.local_addr()?, admin.local_addr()?);
    let hosts = Hosts::of_loopback(address);
    let sources = sources(config, &options, address, admin_address, &hosts);
    let (demo, plain) = (Demo::bind().await?, wiring::resolve(&sources)?);
    let (demo, settings) = match demo.settings(&plain, sources) {
        Some(settings) => (Some(demo), settings),
        None => (None, plain),
    };
    telemetry::start_logs(&settings);
    let metrics = telemetry::start_metrics()?;

    let mails = Mailbox::new(Arc::new(SystemClock));
    let wired = wiring::wire(&settings, Arc::new(mails.clone()), Some(mailbox::PATH.to_owned())).await?;
    let url = format!("http://{}", hosts.canonical);
    let notes = accounts::prepare(&wired.service, &options.data, &url, &format!("http://{admin_address}")).await?;
    banner::print(&notes, &options, &settings, demo.as_ref().map(|_| demo::PATH))?;

    let gateway = wiring::gateway(&settings, Arc::<Service>::clone(&wired.service));
    let mut own = mailbox::router(mails);
    if let (Some(demo), Some(gateway)) = (demo, &gateway) {
        own = own.merge(demo.start(&settings, &wired.service, gateway, address));
    }
    let app = own.fallback_service(front::router(&wired.service, gateway));
    let admin_hosts = Hosts::of_loopback(admin_address);
    let admin_app = admin::router(Arc::clone(&wired.service), metrics);
    node::run(&settings, wired, (public, behind(app, hosts)), (admin, behind(admin_app, admin_hosts))).await
}

/// Only requests for these hosts reach the app.
fn behind(app: Router, hosts: Hosts) -> Router {
    app.layer(middleware::from_fn(move |request, next| hosts.clone().check(request, next)))
}

/// The admin listener: one port above, or any where any was asked for or that one is taken. Its address is
/// printed and noted, so nobody has to guess it.
async fn bind_beside(listen: SocketAddr) -> anyhow::Result<TcpListener> {
    let above = listen.port().checked_add(1).filter(|_| listen.port() != 0);
    if let Some(port) = above
        && let Ok(listener) = bind(SocketAddr::new(listen.ip(), port)).await
    {
        return Ok(listener);
    }
    bind(SocketAddr::new(listen.ip(), 0)).await
}

fn sources(
    config: Option<&Path>,
    options: &DevOptions,
    address: SocketAddr,
    admin_address: SocketAddr,
    hosts: &Hosts,
) -> Sources {
    let path = |name: &str| -> PathBuf { options.data.join(name) };
    let mut sources = wiring::sources(Mode::Dev, config)
        .given("--listen", "server.listen", address.to_string())
        .given("--listen", "server.admin_listen", admin_address.to_string())
        .given("--listen", "server.public_url", format!("http://{}", hosts.canonical))
        .given("--data", "store.url", format!("sqlite:{}", path("perennial.db").display()))
        .given("--data", "store.url_file", "")
        .given("--data", "keys.dir", path("keys").display().to_string())
        .given("--data", "keys.master_file", "");
    if let Some(wire) = &options.wire {
        sources = sources.given("--wire", "http.wire", wire.as_str());
    }
    sources
}
