//! axios with axios-auth-refresh against the wire `simplejwt`: twenty calls meet an access token that is dead.

use perennial_testkit::{Server, Setup};
use serde_json::{Value, json};

use super::run;
use crate::BINARY;

async fn tell(story: &str) -> (Server, Value) {
    let setup = Setup::wire("simplejwt").with("tokens.access_ttl", "5s").with("tokens.jitter", "0");
    let server = Server::start_with(BINARY, setup);
    let account = server.demo();
    let told = run("interop/foreign_client.mjs", &[story, &server.url, &account.email, &account.password]).await;
    eprintln!("{story}: {told}");
    (server, told)
}

/// How many refreshes the server has counted, by their outcome.
async fn refreshes(server: &Server) -> Vec<String> {
    let mut operator = server.browser();
    operator.url.clone_from(&server.admin_url);
    let metrics = operator.get("/metrics").await.text;
    metrics.lines().filter(|line| line.starts_with("perennial_refresh_total{")).map(str::to_owned).collect()
}

#[tokio::test]
async fn f14_twenty_calls_of_a_foreign_client_with_an_expired_token_make_one_refresh_and_all_succeed() {
    let (server, told) = tell("renewed").await;
    assert_eq!((&told["fulfilled"], &told["rejected"]), (&json!(20), &json!(0)));
    assert_eq!(told["sent"], json!({ "login": 1, "refresh": 1, "calls": 40 }), "each call is sent once more");
    assert_eq!(refreshes(&server).await, ["perennial_refresh_total{outcome=\"cooldown\"} 1"]);
}

#[tokio::test]
async fn f15_when_the_refresh_of_a_foreign_client_is_refused_every_call_is_rejected_once_and_nothing_loops() {
    let (server, told) = tell("refused").await;
    assert_eq!((&told["fulfilled"], &told["rejected"]), (&json!(0), &json!(20)));
    assert_eq!(told["reasons"], json!(["session_ended"]));
    assert_eq!(told["sent"], json!({ "login": 1, "refresh": 1, "calls": 20 }), "no call is sent again");
    assert_eq!(told["quiet"], true);
    assert_eq!(refreshes(&server).await, ["perennial_refresh_total{outcome=\"ended\"} 1"]);
}
