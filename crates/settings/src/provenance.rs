//! Where a value came from, as a short label that travels with it.

pub(crate) const DEFAULT: &str = "default";
pub(crate) const DEV: &str = "dev";

pub(crate) fn lifetimes(name: &str) -> String {
    format!("lifetimes {name}")
}

pub(crate) fn wire(name: &str) -> String {
    format!("wire {name}")
}

pub(crate) fn preset(name: &str) -> String {
    format!("preset {name}")
}

pub(crate) fn variable(name: &str) -> String {
    format!("env {name}")
}

/// The label inside a sentence, after the name of a key: `in perennial.toml`, `(default)`.
pub(crate) fn place(label: &str) -> String {
    let built_in =
        [DEFAULT, DEV].contains(&label) || ["lifetimes ", "wire ", "preset "].iter().any(|set| label.starts_with(set));
    if built_in { format!("({label})") } else { format!("in {}", label.strip_prefix("env ").unwrap_or(label)) }
}
