//! What every route and every issuer begins with, before anybody writes its keys: defaults, some of which follow from
//! other keys, and the preset of an issuer.

use std::collections::BTreeSet;

use perennial_protocol::route::{Forward, Requirement};
use toml::{Table, Value};

use crate::{
    catalogue, presets, provenance,
    schema::{Issuer, Route},
    sieve::{Entry, Sieve},
    sources::{last_text, nested},
};

/// Sources for all that is written many times, lighter than what is written.
pub(crate) fn beginnings(written: &[Sieve]) -> Vec<Sieve> {
    let entries = written.iter().flat_map(|sieve| &sieve.entries);
    let items: BTreeSet<&[String]> = entries
        .filter_map(|Entry { path, .. }| path.get(..3).filter(|item| catalogue::repeated_at(&item[..2]).is_some()))
        .collect();
    items
        .into_iter()
        .flat_map(|item| if item[1] == "routes" { vec![route(item, written)] } else { issuer(item, written) })
        .collect()
}

/// A route with an issuer asks for no session of ours, and one that asks for none has nobody to tell of.
fn route(item: &[String], written: &[Sieve]) -> Sieve {
    let auth = match (text(item, "auth", written).as_deref(), text(item, "issuer", written).as_deref()) {
        (Some(auth), _) => Value::from(auth).try_into().unwrap_or(Requirement::Required),
        (None, None | Some("")) => Requirement::Required,
        (None, Some(_)) => Requirement::None,
    };
    let forward = if auth == Requirement::None { Forward::Nothing } else { Forward::Bearer };
    let defaults = Table::try_from(Route { auth, forward, ..Route::default() }).expect("defaults are TOML");
    nested(provenance::DEFAULT, item, &defaults.into())
}

fn issuer(item: &[String], written: &[Sieve]) -> Vec<Sieve> {
    let defaults = Table::try_from(Issuer::default()).expect("defaults are TOML");
    let mut sieves = vec![nested(provenance::DEFAULT, item, &defaults.into())];
    let name = text(item, "preset", written).unwrap_or_default();
    if let Some(keys) = presets::issuer(&name) {
        let keys: Table = keys.parse().expect("what is built in is TOML");
        let mut preset = nested(&provenance::preset(&name), item, &keys.into());
        // A rule is one thing: half of it from here and half from there would be nobody's.
        let rule = [item, &["expired".to_owned()]].concat();
        if written.iter().flat_map(|sieve| &sieve.entries).any(|entry| entry.path.starts_with(&rule)) {
            preset.entries.retain(|entry| !entry.path.starts_with(&rule));
        }
        sieves.push(preset);
    }
    sieves
}

/// What is written as a key of this one.
fn text(item: &[String], key: &str, written: &[Sieve]) -> Option<String> {
    let path: Vec<&str> = item.iter().map(String::as_str).chain([key]).collect();
    last_text(written, &path).map(|(text, _)| text)
}
