//! The gateway before a real upstream: what it renews, whom it lets through, what it passes on and mends.

mod attacks;
mod issuer;
mod renewal;

use std::time::Duration;

use perennial_testkit::{Answer, Browser, Server, Setup, upstream::Upstream};

use crate::BINARY;

/// Longer than an access token lives, and than the cooldown: the next renewal rotates.
const EXPIRY: i64 = 16 * 60;

/// Long enough for everything that does not hang.
const SOON: Duration = Duration::from_secs(10);

/// A route for each requirement and each way of telling who it is, to this upstream.
fn routes(upstream: &str) -> String {
    let route = |path: &str, further: &str| {
        format!("[[gateway.routes]]\npath = \"{path}\"\nupstream = \"{upstream}\"\n{further}\n")
    };
    [
        route("/api", ""),
        route("/maybe", "auth = \"optional\""),
        route("/open", "auth = \"none\""),
        route("/told", "forward = \"headers\""),
    ]
    .concat()
}

/// A server with those routes.
fn before(upstream: &Upstream, setup: Setup) -> Server {
    Server::start_with(BINARY, setup.with_config(&routes(&upstream.url())))
}

/// An unsafe request of a page of this site, with the CSRF token of the jar.
async fn act(browser: &Browser, path: &str) -> Answer {
    let csrf = browser.jar.csrf().unwrap_or_default();
    browser.send("POST", path, &[("origin", &browser.origin), ("x-csrftoken", csrf)], None).await
}

/// What the metrics say of one series, 0 if it was never counted.
async fn counted(admin_url: &str, series: &str) -> u64 {
    let metrics = Browser::new(admin_url).get("/metrics").await.text;
    let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
    value.unwrap_or(0)
}
