//! The reference of all keys as Markdown, from the catalogue and the defaults.

use std::fmt::Write as _;

use toml::Table;

use crate::{
    catalogue,
    schema::{Issuer, Route, Schema},
};

const HEAD: &str = "\
# Configuration

One TOML file (`--config FILE`), environment variables and defaults; explicit keys beat `tokens.lifetimes` and
`http.wire`, which beat defaults. `PERENNIAL__TOKENS__ACCESS_TTL=5m` sets `tokens.access_ttl`. A duration is a whole
number and one of `ms`, `s`, `m`, `h`, `d`. An unknown key is an error with a suggestion. `perennial config check`
says what is wrong, `perennial config print` what is in force and why; this page is `perennial config reference`.

`[[gateway.routes]]` is written once for each route and `[gateway.issuers.NAME]` once for each issuer. Where two sources
write the same one, they are laid over one another key by key: `PERENNIAL__GATEWAY__ROUTES__0__UPSTREAM` sets a key of
the first route, `PERENNIAL__GATEWAY__ISSUERS__NAME__LOGIN` one of an issuer; an `expired` is taken whole over a preset's.
";

/// A heading and a table of keys for every table of the configuration.
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    for table in catalogue::tables() {
        let head = catalogue::head(table);
        writeln!(text, "\n## `{head}`\n\n| key | default | takes | meaning |\n|---|---|---|---|")
            .expect("a string takes all");
        let defaults = defaults(table);
        for key in catalogue::of_table(table) {
            let default = defaults.get(key.name()).map(|default| format!("`{default}`")).unwrap_or_default();
            let (form, meaning) = (cell(&key.kind.form()), cell(key.meaning));
            writeln!(text, "| `{}` | {default} | {form} | {meaning} |", key.shown()).expect("a string takes all");
        }
    }
    text
}

/// What the keys of a table are when nobody writes them.
fn defaults(table: &str) -> Table {
    let defaults = match table {
        "gateway.routes" => Table::try_from(Route::default()),
        "gateway.issuers" => Table::try_from(Issuer::default()),
        _ => Table::try_from(Schema::default()).map(|mut tables| match tables.remove(table) {
            Some(toml::Value::Table(keys)) => keys,
            _ => Table::new(),
        }),
    };
    defaults.expect("defaults are TOML")
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
            let row = reference.lines().find(|line| line.starts_with(&format!("| `{}` |", key.shown())));
            let row = row.unwrap_or_else(|| panic!("{} is missing", key.path));
            assert!(row.ends_with(&format!("{} |", key.meaning)), "{row}");
            assert!(key.meaning.ends_with('.'), "{row}");
        }
        assert!(reference.contains("| `tokens.access_ttl` | `\"15m\"` | duration | How long an access token lives. |"));
    }
}
