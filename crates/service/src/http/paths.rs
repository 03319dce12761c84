//! Paths: a trailing slash is accepted everywhere, and aliases lead to their calls.

use std::collections::BTreeSet;

use axum::{
    extract::Request,
    http::{Uri, uri::PathAndQuery},
};

use crate::{pages, settings::ServiceSettings};

/// The paths that are the service's own, whatever stands behind it. The page at `/` is not among them: an app
/// may have that place.
#[derive(Debug, Clone)]
pub struct OwnPaths {
    base: String,
    exact: BTreeSet<String>,
}

impl OwnPaths {
    pub fn new(settings: &ServiceSettings) -> Self {
        let mut exact: BTreeSet<String> = settings.aliases.keys().cloned().collect();
        exact.insert(JWKS_PATH.to_owned());
        exact.extend(settings.pages.iter().flat_map(pages::paths));
        Self { base: settings.base.clone(), exact }
    }

    pub fn has(&self, path: &str) -> bool {
        let path = without_slash(path);
        let below_base = path.strip_prefix(&self.base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        below_base || self.exact.contains(path)
    }
}

/// Where the public keys stand.
pub const JWKS_PATH: &str = "/.well-known/jwks.json";

/// The request under the path that the router knows.
pub fn canonical(settings: &ServiceSettings, request: Request) -> Request {
    match settings.aliases.get(without_slash(request.uri().path())) {
        Some(call) => {
            let target = format!("{}{}", settings.base, call.path());
            led_to(request, &target)
        }
        None => bare(request),
    }
}

/// The request without a trailing slash.
pub fn bare(request: Request) -> Request {
    let path = request.uri().path();
    let target = without_slash(path);
    if target == path {
        return request;
    }
    let target = target.to_owned();
    led_to(request, &target)
}

fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').filter(|bare| !bare.is_empty()).unwrap_or(path)
}

fn led_to(mut request: Request, path: &str) -> Request {
    let target = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    // What was a path and a query before is one still; anything else keeps its own and is not found.
    if let Ok(target) = target.parse::<PathAndQuery>() {
        *request.uri_mut() = Uri::from(target);
    }
    request
}
