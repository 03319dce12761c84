//! Which crate may know which: the table of allowed edges, compared with the manifests.
//!
//! The picture of it is in ARCHITECTURE.md. An edge that is not in the table is a change of the
//! architecture, so it is made here and there together.

use std::path::Path;

use anyhow::bail;

use crate::metadata::{Dependency, Kind, Metadata, Package};

/// One crate of the workspace and the crates of the workspace below it.
#[derive(Debug)]
struct Layer {
    name: &'static str,
    uses: &'static [&'static str],
    /// What its tests may use besides.
    tests_use: &'static [&'static str],
}

const LAYERS: &[Layer] = &[
    Layer { name: "perennial-protocol", uses: &[], tests_use: &[] },
    Layer { name: "perennial-store", uses: &["perennial-protocol"], tests_use: TEST_CRATES },
    Layer { name: "perennial-store-sqlite", uses: &["perennial-protocol", "perennial-store"], tests_use: TEST_CRATES },
    Layer {
        name: "perennial-store-postgres",
        uses: &["perennial-protocol", "perennial-store"],
        tests_use: TEST_CRATES,
    },
    Layer { name: "perennial-pages", uses: &["perennial-protocol"], tests_use: TEST_CRATES },
    Layer { name: "perennial-settings", uses: &["perennial-protocol"], tests_use: TEST_CRATES },
    Layer { name: "perennial-edge", uses: &["perennial-protocol"], tests_use: TEST_CRATES },
    Layer {
        name: "perennial-service",
        uses: &["perennial-protocol", "perennial-store", "perennial-pages", "perennial-edge"],
        tests_use: TEST_CRATES,
    },
    Layer { name: "perennial-client", uses: &["perennial-protocol", "perennial-edge"], tests_use: TEST_CRATES },
    Layer { name: "perennial-gateway", uses: &["perennial-protocol", "perennial-edge"], tests_use: TEST_CRATES },
    Layer { name: "perennial", uses: LIBRARIES, tests_use: TEST_CRATES },
    Layer { name: "perennial-testkit", uses: LIBRARIES, tests_use: TEST_CRATES },
    Layer { name: "perennial-simulation", uses: LIBRARIES, tests_use: TEST_CRATES },
    Layer { name: "perennial-fuzz", uses: &[], tests_use: LIBRARIES },
    Layer { name: "perennial-bench", uses: &["perennial-testkit"], tests_use: &[] },
    Layer { name: "xtask", uses: &[], tests_use: &[] },
];

/// The crates that the product is made of, but for the binary on top.
const LIBRARIES: &[&str] = &[
    "perennial-protocol",
    "perennial-store",
    "perennial-store-sqlite",
    "perennial-store-postgres",
    "perennial-pages",
    "perennial-settings",
    "perennial-edge",
    "perennial-service",
    "perennial-gateway",
    "perennial-client",
];

/// The crates that exist for tests, and never become part of the product.
const TEST_CRATES: &[&str] = &["perennial-testkit", "perennial-simulation"];

/// The crate whose foreign dependencies are counted one by one: the rules need no clock, socket or runtime.
const RULES: &str = "perennial-protocol";
const RULES_USE: &[&str] = &["aws-lc-rs", "base64", "cookie", "serde", "serde_json", "thiserror", "url"];
const RULES_TESTS_USE: &[&str] = &["proptest"];

pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let metadata = Metadata::read(root)?;
    let violations = violations(&metadata);
    for violation in &violations {
        println!("{violation}");
    }
    match violations.len() {
        0 => println!("{} crates keep to their layers", metadata.packages.len()),
        count => bail!("{count} edges leave their layers"),
    }
    Ok(())
}

/// Every difference between the table and the manifests, one sentence each.
fn violations(metadata: &Metadata) -> Vec<String> {
    let is_ours = |name: &str| metadata.packages.iter().any(|package| package.name == name);
    let missing = LAYERS.iter().filter(|layer| !is_ours(layer.name)).map(|layer| {
        format!("`{}` is in the table and not in the workspace: take it out of xtask/src/layers.rs.", layer.name)
    });
    let edges = metadata.packages.iter().flat_map(|package| of_package(package, &is_ours));
    missing.chain(edges).collect()
}

fn of_package(package: &Package, is_ours: &dyn Fn(&str) -> bool) -> Vec<String> {
    let from = &package.name;
    let Some(layer) = LAYERS.iter().find(|layer| layer.name == from) else {
        return vec![format!("`{from}` has no layer: give it a line in xtask/src/layers.rs and in ARCHITECTURE.md.")];
    };
    let edge = |dependency: &Dependency| match is_ours(&dependency.name) {
        true => inner_edge(layer, dependency),
        false => outer_edge(layer, dependency),
    };
    package.dependencies.iter().filter_map(edge).collect()
}

/// An edge between two crates of the workspace.
fn inner_edge(layer: &Layer, dependency: &Dependency) -> Option<String> {
    let (from, to) = (layer.name, dependency.name.as_str());
    if layer.uses.contains(&to) || (dependency.kind == Kind::Dev && layer.tests_use.contains(&to)) {
        return None;
    }
    Some(if layer.tests_use.contains(&to) {
        format!("`{from}` depends on `{to}`, which is for tests only: move it to [dev-dependencies].")
    } else {
        format!(
            "`{from}` depends on `{to}`, and the table has no such edge: move what they share into a crate below \
             both, or add the edge to xtask/src/layers.rs and to ARCHITECTURE.md."
        )
    })
}

/// An edge that leaves the workspace; only the crate of the rules has to account for it.
fn outer_edge(layer: &Layer, dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    let allowed = RULES_USE.contains(&name) || (dependency.kind == Kind::Dev && RULES_TESTS_USE.contains(&name));
    if layer.name != RULES || allowed {
        return None;
    }
    Some(format!(
        "`{RULES}` depends on `{name}`, which is not on its list: do what needs it in the crate that calls the \
         rule, or add it to xtask/src/layers.rs with a reason in the commit."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The workspace of the table itself, without edges, and with these: `from -> to` or `from -dev-> to`.
    fn workspace(edges: &[&str]) -> Metadata {
        let mut packages: Vec<Package> =
            LAYERS.iter().map(|layer| Package { name: layer.name.to_owned(), dependencies: vec![] }).collect();
        for edge in edges {
            let words: Vec<&str> = edge.split(' ').collect();
            let kind = if words[1] == "-dev->" { Kind::Dev } else { Kind::Normal };
            let package = packages.iter_mut().find(|package| package.name == words[0]).expect("a crate of the table");
            package.dependencies.push(Dependency { name: words[2].to_owned(), kind });
        }
        Metadata { packages, target_directory: "target".into() }
    }

    #[track_caller]
    fn check(edge: &str, sentence_part: Option<&str>) {
        let found = violations(&workspace(&[edge]));
        match sentence_part {
            None => assert!(found.is_empty(), "{found:?}"),
            Some(part) => assert!(found.len() == 1 && found[0].contains(part), "{found:?}"),
        }
    }

    #[test]
    fn an_edge_of_the_table_is_allowed() {
        check("perennial-service -> perennial-store", None);
        check("perennial -> perennial-settings", None);
        check("perennial-service -> tokio", None);
    }

    #[test]
    fn an_edge_that_points_up_or_aside_is_named() {
        check("perennial-store -> perennial-service", Some("`perennial-store` depends on `perennial-service`"));
        check("perennial-service -> perennial-store-sqlite", Some("no such edge"));
        check("perennial-service -dev-> perennial-store-sqlite", Some("no such edge"));
        check("perennial-bench -> perennial-protocol", Some("no such edge"));
        check("xtask -dev-> perennial-testkit", Some("no such edge"));
    }

    #[test]
    fn crates_for_tests_are_used_by_tests_only() {
        check("perennial -dev-> perennial-testkit", None);
        check("perennial -> perennial-testkit", Some("[dev-dependencies]"));
        check("perennial-store -> perennial-simulation", Some("[dev-dependencies]"));
    }

    #[test]
    fn the_rules_account_for_every_foreign_crate() {
        check("perennial-protocol -> serde", None);
        check("perennial-protocol -dev-> proptest", None);
        check("perennial-protocol -> proptest", Some("not on its list"));
        check("perennial-protocol -> tokio", Some("`perennial-protocol` depends on `tokio`"));
    }

    #[test]
    fn a_crate_without_a_layer_and_a_layer_without_a_crate_are_named() {
        let mut metadata = workspace(&[]);
        metadata.packages[0].name = "perennial-new".to_owned();
        let found = violations(&metadata);
        assert!(found[0].starts_with("`perennial-protocol` is in the table and not in the workspace"), "{found:?}");
        assert!(found[1].starts_with("`perennial-new` has no layer"), "{found:?}");
    }

    #[test]
    fn what_cargo_prints_is_understood() {
        let text = r#"{"packages": [{"name": "perennial", "dependencies": [
            {"name": "clap", "kind": null}, {"name": "insta", "kind": "dev"}, {"name": "cc", "kind": "build"}]}], "target_directory": "/target"}"#;
        let metadata: Metadata = serde_json::from_str(text).expect("metadata");
        let kinds: Vec<Kind> = metadata.packages[0].dependencies.iter().map(|dependency| dependency.kind).collect();
        assert_eq!(kinds, [Kind::Normal, Kind::Dev, Kind::Build]);
    }
}
