//! Programs of others that speak with the server: a frontend's HTTP client as it comes from npm, and a real
//! browser. Each is a script for Node, which says in one line of JSON what it saw.

mod browser;
mod client;

use std::{path::Path, process::Stdio, time::Duration};

use serde_json::Value;
use tokio::process::Command;

use crate::prepared;

/// Longer than any of the scripts takes, on a machine with other work.
const SCRIPT_MAX: Duration = Duration::from_secs(150);

/// Runs a script of `tests/`; answers what it said, and shows what it complained about.
pub(crate) async fn run(script: &str, arguments: &[&str]) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(script);
    let mut node = Command::new(prepared("PERENNIAL_NODE"));
    node.arg(&script).args(arguments).env("PERENNIAL_NODE_MODULES", prepared("PERENNIAL_NODE_MODULES"));
    node.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(SCRIPT_MAX, node.output()).await.expect("the script ends").expect("Node starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {}\n{said}\n{complaint}", script.display(), output.status);
    serde_json::from_str(said.trim()).unwrap_or_else(|error| panic!("{error}: {said}\n{complaint}"))
}
