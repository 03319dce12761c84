//! The reference of all keys as Markdown, from the catalogue and the defaults.

use std::fmt::Write as _;

use crate::{catalogue, schema::Schema};

const HEAD: &str = "\
# Configuration

One TOML file (`--config FILE`), environment variables and defaults; explicit keys beat `tokens.lifetimes` and
`http.wire`, which beat defaults. `PERENNIAL__TOKENS__ACCESS_TTL=5m` sets `tokens.access_ttl`. A duration is a whole
number and one of `ms`, `s`, `m`, `h`, `d`. An unknown key is an error with a suggestion. `perennial config check`
says what is wrong, `perennial config print` what is in force and why; this page is `perennial config reference`.
";

/// A heading and a table of keys for every table of the configuration.
pub fn reference() -> String {
    let defaults = toml::Table::try_from(Schema::default()).expect("defaults are TOML");
    let mut text = HEAD.to_owned();
    for table in catalogue::tables() {
        writeln!(text, "\n## `[{table}]`\n\n| key | default | takes | meaning |\n|---|---|---|---|")
            .expect("a string takes all");
        for key in catalogue::of_table(table) {
            let default = &defaults[table][key.name()];
            let (form, meaning) = (cell(&key.kind.form()), cell(key.meaning));
            writeln!(text, "| `{}` | `{default}` | {form} | {meaning} |", key.path).expect("a string takes all");
        }
    }
    text
}

/// A text inside a cell, where a bar would end it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_key_stands_in_the_reference_with_default_and_meaning() {
        let reference = super::reference();
        for key in crate::catalogue::KEYS {
            let row = reference.lines().find(|line| line.starts_with(&format!("| `{}` |", key.path)));
            let row = row.unwrap_or_else(|| panic!("{} is missing", key.path));
            assert!(row.ends_with(&format!("{} |", key.meaning)), "{row}");
            assert!(key.meaning.ends_with('.'), "{row}");
        }
        assert!(reference.contains("| `tokens.access_ttl` | `\"15m\"` | duration | How long an access token lives. |"));
    }
}
