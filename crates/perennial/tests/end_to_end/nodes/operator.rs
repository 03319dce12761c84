//! The operator at several nodes: a key, a session and an account of one are those of all.

use perennial_testkit::{Browser, Nodes, Setup};
use serde_json::{Value, json};

use crate::{BINARY, admin::Program};

/// The same program at each node.
fn programs(nodes: &Nodes) -> [Program; 2] {
    let line: Value = serde_json::from_str(&nodes.printed(&["admin-key", "add", "--name", "backend"])).expect("JSON");
    let key = line["key"].as_str().expect("the key is shown once");
    [0, 1].map(|number| Program { client: Browser::new(&nodes.node(number).admin_url), key: key.to_owned() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_operator_does_at_one_node_holds_at_every_node() {
    let nodes = Nodes::start(BINARY, 2, Setup::default());
    let [first, second] = programs(&nodes);
    let mut browser = nodes.browser(0);
    let claims = json!({ "plan": "gold", "nested": { "☂": [null, 0.5, -7] } });
    let issued = first.issue_into(&mut browser, json!({ "subject": "customer/42", "claims": claims })).await;
    let elsewhere = browser.at(&nodes.node(1).url);
    assert_eq!(elsewhere.get("/auth/session").await.field("user")["id"], "customer/42");

    let path = format!("/admin/sessions/{}", issued.field("session_key").as_str().expect("a key"));
    assert_eq!(second.get(&path).await.field("claims"), claims);
    assert_eq!(second.send("DELETE", &path, None).await.status, 204);
    assert_eq!(browser.get("/auth/session").await.field("ended_reason"), "revoked");

    nodes.printed(&["admin-key", "revoke", "backend"]);
    for program in [first, second] {
        assert_eq!(program.get("/admin/users").await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_runs_at_two_nodes_at_once_adds_everybody_once() {
    let nodes = Nodes::start(BINARY, 2, Setup::default());
    let [first, second] = programs(&nodes);
    let users: Vec<Value> =
        (0..300).map(|number| json!({ "email": format!("p{number}@example.com"), "id": number.to_string() })).collect();
    let turned: Vec<Value> = users.iter().rev().cloned().collect();
    let (forward, backward) = tokio::join!(
        first.post("/admin/users/import", json!({ "users": users })),
        second.post("/admin/users/import", json!({ "users": turned })),
    );
    let count = |name: &str| forward.field(name).as_i64().unwrap_or(-1) + backward.field(name).as_i64().unwrap_or(-1);
    assert_eq!((count("added"), count("already_there")), (300, 300), "{} {}", forward.text, backward.text);
    assert_eq!((forward.field("refused"), backward.field("refused")), (json!([]), json!([])));
    assert_eq!(nodes.number("SELECT count(*) FROM account"), 300);
    assert_eq!(nodes.audited("account_imported"), 300);
}
