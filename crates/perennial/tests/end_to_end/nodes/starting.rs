//! How a node comes up over a database: who migrates it, whose keys are used, and what it says when it cannot.

use std::fs;

use perennial_testkit::{Nodes, Setup};
use serde_json::Value;

use super::logged_in;
use crate::BINARY;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_share_their_keys_and_every_command_serves_the_same_database() {
    let nodes = Nodes::start(BINARY, 2, Setup::default());
    let browser = logged_in(&nodes).await;
    let standing = browser.at(&nodes.node(1).url).get("/auth/session").await;
    assert_eq!(standing.field("status"), "authenticated", "{}", standing.text);

    let published = async |number| nodes.browser(number).get("/.well-known/jwks.json").await.text;
    assert_eq!(published(0).await, published(1).await);
    assert_eq!(nodes.printed(&["keys", "list"]).lines().filter(|line| line.ends_with("in use")).count(), 3);
    let version = nodes.number("SELECT max(version) FROM migration");
    let migrated = nodes.printed(&["migrate"]);
    assert!(
        migrated.contains(&format!("version {version} -> {version}\nkeys in the database: 3 in place")),
        "{migrated}"
    );
    let users = nodes.printed(&["user", "list"]);
    let user: Value = serde_json::from_str(users.trim()).expect("one account");
    assert_eq!(user["email"], "ada@example.com");
    let subject = user["id"].as_str().expect("an id");
    let sessions = nodes.printed(&["session", "list", "--subject", subject]);
    let session: Value = serde_json::from_str(sessions.trim()).expect("one session");
    nodes.printed(&["session", "revoke", session["session_key"].as_str().expect("a key")]);
    assert_eq!(browser.refresh().await.field("reason"), "revoked");

    let backup = nodes.command(&["backup", "/nowhere/copy"]);
    let said = String::from_utf8_lossy(&backup.stderr).into_owned();
    assert!(!backup.status.success() && said.contains("pg_dump") && said.contains("keys.master_file"), "{said}");
    assert!(nodes.printed(&["config", "check"]).contains("The configuration is fine."));
}

/// What a node says that is started so and does not come up.
#[track_caller]
fn refused(nodes: &Nodes, variables: &[(&str, &str)]) -> String {
    let output = nodes.prepared(&["serve"]).envs(variables.iter().copied()).output().expect("the binary runs");
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_node_without_the_right_master_key_does_not_start_and_says_why() {
    let nodes = Nodes::start(BINARY, 1, Setup::default());
    let said = refused(&nodes, &[("PERENNIAL__KEYS__MASTER_FILE", "")]);
    assert!(said.contains("`keys.master_file`") && said.contains("openssl rand -base64 32"), "{said}");

    let other = nodes.scratch().join("other");
    fs::copy(nodes.scratch().join("master"), &other).expect("a copy keeps the mode");
    fs::write(&other, format!("{}A=", "B".repeat(42))).expect("another key of 32 bytes");
    let said = refused(&nodes, &[("PERENNIAL__KEYS__MASTER_FILE", other.to_str().expect("a path"))]);
    assert!(said.contains("does not open: `keys.master_file` holds another master key"), "{said}");
    assert_eq!(nodes.number("SELECT count(*) FROM sealed_key"), 3, "it made no keys of its own");

    let url = "postgres://me:s3cret@127.0.0.1:1/nowhere";
    let said = refused(&nodes, &[("PERENNIAL__STORE__URL", url)]);
    assert!(said.contains("cannot reach the database at 127.0.0.1:1/nowhere") && !said.contains("s3cret"), "{said}");
    let said = refused(&nodes, &[("PERENNIAL__STORE__URL", &url.replace("nowhere", "x?colour=s3cret"))]);
    assert!(said.contains("the database URL is not understood") && !said.contains("s3cret"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_together_over_an_empty_database_agree_on_one_set_of_keys() {
    let nodes = Nodes::start_together(BINARY, 4, Setup::default());
    let mut published = Vec::new();
    for number in 0..nodes.count() {
        published.push(nodes.browser(number).get("/.well-known/jwks.json").await.text);
    }
    assert!(published.iter().all(|keys| *keys == published[0]), "{published:?}");
    assert_eq!(nodes.number("SELECT count(*) FROM sealed_key"), 3);
    assert_eq!(nodes.number("SELECT count(*) - max(version) FROM migration"), 0, "each version was reached once");
}
