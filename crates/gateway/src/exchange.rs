//! What became of one request: for the metrics, and for whoever watches.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{Method, StatusCode};
use perennial_edge::authority::{Denial, Pass};
use perennial_protocol::{id::SessionKey, refusal::Refusal};

use crate::Gateway;

/// A request and its answer, without a secret in it.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub method: Method,
    /// Without its query, which may hold anything.
    pub path: String,
    /// The route's prefix; `None` where no route was found.
    pub route: Option<String>,
    pub verdict: &'static str,
    /// Why it was refused here; an upstream's own refusal is none of ours.
    pub refusal: Option<Refusal>,
    pub session: Option<SessionKey>,
    /// The answer carries new tokens.
    pub renewed: bool,
    /// The upstream refused the first token, and the request was sent once more.
    pub replayed: bool,
    pub status: u16,
    /// Each phase with the time it took.
    pub phases: Vec<(&'static str, Duration)>,
    phase_began: Instant,
}

/// The phases, in their order: `judge` is to identify, admit and renew at once.
const PHASES: [&str; 5] = ["accept", "judge", "forward", "repair", "finish"];

/// The verdict on a request of a route that asks for nobody.
const OPEN: &str = "open";

impl Exchange {
    pub(crate) fn begin(method: &Method, path: &str) -> Self {
        Self {
            method: method.clone(),
            path: path.to_owned(),
            route: None,
            verdict: OPEN,
            refusal: None,
            session: None,
            renewed: false,
            replayed: false,
            status: 0,
            phases: Vec::with_capacity(PHASES.len()),
            phase_began: Instant::now(),
        }
    }

    /// The phase that began with the end of the last one is over.
    pub(crate) fn phase(&mut self, name: &'static str) {
        let now = Instant::now();
        self.phases.push((name, now - self.phase_began));
        self.phase_began = now;
    }

    pub(crate) fn passed(&mut self, pass: &Pass) {
        self.verdict = if pass.identity.is_some() { "authenticated" } else { "anonymous" };
        self.session = pass.identity.as_ref().map(|identity| identity.session.clone());
        self.renewed = pass.renewed;
    }

    pub(crate) fn denied(&mut self, denial: &Denial) {
        self.verdict = denial.refusal.code();
        self.refusal = Some(denial.refusal.clone());
        // The phase that refused it has not ended by itself.
        if let Some(name) = PHASES.get(self.phases.len()) {
            self.phase(name);
        }
    }

    /// Counts it, and tells who watches.
    pub(crate) fn end(mut self, gateway: &Gateway, status: StatusCode) {
        self.status = status.as_u16();
        let route = self.route.clone().unwrap_or_default();
        metrics::counter!("perennial_gateway_requests_total", "route" => route, "verdict" => self.verdict).increment(1);
        if self.replayed {
            metrics::counter!("perennial_gateway_renewals_total", "outcome" => "replayed").increment(1);
        } else if self.renewed {
            metrics::counter!("perennial_gateway_renewals_total", "outcome" => "in_flight").increment(1);
        }
        if let Some((_, took)) = self.phases.iter().find(|(name, _)| *name == "forward") {
            metrics::histogram!("perennial_upstream_seconds").record(took.as_secs_f64());
        }
        if gateway.watchers.receiver_count() > 0 {
            let _ = gateway.watchers.send(Arc::new(self));
        }
    }
}
