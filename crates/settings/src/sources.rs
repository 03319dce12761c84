//! The places that a configuration comes from, in the order of their weight: defaults, the named lifetimes,
//! the wire preset, the file, the environment, and what the command line gave.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use perennial_protocol::session::lifetimes::Named;
use toml::{Table, Value};

use crate::{
    catalogue, items,
    kind::{Kind, quoted},
    presets,
    problem::Problem,
    provenance,
    schema::Schema,
    sieve::Sieve,
    suggestion,
};

/// What the configuration is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `perennial serve` and every command beside it.
    Serve,
    /// `perennial dev`: loopback only, mail is kept and shown.
    Dev,
}

/// Where to read a configuration from.
#[derive(Clone)]
pub struct Sources {
    pub(crate) mode: Mode,
    file: Option<FileSource>,
    environment: BTreeMap<String, String>,
    given: Vec<(String, String, Value)>,
}

#[derive(Clone)]
enum FileSource {
    OnDisk(PathBuf),
    Text { name: String, text: String },
}

/// What every environment variable of the configuration begins with.
const VARIABLE_PREFIX: &str = "PERENNIAL__";

impl Sources {
    /// The defaults alone.
    pub const fn new(mode: Mode) -> Self {
        Self { mode, file: None, environment: BTreeMap::new(), given: Vec::new() }
    }

    /// With this file, which must exist.
    #[must_use]
    pub fn file(mut self, path: &Path) -> Self {
        self.file = Some(FileSource::OnDisk(path.to_owned()));
        self
    }

    /// With a file that was read already.
    #[must_use]
    pub fn text(mut self, name: &str, text: &str) -> Self {
        self.file = Some(FileSource::Text { name: name.to_owned(), text: text.to_owned() });
        self
    }

    /// With those of these variables that are called `PERENNIAL__TABLE__KEY`.
    #[must_use]
    pub fn variables<N: Into<String>, V: Into<String>>(mut self, all: impl IntoIterator<Item = (N, V)>) -> Self {
        let all = all.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.environment.extend(all.filter(|(name, _)| name.starts_with(VARIABLE_PREFIX)));
        self
    }

    /// With the variables of this process.
    #[must_use]
    pub fn environment(self) -> Self {
        let text = |raw: std::ffi::OsString| raw.to_string_lossy().into_owned();
        self.variables(std::env::vars_os().map(|(name, value)| (text(name), text(value))))
    }

    /// With a key that the command line gave: `given("--wire", "http.wire", "vault")`. Beats all else.
    #[must_use]
    pub fn given(mut self, option: &str, path: &str, value: impl Into<Value>) -> Self {
        self.given.push((option.to_owned(), path.to_owned(), value.into()));
        self
    }

    /// Every source, sifted, lightest first.
    pub(crate) fn sifted(&self) -> Vec<Sieve> {
        let mut written: Vec<Sieve> = self.file.iter().map(FileSource::sifted).collect();
        written.extend(self.environment.iter().map(|(name, text)| variable(name, text)));
        written.extend(self.given.iter().map(|(option, path, value)| nested(option, &segments(path, "."), value)));

        let wire = last_text(&written, &["http", "wire"]).map(|(name, label)| wire(&name, &label));
        let named = written.iter().rev().chain(wire.as_ref()).find_map(lifetimes_named);
        let (name, keys) = presets::lifetimes(named.unwrap_or(Named::Balanced));

        let defaults = Table::try_from(Schema::default()).expect("defaults are TOML");
        let mut all = vec![Sieve::of(provenance::DEFAULT, defaults)];
        if self.mode == Mode::Dev {
            all.push(built_in(provenance::DEV, presets::DEV));
        }
        all.push(built_in(provenance::lifetimes(name), keys));
        all.extend(wire);
        all.extend(items::beginnings(&written));
        all.extend(written);
        all
    }
}

/// File and variables hold secrets, so neither is shown.
impl fmt::Debug for Sources {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Sources").field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl FileSource {
    fn sifted(&self) -> Sieve {
        match self {
            Self::Text { name, text } => parsed(name, text),
            Self::OnDisk(path) => {
                let name = path.display().to_string();
                match std::fs::read_to_string(path) {
                    Ok(text) => parsed(&name, &text),
                    Err(error) => {
                        Sieve::unreadable(Problem::said(&name, format!("the file {name} cannot be read: {error}")))
                    }
                }
            }
        }
    }
}

/// A TOML text as a source. The refusal names the line and never quotes it: it may hold a secret.
fn parsed(name: &str, text: &str) -> Sieve {
    match text.parse::<Table>() {
        Ok(tables) => Sieve::of(name, tables),
        Err(error) => {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1;
            let reason = error.message().trim();
            Sieve::unreadable(Problem::said(name, format!("{name} is not valid TOML at line {line}: {reason}")))
        }
    }
}

fn built_in(label: impl Into<String>, text: &str) -> Sieve {
    Sieve::of(label, text.parse().expect("what is built in is TOML"))
}

fn wire(name: &str, label: &str) -> Sieve {
    let names = presets::wire_names();
    match presets::wire(name) {
        Some((name, text)) => built_in(provenance::wire(name), text),
        None if name.is_empty() => Sieve::of(label, Table::new()),
        None => {
            let meant = suggestion::nearest(name, names.iter().copied());
            let meant = meant.map(|meant| format!("did you mean \"{meant}\"? ")).unwrap_or_default();
            let rest = format!("is \"{name}\", which is no wire preset: {meant}This build has {}", quoted(&names));
            Sieve::refused(Problem::of("http.wire", label, rest))
        }
    }
}

/// `PERENNIAL__TABLE__KEY`, and deeper for keys that are tables themselves, and tables that there may be many of.
fn variable(name: &str, text: &str) -> Sieve {
    let mut path = segments(&name[VARIABLE_PREFIX.len()..].to_lowercase(), "__");
    let is_repeated = path.get(..2).and_then(catalogue::repeated_at).is_some();
    let (mut kind, spent) = match catalogue::at(&path) {
        Some((key, spent)) => (&key.kind, spent),
        None if is_repeated && path.len() < 4 => (&Kind::Any, path.len()),
        None => (&Kind::Text, path.len()),
    };
    for inner in path.iter_mut().skip(spent) {
        // The names of calls have hyphens, which no shell allows in the name of a variable.
        let hyphened = inner.replace('_', "-");
        if kind.entries().contains(&hyphened.as_str()) {
            *inner = hyphened;
        }
        let Some(values) = kind.of_entry(inner) else { break };
        kind = values;
    }
    nested(&provenance::variable(name), &path, &kind.read(text))
}

/// A source of one key.
pub(crate) fn nested(label: &str, path: &[String], value: &Value) -> Sieve {
    let tables =
        path.iter().rev().fold(value.clone(), |inner, part| Value::Table(Table::from_iter([(part.clone(), inner)])));
    match tables {
        Value::Table(tables) => Sieve::of(label, tables),
        _ => Sieve::of(label, Table::new()),
    }
}

fn segments(path: &str, separator: &str) -> Vec<String> {
    path.split(separator).map(str::to_owned).collect()
}

fn text(sieve: &Sieve, path: &[&str]) -> Option<(String, String)> {
    let entry = sieve.entries.iter().find(|entry| entry.path == path)?;
    Some((entry.value.as_str()?.to_owned(), entry.label.clone()))
}

/// The heaviest text at a path, and where it came from.
pub(crate) fn last_text(sieves: &[Sieve], path: &[&str]) -> Option<(String, String)> {
    sieves.iter().rev().find_map(|sieve| text(sieve, path))
}

fn lifetimes_named(sieve: &Sieve) -> Option<Named> {
    text(sieve, &["tokens", "lifetimes"]).and_then(|(name, _)| Value::String(name).try_into().ok())
}
