//! Paths: a trailing slash is accepted everywhere, and aliases lead to their calls.

use axum::{
    extract::Request,
    http::{Uri, uri::PathAndQuery},
};

use crate::settings::ServiceSettings;

/// The request under the path that the router knows.
pub fn canonical(settings: &ServiceSettings, mut request: Request) -> Request {
    let uri = request.uri();
    let path = uri.path();
    let bare = path.strip_suffix('/').filter(|bare| !bare.is_empty()).unwrap_or(path);
    let target = match settings.aliases.get(bare) {
        Some(call) => format!("{}{}", settings.base, call.path()),
        None if bare == path => return request,
        None => bare.to_owned(),
    };
    let target = match uri.query() {
        Some(query) => format!("{target}?{query}"),
        None => target,
    };
    // What was a path and a query before is one still; anything else keeps its own and is not found.
    if let Ok(target) = target.parse::<PathAndQuery>() {
        *request.uri_mut() = Uri::from(target);
    }
    request
}
