//! Two nodes and more over one PostgreSQL, without stickiness: whatever one node promised, every node keeps.

mod clocks;
mod ends;
mod keys;
mod lost_answers;
mod operator;
mod outages;
mod restarts;
mod starting;
mod storms;

use perennial_testkit::{Answer, Browser, Nodes};

/// Longer than the cooldown: the next refresh rotates.
const EXPIRY: i64 = 16 * 60;

/// The jar of somebody who is logged in, at the first node.
async fn logged_in(nodes: &Nodes) -> Browser {
    let account = nodes.add_account("ada@example.com");
    let mut browser = nodes.browser(0);
    let answer = browser.log_in(&account.email, &account.password).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    browser
}

/// What somebody would have to look into.
fn suspicions(nodes: &Nodes) -> i64 {
    ["reuse_detected", "stale_refused", "jar_conflict", "store_behind"].map(|kind| nodes.audited(kind)).iter().sum()
}

/// `copies` of a request from one jar at the same time, at the nodes in turn.
async fn at_once(nodes: &Nodes, browser: &Browser, copies: usize, call: &'static str) -> Vec<Answer> {
    let requests: Vec<_> = (0..copies)
        .map(|turn| {
            let tab = browser.at(&nodes.node(turn % nodes.count()).url);
            tokio::spawn(async move { tab.post(call, None).await })
        })
        .collect();
    let mut answers = Vec::new();
    for request in requests {
        answers.push(request.await.expect("a tab"));
    }
    answers
}
