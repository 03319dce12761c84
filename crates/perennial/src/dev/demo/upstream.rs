//! The demo's own server: a port of its own, and a switch that cuts it off for a while.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Notify, task::JoinSet, time::sleep};

/// How long a cut lasts.
pub(super) const CUT: Duration = Duration::from_secs(5);

/// How long to wait before the port is asked for again, should somebody else hold it.
const REBIND: Duration = Duration::from_millis(100);

/// A server that does not run yet.
pub(super) struct Upstream {
    address: SocketAddr,
    listener: TcpListener,
    switch: Arc<Notify>,
}

impl Upstream {
    pub(super) async fn bind() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        Ok(Self { address: listener.local_addr()?, listener, switch: Arc::default() })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whoever notifies it cuts the server off.
    pub(super) fn switch(&self) -> Arc<Notify> {
        Arc::clone(&self.switch)
    }

    /// Serves for ever. While it is cut off, nothing listens and no connection is left.
    pub(super) async fn run(self, app: Router) {
        let Self { address, mut listener, switch } = self;
        loop {
            serve(listener, &app, &switch).await;
            sleep(CUT).await;
            listener = loop {
                match TcpListener::bind(address).await {
                    Ok(listener) => break listener,
                    Err(_) => sleep(REBIND).await,
                }
            };
        }
    }
}

/// Serves until the switch is used. Connections end with the set that holds them.
async fn serve(listener: TcpListener, app: &Router, switch: &Notify) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                let app = TowerToHyperService::new(app.clone());
                connections.spawn(async move {
                    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), app).await;
                });
            }
            Some(_) = connections.join_next() => {}
            () = switch.notified() => return,
        }
    }
}
