//! The demo: an API and an app on a port of their own, put behind the gateway like anybody's, with a live view of
//! what the gateway does and controls that break things.
//!
//! `upstream` runs the API and the app, which know nothing of this process; `live` follows the gateway, and
//! `controls` is what the app's buttons do to the session. A configuration with routes of its own has no demo.

mod api;
mod controls;
mod live;
mod site;
mod thief;
mod upstream;
mod verifier;

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use perennial_gateway::Gateway;
use perennial_service::Service;
use perennial_settings::{Settings, Sources, Transport};

use self::{api::Api, controls::Controls, live::Live, upstream::Upstream, verifier::Verifier};
use crate::{node, wiring};

/// Where the app is.
pub(super) const PATH: &str = "/demo";

/// Where its API is.
const API: &str = "/api";

/// The demo, before anything is served.
pub(super) struct Demo {
    upstream: Upstream,
}

impl Demo {
    pub(super) async fn bind() -> anyhow::Result<Self> {
        Ok(Self { upstream: Upstream::bind().await? })
    }

    /// The settings with routes to the demo, where nothing speaks against it: routes of the developer's own, access
    /// tokens that only a page's script holds, no page to log in on, or paths that are taken.
    pub(super) fn settings(&self, plain: &Settings, sources: Sources) -> Option<Settings> {
        let works = plain.gateway.is_none() && plain.tokens.transport == Transport::Cookie && plain.pages.enabled;
        // Beside a call under another name, a wire's frontend expects to find nothing.
        let taken = |alias: &String| [PATH, API].iter().any(|path| alias.strip_prefix(path).is_some_and(is_below));
        let fits = works && !plain.http.aliases.keys().any(taken);
        fits.then(|| wiring::resolve(&self.routes(sources)).ok()).flatten()
    }

    /// The app shows who is logged in, if anybody is; the API wants to know, and verifies it by itself.
    fn routes(&self, sources: Sources) -> Sources {
        let upstream = format!("http://{}", self.upstream.address());
        let routes = [("0", PATH, "optional", "headers"), ("1", API, "required", "bearer")];
        routes.into_iter().fold(sources, |sources, (place, path, auth, forward)| {
            let key = |name: &str| format!("gateway.routes.{place}.{name}");
            sources
                .given("the demo", &key("path"), path)
                .given("the demo", &key("upstream"), upstream.as_str())
                .given("the demo", &key("auth"), auth)
                .given("the demo", &key("forward"), forward)
        })
    }

    /// Starts it, behind this gateway at this address; answers with the paths of its own. It ends when the process is
    /// asked to stop, so that streams which would last for ever do not hold it up.
    pub(super) fn start(
        self,
        settings: &Settings,
        service: &Arc<Service>,
        gateway: &Gateway,
        public: SocketAddr,
    ) -> Router {
        let tokens = &settings.tokens.issuer;
        let api = Arc::new(Api::new(Verifier::new(public, &tokens.issuer, &tokens.audience)));
        let app = Router::new().merge(site::router(settings)).merge(api::router(Arc::clone(&api)));
        let live = Arc::new(Live::default());
        let controls = Controls::new(service, &live, &api, self.upstream.switch(), public);
        let (exchanges, upstream) = (gateway.watch(), self.upstream);
        tokio::spawn({
            let live = Arc::clone(&live);
            async move {
                tokio::select! {
                    () = live.follow(exchanges) => {}
                    () = upstream.run(app) => {}
                    _ = node::asked_to_stop() => {}
                }
                live.end();
            }
        });
        controls::router(controls)
    }
}

/// Whether what follows a path is a segment of its own.
fn is_below(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('/')
}
