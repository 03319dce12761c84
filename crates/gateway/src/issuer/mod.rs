//! Routes whose upstream takes the tokens of an issuer of its own: the browser keeps them in cookies that no script
//! reads, and they are renewed here, once, however many requests need it.
//!
//! The phases are those of every request: `carried` identifies, `admit` and `renewal` say what it goes with,
//! `visit` forwards and repairs. `answers` takes tokens out of what the issuer's own paths answer.

mod admit;
mod allowance;
mod answers;
mod calls;
mod carried;
mod kept;
mod logout;
mod refused_fresh;
mod renewal;
mod tokens;
mod visit;

use std::{collections::BTreeMap, sync::Arc};

use axum::response::Response;
use perennial_edge::{authority::Denial, foreign::ForeignRefreshes};
use perennial_protocol::{
    cookie::set::CookieAttributes,
    refusal::Refusal,
    route::{ForeignIssuer, PathPrefix, Route},
};

use self::{allowance::Allowance, calls::Call, refused_fresh::RefusedFresh, visit::Visit};
use crate::{Gateway, exchange::Exchange, phases::Accepted, settings::GatewaySettings, upstream::Outgoing};

/// The foreign issuers of a gateway.
#[derive(Debug)]
pub(crate) struct Issuers {
    by_name: BTreeMap<String, Issuer>,
    refreshes: Arc<dyn ForeignRefreshes>,
    allowance: Arc<Allowance>,
    refused_fresh: RefusedFresh,
}

/// One of them.
#[derive(Debug)]
struct Issuer {
    name: String,
    told: Arc<ForeignIssuer>,
    login: PathPrefix,
    refresh: PathPrefix,
    logout: Option<PathPrefix>,
    attributes: CookieAttributes,
    /// Where its refresh path is.
    route: Arc<Route>,
}

impl Issuers {
    pub(crate) fn new(settings: &GatewaySettings, refreshes: Arc<dyn ForeignRefreshes>) -> Self {
        let issuer = |(name, told): (&String, &ForeignIssuer)| Some((name.clone(), Issuer::new(settings, name, told)?));
        Self {
            by_name: settings.issuers.iter().filter_map(issuer).collect(),
            refreshes,
            allowance: Arc::default(),
            refused_fresh: RefusedFresh::default(),
        }
    }
}

impl Issuer {
    /// Nothing where no route has it, or a path cannot be asked for.
    fn new(settings: &GatewaySettings, name: &str, told: &ForeignIssuer) -> Option<Self> {
        let routes = &settings.routes;
        let any = || routes.routes().iter().find(|route| route.issuer.as_deref() == Some(name));
        let route = routes.leading_to(name, &told.refresh).or_else(any)?;
        let prefix = |path: &str| PathPrefix::parse(path).ok();
        Some(Self {
            name: name.to_owned(),
            login: prefix(&told.login)?,
            refresh: prefix(&told.refresh)?,
            logout: told.logout.as_deref().and_then(prefix),
            attributes: CookieAttributes { secure: settings.secure, same_site: told.same_site, domain: String::new() },
            route: Arc::new(route.clone()),
            told: Arc::new(told.clone()),
        })
    }
}

/// Answers a request of a route with an issuer.
pub(crate) async fn answer(
    gateway: &Gateway,
    accepted: Accepted<'_>,
    body: Outgoing,
    exchange: &mut Exchange,
) -> Result<Response, Denial> {
    let issuers = gateway.issuers.as_ref().ok_or(Refusal::InternalError)?;
    let name = accepted.route.issuer.as_deref().unwrap_or_default();
    let issuer = issuers.by_name.get(name).ok_or(Refusal::InternalError)?;
    let mut visit = Visit::begin(gateway, issuers, issuer, accepted);
    admit::admit(&visit)?;
    let answered = match visit.call {
        Some(Call::Logout) => logout::log_out(&mut visit, body, exchange).await,
        Some(Call::Refresh) if visit.carried.refresh.is_some() => visit.refresh(exchange).await,
        Some(Call::Login | Call::Refresh) | None => visit.pass_on(body, exchange).await,
    };
    exchange.carried(visit.carried.access.is_some(), visit.renewed);
    match answered {
        Ok(answer) => Ok(visit.finish(answer, exchange)),
        Err(stop) => Err(visit.denial(stop)),
    }
}
