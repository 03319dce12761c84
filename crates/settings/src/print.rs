//! The effective configuration as TOML: every key, its value, and where that came from. Passwords are hidden.

use std::fmt::Write as _;

use config::{Value, ValueKind};
use perennial_protocol::cookie::set::Secure;
use url::Url;

use crate::{
    catalogue::{self, Key, Repeated},
    kind::Kind,
    provenance,
    settings::{Settings, Store},
    sieve::dotted,
    tree::Tree,
};

const HIDDEN: &str = "***";

/// One line of a table: what is set, and where it was.
struct Line {
    assignment: String,
    remark: String,
}

pub(crate) fn print(tree: &Tree, settings: Option<&Settings>) -> String {
    let mut text = String::new();
    for table in catalogue::tables() {
        for (head, path) in written(tree, table) {
            let keys = catalogue::of_table(table);
            let lines: Vec<Line> = keys.flat_map(|key| of_key(tree, settings, &path, key)).collect();
            let width = lines.iter().map(|line| line.assignment.chars().count()).max().unwrap_or(0);
            let gap = if text.is_empty() { "" } else { "\n" };
            writeln!(text, "{gap}{head}").expect("a string takes all");
            for Line { assignment, remark } in lines {
                writeln!(text, "{assignment:width$}  # {remark}").expect("a string takes all");
            }
        }
    }
    text
}

/// A table as often as it is written, with its head and its path.
fn written(tree: &Tree, table: &str) -> Vec<(String, Vec<String>)> {
    let path: Vec<String> = table.split('.').map(str::to_owned).collect();
    let Some(repeated) = catalogue::repeated(table) else { return vec![(catalogue::head(table), path)] };
    let Some(Value { kind: ValueKind::Table(items), .. }) = tree.at(table.split('.')) else { return Vec::new() };
    let mut names: Vec<&String> = items.keys().collect();
    names.sort_by_key(|name| (name.parse::<usize>().ok(), *name));
    let section = |name: &String| {
        let path = [path.as_slice(), std::slice::from_ref(name)].concat();
        match repeated {
            Repeated::Listed => (catalogue::head(table), path),
            Repeated::Named => (format!("[{}]", dotted(&path)), path),
        }
    };
    names.into_iter().map(section).collect()
}

fn of_key(tree: &Tree, settings: Option<&Settings>, table: &[String], key: &Key) -> Vec<Line> {
    let value = tree.at(table.iter().map(String::as_str).chain([key.name()]));
    if let Kind::Map { .. } | Kind::Fields(_) = key.kind {
        let mut lines = Vec::new();
        if let Some(value) = value {
            leaves(&[key.name().to_owned()], value, &mut |path, value| {
                let remark = value.origin().unwrap_or(provenance::DEFAULT).to_owned();
                lines.push(Line { assignment: format!("{} = {}", dotted(path), toml_of(value)), remark });
            });
        }
        if lines.is_empty() && matches!(key.kind, Kind::Map { .. }) {
            lines.push(Line { assignment: format!("{} = {{}}", key.name()), remark: provenance::DEFAULT.into() });
        }
        return lines;
    }
    let Some(value) = value else { return Vec::new() };
    let shown = match key.kind {
        Kind::SecretUrl | Kind::Urls => without_passwords(toml_of(value)),
        _ => toml_of(value),
    };
    let origin = value.origin().unwrap_or(provenance::DEFAULT);
    let remark = match settings.and_then(|settings| meaning(settings, key.path, &shown)) {
        Some(meaning) => format!("{origin}: {meaning}"),
        None => origin.to_owned(),
    };
    vec![Line { assignment: format!("{} = {shown}", key.name()), remark }]
}

/// What a value that stands for another one comes to.
fn meaning(settings: &Settings, path: &str, shown: &toml::Value) -> Option<String> {
    let is_secure = settings.cookies.attributes.secure == Secure::Always;
    match (path, shown.as_str(), shown.as_integer()) {
        ("store.url", Some(url), _)
            if url.starts_with("sqlite:") && matches!(settings.store, Store::Postgres { .. }) =>
        {
            Some("not used, because store.url_file names another".into())
        }
        ("tokens.issuer", Some(""), _) => Some(settings.tokens.issuer.issuer.clone()),
        ("cookies.secure", Some("auto"), _) => Some(is_secure.to_string()),
        ("cookies.prefix", Some("auto"), _) if is_secure => Some("__Host-".into()),
        ("cookies.prefix", Some("auto"), _) => Some("none".into()),
        ("limits.hash_permits", _, Some(0)) => Some(settings.limits.hash_permits.to_string()),
        _ => None,
    }
}

/// Visits every value under `value` that is no table, in the order of the names.
fn leaves(path: &[String], value: &Value, visit: &mut impl FnMut(&[String], &Value)) {
    let ValueKind::Table(entries) = &value.kind else { return visit(path, value) };
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|(name, _)| *name);
    for (name, value) in entries {
        leaves(&[path, std::slice::from_ref(name)].concat(), value, visit);
    }
}

fn toml_of(value: &Value) -> toml::Value {
    match &value.kind {
        ValueKind::String(text) => text.as_str().into(),
        ValueKind::Boolean(flag) => (*flag).into(),
        ValueKind::I64(number) => (*number).into(),
        ValueKind::Float(number) => (*number).into(),
        ValueKind::Array(items) => items.iter().map(toml_of).collect::<Vec<_>>().into(),
        ValueKind::Table(entries) => {
            toml::Value::Table(entries.iter().map(|(name, value)| (name.clone(), toml_of(value))).collect())
        }
        other => other.to_string().into(),
    }
}

fn without_passwords(urls: toml::Value) -> toml::Value {
    match urls {
        toml::Value::String(url) => redacted(&url).into(),
        toml::Value::Array(urls) => urls.into_iter().map(without_passwords).collect::<Vec<_>>().into(),
        other => other,
    }
}

/// The URL without its password, which may stand in two places; a text that may hide one from the parser is not shown at all.
fn redacted(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) if url.query_pairs().any(|(name, _)| name.contains("password")) => HIDDEN.into(),
        Ok(mut url) if url.password().is_some() => match url.set_password(Some(HIDDEN)) {
            Ok(()) => url.to_string(),
            Err(()) => HIDDEN.into(),
        },
        Ok(url) if url.has_host() || !text.contains('@') => text.to_owned(),
        _ if text.is_empty() => String::new(),
        _ => HIDDEN.into(),
    }
}

#[cfg(test)]
mod tests {
    #[track_caller]
    fn check(url: &str, shown: &str) {
        assert_eq!(super::redacted(url), shown);
    }

    #[test]
    fn a_url_is_shown_without_its_password() {
        check("smtp://me:secret@mail.example.com:587?tls=required", "smtp://me:***@mail.example.com:587?tls=required");
        check("postgres://me:secret@db/perennial", "postgres://me:***@db/perennial");
        check("postgres:///perennial?host=/run/postgresql&user=me&password=secret", "***");
        check("postgres://me:secret@one:5433,two:5434/perennial", "***");
        check("postgres:///perennial?host=/run/postgresql", "postgres:///perennial?host=/run/postgresql");
        check("smtp://mail.example.com", "smtp://mail.example.com");
        check("sqlite:perennial-data/perennial.db", "sqlite:perennial-data/perennial.db");
        check("me:secret@mail.example.com", "***");
        check("no url at all, secret", "***");
        check("", "");
    }
}
