//! Paths: a trailing slash is accepted everywhere, and aliases lead to their calls.

use axum::{
    extract::Request,
    http::{Uri, uri::PathAndQuery},
};

use crate::settings::ServiceSettings;

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
