//! The demo's app: a page, its style and its scripts, and the few facts that they need. Who is logged in, the page
//! reads in the headers that the gateway adds.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};
use perennial_settings::Settings;
use serde_json::json;

use super::PATH;

const PAGE: &str = include_str!("app/index.html");
const SCRIPT: &str = include_str!("app/app.js");
const WORKER: &str = include_str!("app/live.js");
const STYLE: &str = concat!(include_str!("../../../../pages/assets/style.css"), include_str!("app/app.css"));

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn router(settings: &Settings) -> Router {
    let text = |kind: &'static str, text: &'static str| get(move || async move { answer(kind, text) });
    Router::new()
        .route(PATH, text("text/html; charset=utf-8", PAGE))
        .route("/demo/app.js", text(JAVASCRIPT, SCRIPT))
        .route("/demo/live.js", text(JAVASCRIPT, WORKER))
        .route("/demo/app.css", text("text/css; charset=utf-8", STYLE))
        .route("/demo/facts.js", get(facts))
        .with_state(Arc::new(of_the_server(settings)))
}

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// What the app is told of the server that it is served by, and the SDK that this one hands out.
fn of_the_server(settings: &Settings) -> String {
    let base = &settings.http.base;
    let sdk = json!(format!("{base}/sdk.js"));
    let server = json!({
        "authBase": base,
        "login": settings.pages.login,
        "cooldown": settings.tokens.lifetimes.refresh.cooldown.to_string(),
    });
    format!(
        "import {{ createSession }} from {sdk}\nexport const session = createSession()\nexport const server = {server}\n"
    )
}

/// A script, so that the page needs no request of its own for it.
async fn facts(State(server): State<Arc<String>>, headers: HeaderMap) -> Response {
    let said = |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let person = said("remote-user").map(|_| json!({ "email": said("remote-email"), "name": said("remote-name") }));
    answer(JAVASCRIPT, format!("{server}export const person = {}\n", json!(person)))
}

fn answer(kind: &'static str, body: impl IntoResponse) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    ];
    (headers, body).into_response()
}
