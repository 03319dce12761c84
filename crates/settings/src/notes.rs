//! What to know about the routes of a configuration though nothing is wrong with them.

use perennial_protocol::{
    route::{Forward, Requirement, Route},
    token::Transport,
};

use crate::{
    settings::{Gateway, Settings},
    upstream,
};

pub(crate) fn gateway(gateway: &Gateway, settings: &Settings) -> Vec<String> {
    gateway.routes.routes().iter().flat_map(|route| of_route(route, settings)).collect()
}

fn of_route(route: &Route, settings: &Settings) -> Vec<String> {
    let path = &route.path;
    let mut notes = Vec::new();
    let carries_identity = route.forward != Forward::Nothing || route.issuer.is_some();
    for exposed in route.upstreams.iter().filter(|upstream| carries_identity && upstream::is_exposed(upstream)) {
        notes.push(format!(
            "the route {path}: what is sent to {} can be read and changed on the network in between, tokens too; \
            write https where that network is not yours alone",
            exposed.authority
        ));
    }
    if route.forward == Forward::Headers {
        notes.push(format!(
            "the route {path}: forward = \"headers\": whoever reaches its upstream past the gateway can be anybody; \
            let it listen to the gateway only"
        ));
    }
    if route.requirement == Requirement::Required && settings.tokens.transport == Transport::Bearer {
        notes.push(format!(
            "the route {path}: tokens.transport = \"bearer\": a browser that follows a link sends no token, \
            so only scripts get through"
        ));
    }
    if path.as_str().is_empty() && settings.pages.enabled {
        notes.push(
            "the route /: the hosted pages keep their paths, such as /login; pages.enabled = false gives them up"
                .into(),
        );
    }
    notes
}
