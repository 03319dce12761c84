//! The hosted pages over the operations: they work without scripts, one file for each part of the way in.
//!
//! A page renews a session in passing, as the gateway does for every page behind it; what a form sends is
//! guarded as the API guards its calls, with the token in a hidden field.

mod account;
mod enter;
mod page;
mod password;
mod register;
mod second_factor;
mod words;

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRequest, Request},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};

use perennial_edge::{client::navigates, problem};
use perennial_protocol::refusal::Refusal;

use self::page::PageRequest;
use crate::{service::Service, settings::PageSettings};

/// The pages without state.
pub fn router(settings: &PageSettings) -> Router<Arc<Service>> {
    let router = Router::new().route("/", get(account::show));
    places(settings).into_iter().fold(router, |router, (path, methods)| router.route(&path, methods))
}

/// The paths of the pages, but for the one at `/`.
pub fn paths(settings: &PageSettings) -> impl Iterator<Item = String> {
    places(settings).into_iter().map(|(path, _)| path)
}

fn places(settings: &PageSettings) -> Vec<(String, MethodRouter<Arc<Service>>)> {
    let own = [
        ("/account", get(account::show)),
        ("/account/sessions/end", post(account::end_session)),
        ("/account/password", get(password::show).post(password::change)),
        ("/logout", post(account::log_out)),
        ("/logout-all", post(account::log_out_everywhere)),
        ("/login", get(enter::show).post(enter::log_in)),
        ("/register", get(register::show).post(register::register)),
        ("/verify-email", get(register::show_code).post(register::verify)),
        ("/verify-email/resend", post(register::resend)),
        ("/mfa/setup", get(second_factor::show_set_up).post(second_factor::confirm)),
        ("/mfa/setup/begin", post(second_factor::begin)),
        ("/mfa/verify", get(second_factor::show_verify).post(second_factor::verify)),
        (perennial_pages::STYLE_PATH, get(style)),
    ];
    let other_login = (settings.login != "/login").then(|| (settings.login.clone(), get(enter::show)));
    own.into_iter().map(|(path, methods)| (path.to_owned(), methods)).chain(other_login).collect()
}

/// What a request finds that leads nowhere: a page if a person navigates, else a problem.
pub async fn nowhere(service: &Arc<Service>, request: Request, refusal: Refusal) -> Response {
    if service.settings.pages.is_none() || !navigates(request.headers()) {
        return problem::plain(&refusal);
    }
    match PageRequest::from_request(request, service).await {
        Ok(request) => request.refuse(refusal.into()),
        Err(response) => response,
    }
}

async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, perennial_pages::STYLE).into_response()
}
