//! The gateway before a real upstream: what it renews, whom it lets through, what it passes on and mends.

mod admit;
mod attacks;
mod big_bodies;
mod disorder;
mod forwarding;
mod framing;
mod issuer;
mod nodes;
mod renewal;
mod repair;
mod storm;
mod tunnels;

use std::{collections::HashSet, sync::Mutex, time::Duration};

use perennial_testkit::{
    Answer, Browser, Server, Setup,
    upstream::{Reply, Upstream},
};
use serde_json::json;

use crate::BINARY;

/// Longer than an access token lives, and than the cooldown: the next renewal rotates.
pub(crate) const EXPIRY: i64 = 16 * 60;

/// Long enough for everything that does not hang.
const SOON: Duration = Duration::from_secs(10);

/// A route for each requirement and each way of telling who it is, to this upstream.
pub(crate) fn routes(upstream: &str) -> String {
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

/// An API that refuses each token until it sees another one of the same path, and then takes that.
pub(crate) fn refuses_the_first(refusal: impl Fn() -> Reply + Send + Sync + 'static) -> Upstream {
    let refused = Mutex::new(HashSet::new());
    Upstream::answering(move |seen| {
        let mut refused = refused.lock().expect("nobody panics while holding it");
        let fresh = refused
            .iter()
            .any(|(path, token)| path == &seen.target && Some(token) != seen.bearer().map(str::to_owned).as_ref());
        if fresh {
            return Reply::json(200, &seen.to_json());
        }
        refused.insert((seen.target.clone(), seen.bearer().unwrap_or_default().to_owned()));
        refusal()
    })
}

/// The same with the words of RFC 6750.
pub(crate) fn refuses_the_first_token() -> Upstream {
    const INVALID: &str = r#"Bearer realm="api", error="invalid_token", error_description="it has expired""#;
    refuses_the_first(|| Reply::json(401, &json!({})).header("www-authenticate", INVALID))
}
