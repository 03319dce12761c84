//! Server-side Rust code that acts in a person's name: pages rendered on a server, with the cookies of the
//! browser that asked for them.

use std::time::Duration;

use perennial_client::{SessionClient, visitor::SessionError};
use perennial_protocol::session::EndReason;
use perennial_testkit::{
    Browser, Server, Setup,
    upstream::{Upstream, Verifier},
};
use reqwest::{Method, Request, Url};

use crate::BINARY;

/// An API behind the gateway of a server whose refreshes always rotate.
fn rig() -> (Upstream, Server) {
    let api = Upstream::standard();
    let route = format!("[gateway]\n[[gateway.routes]]\npath = \"/api\"\nupstream = \"{}\"\n", api.url());
    let server = Server::start_with(BINARY, Setup::always_rotating().with_config(&route));
    (api, server)
}

fn client(server: &Server) -> SessionClient {
    SessionClient::new(url(&format!("{}/auth", server.url))).expect("an HTTP client")
}

fn url(text: &str) -> Url {
    text.parse().expect("a URL")
}

fn get(text: &str) -> Request {
    Request::new(Method::GET, url(text))
}

/// Puts what the visitor collected into the browser's jar, as the rendered page's answer would.
fn hand_back(browser: &mut Browser, lines: &[String]) {
    browser.jar.store(lines);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f07_a_page_rendered_on_a_server_hands_back_every_cookie_of_the_renewal_it_caused() {
    let (api, server) = rig();
    let mut browser = server.logged_in().await;
    browser.lose_access_token();
    let client = client(&server);
    let visitor = client.visitor(&browser.jar.header());

    let answer = visitor.send(get(&format!("{}/api/items", server.url))).await.expect("it is renewed in flight");
    assert_eq!(answer.status(), 200);
    let lines = visitor.set_cookie_lines();
    assert!(lines.iter().any(|line| line.starts_with("refreshtoken-")), "{} lines", lines.len());
    hand_back(&mut browser, &lines);
    assert_eq!(browser.generation(), Some(1), "one rotation");
    assert_eq!(browser.refresh_and_keep().await.status, 200, "the browser goes on with what it was handed");
    assert_eq!(api.seen().len(), 1, "the upstream was asked once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_acts_carries_the_anti_csrf_token_of_the_person() {
    let (api, server) = rig();
    let browser = server.logged_in().await;
    let client = client(&server);
    let visitor = client.visitor(&browser.jar.header());
    let mut request = Request::new(Method::POST, url(&format!("{}/api/items", server.url)));
    *request.body_mut() = Some("{}".into());
    assert_eq!(visitor.send(request).await.expect("it is admitted").status(), 200);
    let seen = api.last();
    assert!(seen.bearer().is_some() && seen.header("cookie").is_none() && seen.header("x-csrftoken").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_on_another_origin_gets_a_bearer_that_is_renewed_once_for_all_requests() {
    let server = Server::start_with(BINARY, Setup::always_rotating());
    let api = Verifier::new(&format!("{}/.well-known/jwks.json", server.url)).start();
    let mut browser = server.logged_in().await;
    browser.lose_access_token();
    let client = client(&server).with_api(&url(&api.url()));
    let visitor = client.visitor(&browser.jar.header());

    let ask = || visitor.send(get(&format!("{}/items", api.url())));
    let (one, two, three) = tokio::join!(ask(), ask(), ask());
    for answer in [one, two, three] {
        assert_eq!(answer.expect("it is answered").status(), 200);
    }
    hand_back(&mut browser, &visitor.set_cookie_lines());
    assert_eq!(browser.generation(), Some(1), "three requests renewed once");
    assert!(api.seen().iter().all(|seen| seen.header("cookie").is_none()), "cookies stay at home");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_elsewhere_is_told_anything() {
    let server = Server::start_with(BINARY, Setup::always_rotating());
    let elsewhere = Upstream::standard();
    let browser = server.logged_in().await;
    let client = client(&server);
    let visitor = client.visitor(&browser.jar.header());
    let answer = visitor.send(get(&elsewhere.url())).await.expect("it is answered");
    assert_eq!(answer.status(), 200);
    let seen = elsewhere.last();
    assert!(
        seen.header("cookie").is_none()
            && seen.header("authorization").is_none()
            && seen.header("x-csrftoken").is_none()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_is_told_as_an_end_and_an_outage_is_not() {
    let (_api, mut server) = rig();
    let browser = server.logged_in().await;
    let cookies = browser.jar.header();
    let client = client(&server);
    let page = || get(&format!("{}/api/items", server.url));

    let nobody = client.visitor("").send(page()).await;
    assert!(matches!(nobody, Err(SessionError::NotAuthenticated)), "{nobody:?}");
    let key = browser.jar.csrf().and_then(|token| token.split('.').next()).expect("the token names the session");
    assert!(server.command(&["session", "revoke", key]).status.success());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let ended = client.visitor(&cookies).send(page()).await;
    assert!(matches!(ended, Err(SessionError::SessionEnded { reason: EndReason::Revoked })), "{ended:?}");

    let page = page();
    server.kill();
    let gone = client.visitor(&cookies).send(page).await;
    assert!(matches!(gone, Err(SessionError::Unreachable(_))), "{gone:?}");
}
