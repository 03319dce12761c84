//! Routes whose upstream has tokens of its own: what browsers, scripts and the issuer see.

mod calls;
mod failures;
mod nodes;
mod renewal;
mod requests;

use std::time::Duration;

use perennial_testkit::{
    Answer, Browser, Server, Setup,
    upstream::{Issuer, IssuerSetup},
};
use serde_json::json;

use crate::BINARY;

const LOGIN: &str = "/users/api/v1/users/auth/login";
const REFRESH: &str = "/users/api/v1/users/auth/refresh-token";
const LOGOUT: &str = "/users/api/v1/users/auth/logout";
const ME: &str = "/users/api/v1/users/me";
const PAGE: &str = "/users/page";

/// What a browser says when a person follows a link or types an address.
const NAVIGATES: &[(&str, &str)] = &[("sec-fetch-mode", "navigate"), ("sec-fetch-site", "none")];

const GUIDE: &str = include_str!("../../../../../docs/guides/foreign-issuer.md");

/// The configuration of the guide with these keys besides, for an upstream that listens here.
fn configured(upstream: &str, keys: &str) -> Setup {
    let block = GUIDE.split("```").find_map(|block| block.strip_prefix("toml\n")).expect("the guide has one");
    assert!(block.contains("http://127.0.0.1:9000"), "{block}");
    Setup::default().with_config(&block.replace("http://127.0.0.1:9000", upstream)).with_config(keys)
}

/// A gateway in front of an issuer.
fn started(setup: IssuerSetup) -> (Issuer, Server) {
    let issuer = Issuer::start(setup);
    let server = Server::start_with(BINARY, configured(&issuer.upstream.url(), ""));
    (issuer, server)
}

/// Access tokens that are about to expire as soon as this has passed.
fn short() -> IssuerSetup {
    IssuerSetup { access_ttl: Duration::from_secs(3), ..IssuerSetup::default() }
}

/// A request of a page's script.
async fn call(browser: &Browser, path: &str) -> Answer {
    let headers = [("origin", browser.origin.as_str()), ("sec-fetch-site", "same-origin")];
    browser.send("POST", path, &headers, None).await
}

async fn log_in(browser: &mut Browser) -> Answer {
    let body = json!({ "email": Issuer::EMAIL, "password": Issuer::PASSWORD });
    let headers = [("origin", browser.origin.as_str()), ("sec-fetch-site", "same-origin")];
    let answer = browser.send("POST", LOGIN, &headers, Some(&body)).await;
    browser.keep(&answer);
    answer
}

async fn logged_in(server: &Server) -> Browser {
    let mut browser = server.browser();
    assert_eq!(log_in(&mut browser).await.status, 200);
    browser
}

/// The cookies of the browser, by their names.
fn tokens(browser: &Browser) -> [String; 2] {
    ["access_token", "refresh_token"].map(|name| browser.jar.get(name).unwrap_or_default().to_owned())
}

/// Nothing in the jar is touched.
#[track_caller]
fn leaves_cookies(answer: &Answer) {
    assert!(answer.set_cookie.is_empty(), "{:?}", answer.set_cookie);
}

/// Both cookies are removed.
#[track_caller]
fn clears_cookies(answer: &Answer) {
    assert!(answer.clears("access_token=") && answer.clears("refresh_token="), "{:?}", answer.set_cookie);
}
