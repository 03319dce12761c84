//! The SDK as the service hands it out: a module that browsers keep, that pages of allowed origins may import, and
//! that is told how this service is configured.

use perennial_testkit::{Answer, Server, Setup};
use serde_json::{Value, json};

use crate::{BINARY, foreign::run, prepared};

/// What the served module begins with.
fn configured(answer: &Answer) -> Value {
    let (first, module) = answer.text.split_once(";\n").expect("a line of configuration");
    assert!(module.contains("createSession") && module.contains("createFlows"), "{module}");
    serde_json::from_str(first.strip_prefix("const CONFIGURED=").expect("its name")).expect("JSON is JavaScript")
}

#[tokio::test]
async fn the_sdk_is_a_module_that_browsers_keep_and_ask_for_by_its_tag() {
    let server = Server::start(BINARY);
    let browser = server.browser();
    let whole = browser.get("/auth/sdk.js").await;
    let told = |answer: &Answer, name: &str| answer.header(name).unwrap_or_default().to_owned();
    assert_eq!((whole.status, told(&whole, "content-type").as_str()), (200, "text/javascript; charset=utf-8"));
    assert_eq!(told(&whole, "x-content-type-options"), "nosniff");
    assert_eq!(told(&whole, "cross-origin-resource-policy"), "same-site");
    assert!(told(&whole, "cache-control").starts_with("public, max-age=300"), "{:?}", whole.headers);
    assert!(whole.set_cookie.is_empty(), "what everybody may keep sets no cookie");
    assert_eq!(configured(&whole), json!({}));

    let tag = told(&whole, "etag");
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 20, "{tag} is a strong one");
    let again = browser.send("GET", "/auth/sdk.js", &[("if-none-match", &tag)], None).await;
    assert_eq!((again.status, again.text.as_str(), told(&again, "etag")), (304, "", tag.clone()));
    let other = browser.send("GET", "/auth/sdk.js", &[("if-none-match", "\"other\"")], None).await;
    assert_eq!((other.status, other.text), (200, whole.text.clone()));

    let head = browser.send("HEAD", "/auth/sdk.js/", &[], None).await;
    assert_eq!((head.status, told(&head, "etag"), head.text.as_str()), (200, tag, ""));
    assert_eq!(told(&head, "content-length"), whole.text.len().to_string());
    assert_eq!(browser.send("POST", "/auth/sdk.js", &[], None).await.status, 405);
}

#[tokio::test]
async fn the_sdk_stands_under_the_base_and_knows_how_its_service_is_configured() {
    let setup = Setup::wire("rotating-bearer")
        .with("http.base", "/id")
        .with("csrf.header", "X-Guard")
        .with("cookies.csrf", "guard");
    let server = Server::start_with(BINARY, setup);
    let browser = server.browser();
    let told = configured(&browser.get("/id/sdk.js").await);
    let cookies = json!({ "csrf": "guard", "hint": "auth_hint" });
    assert_eq!(told, json!({ "transport": "bearer", "csrfHeader": "x-guard", "cookies": cookies }));
    assert_eq!(browser.get("/auth/sdk.js").await.status, 404);
}

#[tokio::test]
async fn pages_of_allowed_origins_import_the_sdk_and_no_others() {
    let server = Server::start(BINARY);
    let browser = server.browser();
    // `dev` allows every page of this machine.
    for (origin, allowed) in [("http://localhost:5173", true), ("https://evil.example.com", false), ("null", false)] {
        let answer = browser.send("GET", "/auth/sdk.js", &[("origin", origin)], None).await;
        let reader = answer.header("access-control-allow-origin");
        assert_eq!(reader, allowed.then_some(origin));
        assert!(answer.headers.contains(&("vary".to_owned(), "Origin".to_owned())), "a cache keeps them apart");
    }
}

/// The lines that `dev` prints to be pasted.
fn snippet(server: &Server) -> String {
    let log = server.log();
    let begin = log.find("<script type=\"module\">").expect("the banner has a script");
    let end = log[begin..].find("</script>").expect("the script ends") + begin + "</script>".len();
    log[begin..end].to_owned()
}

#[tokio::test]
async fn the_lines_that_dev_prints_run_in_a_browser_and_cost_a_visitor_no_auth_request() {
    prepared("PERENNIAL_CHROMIUM");
    let server = Server::start(BINARY);
    let account = server.demo();
    let told = run("browser/sdk.mjs", &[&server.url, &snippet(&server), &account.email, &account.password]).await;
    let visitor = |asked: &[&str]| json!({ "said": ["UNAUTHENTICATED"], "asked": asked });
    assert_eq!(told["own"], visitor(&["GET /auth/sdk.js"]));
    // A page of another origin cannot see the service's cookies, so it asks once.
    assert_eq!(told["allowed"], visitor(&["GET /auth/sdk.js", "POST /auth/session"]));
    let refused = told["foreign"].as_array().and_then(|said| said.first()?.as_str());
    assert!(refused.is_some_and(|said| said.contains("No 'Access-Control-Allow-Origin' header")), "{told:#}");
    assert_eq!(told["loggedIn"], json!(["AUTHENTICATED", account.email]));
    assert_eq!(told["reloaded"], "AUTHENTICATED");
}
