//! Many gateway nodes over one PostgreSQL, and one issuer that punishes a token that comes twice.

use perennial_testkit::{
    Browser, Nodes,
    upstream::{Issuer, IssuerSetup},
};

use super::{ME, configured, log_in, tokens};
use crate::BINARY;

async fn due(nodes: &Nodes) -> Browser {
    let mut browser = nodes.browser(0);
    assert_eq!(log_in(&mut browser).await.status, 200);
    browser.jar.remove("access_token");
    browser
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f13_forty_requests_at_two_nodes_make_one_refresh_call_and_all_succeed() {
    let setup = IssuerSetup { refresh_takes: std::time::Duration::from_millis(300), ..IssuerSetup::default() };
    let issuer = Issuer::start(setup);
    let nodes = Nodes::start(BINARY, 2, configured(&issuer.upstream.url(), ""));
    let browser = due(&nodes).await;
    let requests: Vec<_> = (0..40)
        .map(|turn| {
            let tab = browser.at(&nodes.node(turn % 2).url);
            tokio::spawn(async move { tab.get(ME).await })
        })
        .collect();
    let mut given = std::collections::BTreeSet::new();
    for request in requests {
        let answer = request.await.expect("a tab");
        assert_eq!(answer.status, 200, "{}", answer.text);
        let mut tab = browser.copy();
        tab.keep(&answer);
        given.insert(tokens(&tab));
    }
    assert_eq!((issuer.refresh_calls(), issuer.punished(), given.len()), (1, 0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f43_new_tokens_outlive_the_node_that_got_them() {
    let issuer = Issuer::start(IssuerSetup::default());
    let mut nodes = Nodes::start(BINARY, 2, configured(&issuer.upstream.url(), ""));
    let browser = due(&nodes).await;
    assert_eq!(browser.get(ME).await.status, 200, "and the answer gets lost");
    nodes.node_mut(0).kill();
    let answer = browser.at(&nodes.node(1).url).get(ME).await;
    assert_eq!((answer.status, answer.sets("refresh_token="), issuer.refresh_calls()), (200, true, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f43_a_node_that_stops_waits_for_the_call_that_it_makes() {
    let setup = IssuerSetup { refresh_takes: std::time::Duration::from_secs(2), ..IssuerSetup::default() };
    let issuer = Issuer::start(setup);
    let mut nodes = Nodes::start(BINARY, 2, configured(&issuer.upstream.url(), ""));
    let browser = due(&nodes).await;
    let left = browser.clone();
    let request = tokio::spawn(async move { left.try_send("GET", ME, &[], None).await });
    while issuer.refresh_calls() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // The browser goes away, so that no request keeps the node.
    request.abort();
    nodes.node(0).terminate();
    assert_eq!(nodes.node_mut(0).wait_for_end(), Some(0));
    let answer = browser.at(&nodes.node(1).url).get(ME).await;
    assert_eq!((answer.status, issuer.refresh_calls(), issuer.punished()), (200, 1, 0), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f51_foreign_tokens_are_in_no_log_no_metric_and_no_row() {
    let issuer = Issuer::start(IssuerSetup::default());
    let nodes = Nodes::start(BINARY, 2, configured(&issuer.upstream.url(), "").with("log.level", "trace"));
    let mut browser = nodes.browser(0);
    log_in(&mut browser).await;
    let mut secrets = tokens(&browser).to_vec();
    browser.jar.remove("access_token");
    let answer = browser.get(ME).await;
    assert_eq!(answer.status, 200);
    browser.keep(&answer);
    secrets.extend(tokens(&browser));
    let rows = nodes.sql("SELECT string_agg(encode(sealed, 'escape'), ' ') FROM foreign_refresh");
    assert!(!rows.trim().is_empty(), "something is kept");
    let metrics = browser.at(&nodes.node(0).admin_url).get("/metrics").await.text;
    assert!(metrics.contains("perennial_gateway_renewals_total{outcome=\"in_flight\"} 1"), "{metrics}");
    for secret in &secrets {
        let signature = secret.rsplit('.').next().expect("a JWT ends in its signature");
        for place in [&rows, &metrics, &nodes.node(0).log(), &nodes.node(1).log(), &nodes.sql(DUMP)] {
            assert!(!place.contains(secret.as_str()) && !place.contains(signature), "{place}");
        }
    }
}

/// Every row of the table, in both forms in which a text could hide.
const DUMP: &str = "SELECT string_agg(encode(sealed, 'escape') || foreign_refresh::text, ' ') FROM foreign_refresh";
