//! The gateway: a reverse proxy that recognises the session, renews it in flight, forwards the request with a
//! fresh token, and repairs what the upstream rejects.
//!
//! `phases` is the way of a request, each phase a file. `upstream` speaks to the servers behind, `headers` says
//! what passes in either direction, `tunnel` keeps and cuts what lasts. Whose a request is, the gateway asks the
//! `SessionAuthority`; it knows neither passwords nor sessions.

pub mod exchange;
mod headers;
pub mod limits;
mod phases;
pub mod settings;
mod tunnel;
mod upstream;

use std::{convert::Infallible, sync::Arc};

use axum::{extract::Request, response::Response};
use perennial_edge::{authority::SessionAuthority, cors::Cors};
use tokio::sync::broadcast;

use crate::upstream::Upstreams;
pub use crate::{exchange::Exchange, settings::GatewaySettings};

/// A gateway over an authority.
#[derive(Debug)]
pub struct Gateway {
    settings: GatewaySettings,
    authority: Arc<dyn SessionAuthority>,
    upstreams: Upstreams,
    cors: Cors,
    /// Who watches; nobody, as a rule.
    watchers: broadcast::Sender<Arc<Exchange>>,
}

impl Gateway {
    pub fn new(settings: GatewaySettings, authority: Arc<dyn SessionAuthority>) -> Self {
        let upstreams = Upstreams::new(settings.connect_timeout);
        let cors = Cors::new(settings.origins.clone(), settings.csrf_header.as_str());
        Self { settings, authority, upstreams, cors, watchers: broadcast::Sender::new(limits::WATCHED_EXCHANGES) }
    }

    /// Whether some route has this path.
    pub fn has(&self, path: &str) -> bool {
        self.settings.routes.has(path)
    }

    /// Answers a request, whatever happens.
    pub async fn answer(self: Arc<Self>, request: Request) -> Result<Response, Infallible> {
        Ok(phases::run(&self, request).await)
    }

    /// Everything that passes from now on.
    pub fn watch(&self) -> broadcast::Receiver<Arc<Exchange>> {
        self.watchers.subscribe()
    }
}
