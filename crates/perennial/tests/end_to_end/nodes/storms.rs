//! Many refreshes at once, over all nodes.

use std::collections::BTreeSet;

use perennial_testkit::{Nodes, Setup};

use super::{EXPIRY, at_once, logged_in, suspicions};
use crate::BINARY;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_fifty_parallel_refreshes_over_two_nodes_are_all_answered_and_make_one_generation() {
    let nodes = Nodes::start(BINARY, 2, Setup::default());
    let browser = logged_in(&nodes).await;
    nodes.pass(EXPIRY);

    let mut tokens = BTreeSet::new();
    for answer in at_once(&nodes, &browser, 50, "/token").await {
        assert_eq!(answer.status, 200, "{}\n{}{}", answer.text, nodes.node(0).log(), nodes.node(1).log());
        let mut tab = browser.copy();
        tab.keep(&answer);
        assert_eq!(tab.generation(), Some(1));
        assert_eq!(tab.jar.csrf(), browser.jar.csrf());
        tokens.insert(tab.jar.refresh().expect("a refresh token").to_owned());
    }
    assert_eq!(tokens.len(), 50, "every answer has a branch of its own");
    assert_eq!(nodes.number("SELECT generation FROM session"), 1);
    assert_eq!(nodes.number("SELECT count(*) FROM session"), 1);
    assert_eq!(suspicions(&nodes), 0);
}
