//! The gateway: a reverse proxy that recognises the session, renews it in flight, forwards the request with a
//! fresh token, and repairs what the upstream rejects.
//!
//! `phases` is the way of a request, each phase a file. `upstream` speaks to the servers behind, `headers` says
//! what passes in either direction, `tunnel` keeps and cuts what lasts. Whose a request is, the gateway asks the
//! `SessionAuthority`; it knows neither passwords nor sessions. `issuer` is for routes whose tokens are not ours.

pub mod exchange;
mod headers;
mod issuer;
pub mod limits;
mod phases;
pub mod settings;
mod tunnel;
mod upstream;

use std::{convert::Infallible, sync::Arc};

use axum::{extract::Request, response::Response};
use perennial_edge::{authority::SessionAuthority, cors::Cors, foreign::ForeignRefreshes};
use tokio::sync::broadcast;

pub use crate::{exchange::Exchange, settings::GatewaySettings};
use crate::{issuer::Issuers, upstream::Upstreams};

/// A gateway over an authority.
#[derive(Debug)]
pub struct Gateway {
    settings: GatewaySettings,
    authority: Arc<dyn SessionAuthority>,
    upstreams: Arc<Upstreams>,
    issuers: Option<Issuers>,
    cors: Cors,
    /// Who watches; nobody, as a rule.
    watchers: broadcast::Sender<Arc<Exchange>>,
}

impl Gateway {
    pub fn new(settings: GatewaySettings, authority: Arc<dyn SessionAuthority>) -> Self {
        let upstreams = Arc::new(Upstreams::new(settings.connect_timeout));
        let cors = Cors::new(settings.origins.clone(), settings.csrf_header.as_str());
        let watchers = broadcast::Sender::new(limits::WATCHED_EXCHANGES);
        Self { settings, authority, upstreams, issuers: None, cors, watchers }
    }

    /// The same for routes whose tokens are not ours too.
    pub fn with_issuers(self, refreshes: Arc<dyn ForeignRefreshes>) -> Self {
        let issuers = Some(Issuers::new(&self.settings, refreshes));
        Self { issuers, ..self }
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
