//! Sifts one source key by key: what the catalogue knows and takes becomes an entry with its provenance,
//! all else becomes a problem. A bad key never hides the next one.

use toml::{Table, Value};

use crate::{
    catalogue::{self, NOT_BUILT},
    kind::{Kind, quoted},
    problem::Problem,
    provenance, suggestion,
};

/// A known key with a value of the right form.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) path: Vec<String>,
    pub(crate) value: Value,
    pub(crate) label: String,
}

/// What one source says.
#[derive(Debug, Clone)]
pub(crate) struct Sieve {
    label: String,
    pub(crate) entries: Vec<Entry>,
    pub(crate) problems: Vec<Problem>,
    /// False when the source could not be read, so that nothing follows from what it does not say.
    pub(crate) was_read: bool,
}

impl Sieve {
    /// Every key of these tables, judged.
    pub(crate) fn of(label: impl Into<String>, tables: Table) -> Self {
        let mut sieve = Self { label: label.into(), entries: Vec::new(), problems: Vec::new(), was_read: true };
        for (table, keys) in tables {
            sieve.table(&table, keys);
        }
        sieve
    }

    /// A source with nothing in it but a problem.
    pub(crate) fn refused(problem: Problem) -> Self {
        Self { was_read: true, ..Self::unreadable(problem) }
    }

    /// A source that is nothing but a problem, and whose keys are not known.
    pub(crate) fn unreadable(problem: Problem) -> Self {
        Self { label: String::new(), entries: Vec::new(), problems: vec![problem], was_read: false }
    }

    fn table(&mut self, table: &str, keys: Value) {
        let path = [table.to_owned()];
        if let Some((_, sentence)) = NOT_BUILT.iter().find(|(name, _)| *name == table) {
            return self.refuse(&path, format!("cannot be used, because {sentence}"));
        }
        let tables = catalogue::tables();
        if !tables.contains(&table) {
            return self.unknown(&path, suggestion::nearest(table, tables).map(str::to_owned));
        }
        match keys {
            Value::Table(keys) => keys.into_iter().for_each(|(name, value)| {
                let path = [table.to_owned(), name];
                match catalogue::find(table, &path[1]) {
                    Some(key) => self.value(&path, &key.kind, value),
                    None => self.unknown(&path, suggestion::key(&path.join(".")).map(str::to_owned)),
                }
            }),
            _ => self.refuse(&path, format!("is no table: write [{table}] and its keys")),
        }
    }

    fn value(&mut self, path: &[String], kind: &Kind, value: Value) {
        match (kind, value) {
            (Kind::Map { keys, values }, Value::Table(entries)) => {
                for (name, value) in entries {
                    let inner = [path, &[name]].concat();
                    let name = inner.last().expect("just added");
                    match keys {
                        Some(keys) if !keys.contains(&name.as_str()) => self.unlisted(&inner, keys),
                        _ => self.value(&inner, values, value),
                    }
                }
            }
            (kind, value) if kind.takes(&value) => {
                self.entries.push(Entry { path: path.to_vec(), value, label: self.label.clone() });
            }
            (Kind::SecretUrl, _) => self.refuse(path, format!("has the wrong form: {}", kind.wanted())),
            (kind, value) => self.refuse(path, format!("is {}: {}", shown(&value), kind.wanted())),
        }
    }

    fn unlisted(&mut self, path: &[String], keys: &[&str]) {
        let name = path.last().expect("a path has a name");
        match suggestion::nearest(name, keys.iter().copied()) {
            Some(meant) => {
                let parent = &path[..path.len() - 1];
                self.unknown(path, Some(dotted(&[parent, &[meant.to_owned()]].concat())));
            }
            None => {
                let known = format!("unknown key `{}` {}", dotted(path), provenance::place(&self.label));
                self.problems.push(Problem::said(&dotted(path), format!("{known}: write one of {}", quoted(keys))));
            }
        }
    }

    fn unknown(&mut self, path: &[String], meant: Option<String>) {
        let key = dotted(path);
        let what = format!("unknown key `{key}` {}", provenance::place(&self.label));
        let sentence = match meant {
            Some(meant) => format!("{what}: did you mean `{meant}`?"),
            None => format!("{what}: remove it"),
        };
        self.problems.push(Problem::said(&key, sentence));
    }

    fn refuse(&mut self, path: &[String], rest: String) {
        self.problems.push(Problem::of(&dotted(path), &self.label, rest));
    }
}

/// The path as TOML writes it: parts that are not bare keys stand in quotes.
pub(crate) fn dotted(path: &[String]) -> String {
    let bare = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    let parts = path.iter().map(|part| if bare(part) { part.clone() } else { Value::from(part.as_str()).to_string() });
    parts.collect::<Vec<_>>().join(".")
}

/// A wrong value in a sentence; long ones only by their form.
fn shown(value: &Value) -> String {
    const SHOWN_MAX: usize = 60;
    match value {
        Value::Array(_) => "a list".into(),
        Value::Table(_) => "a table".into(),
        Value::String(text) if text.len() > SHOWN_MAX => "a long text".into(),
        other => format!("`{other}`"),
    }
}
