//! A running node: its listeners, its housekeeping, and its end.

use std::{sync::Arc, time::Duration};

use axum::Router;
use perennial_edge::server;
use perennial_protocol::time::{Millis, UnixMillis};
use perennial_service::{Service, keys::KeyStore};
use perennial_settings::Settings;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::wiring::{KeyWatch, Wired};

/// How often the keys are looked at.
const KEY_WATCH: Duration = Duration::from_secs(1);

/// How often the log of ends is looked at: an end is known to every node well within two seconds.
const ENDS_LOOK: Duration = Duration::from_millis(500);

/// How often the store forgets what nobody can ask for any more.
const SWEEP: Duration = Duration::from_secs(600);

/// How long an ended row is kept, so that a late request still hears why.
const KEEP_ENDED: Millis = Millis::days(7);

const SWEEP_ROWS: usize = 1000;

/// How long the last messages may take to leave.
const MAIL_GRACE: Duration = Duration::from_secs(5);

/// Serves until the process is asked to stop, then lets requests and messages finish.
pub(crate) async fn run(
    settings: &Settings,
    wired: Wired,
    public: (TcpListener, Router),
    admin: (TcpListener, Router),
) -> anyhow::Result<()> {
    let Wired { service, keys, database_clock, mail_worker } = wired;
    let limits = server_limits(settings);
    let (stop, stopped) = watch::channel(());
    let housekeeping = tokio::spawn(keep_house(Arc::clone(&service), keys));
    let ends = tokio::spawn(follow_ends(Arc::clone(&service)));
    let clock_keeping = database_clock.map(|clock| tokio::spawn(clock.keep()));
    let until = |mut stopped: watch::Receiver<()>| async move {
        let _ = stopped.changed().await;
    };
    let public = tokio::spawn(server::serve(public.0, public.1, limits, until(stopped.clone())));
    let admin = tokio::spawn(server::serve(admin.0, admin.1, limits, until(stopped)));

    asked_to_stop().await?;
    tracing::info!("stopping: requests that are under way will finish");
    stop.send_replace(());
    let _ = tokio::join!(public, admin);
    for task in [housekeeping, ends].into_iter().chain(clock_keeping) {
        task.abort();
        let _ = task.await;
    }
    drop(service);
    if tokio::time::timeout(MAIL_GRACE, mail_worker).await.is_err() {
        tracing::warn!("messages were still waiting when the node stopped");
    }
    Ok(())
}

pub(crate) fn server_limits(settings: &Settings) -> server::ServerLimits {
    server::ServerLimits {
        connections: settings.limits.connections,
        header_timeout: settings.limits.header_timeout.into(),
        shutdown_grace: settings.limits.shutdown_grace.into(),
    }
}

/// Waits for a signal to stop; whoever waits is told.
pub(crate) async fn asked_to_stop() -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

async fn keep_house(service: Arc<Service>, keys: Arc<dyn KeyStore>) {
    let (mut watch, mut told) = (KeyWatch::new(), None);
    let mut look = tokio::time::interval(KEY_WATCH);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            _ = look.tick() => {
                // The keys at hand stay in use: what cannot be read now may be readable in a second.
                let looked = watch.look(&*keys, &service.keyring, service.now()).await;
                let trouble = looked.err().map(|error| error.to_string());
                if let Some(reason) = trouble.as_ref().filter(|_| trouble != told) {
                    tracing::error!(reason, "the keys could not be read again; those at hand stay in use");
                }
                told = trouble;
            }
            _ = sweep.tick() => forget(&service).await,
        }
    }
}

/// Follows the log of ends. While the store cannot be asked, what is remembered stays in force.
async fn follow_ends(service: Arc<Service>) {
    let mut look = tokio::time::interval(ENDS_LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = look.tick() => {}
            () = service.ends.asked_to_look() => {}
        }
        // The store's refusal was logged where it was asked.
        let _ = service.follow_ends().await;
    }
}

async fn forget(service: &Service) {
    let now = service.now();
    let before = UnixMillis(now.0 - KEEP_ENDED.0);
    while let Ok(gone) = service.store.sweep(before, SWEEP_ROWS).await {
        if gone < SWEEP_ROWS {
            break;
        }
    }
    while let Ok(gone) = service.store.sweep_foreign_refreshes(now, SWEEP_ROWS).await {
        if gone < SWEEP_ROWS {
            break;
        }
    }
}
