//! Sifts one source key by key: what the catalogue knows and takes becomes an entry with its provenance,
//! all else becomes a problem. A bad key never hides the next one.

use toml::{Table, Value};

use crate::{
    catalogue::{self, NOT_BUILT, Repeated},
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
        let tables: Vec<_> = catalogue::tables().into_iter().filter(|table| !table.contains('.')).collect();
        if !tables.contains(&table) {
            return self.unknown(&path, suggestion::nearest(table, tables).map(str::to_owned));
        }
        match keys {
            Value::Table(keys) => self.keys(&path, table, keys),
            _ => self.refuse(&path, format!("is no table: write [{table}] and its keys")),
        }
    }

    /// The keys at this path, by what the catalogue says of this table.
    fn keys(&mut self, path: &[String], table: &str, keys: Table) {
        for (name, value) in keys {
            let inner = format!("{table}.{name}");
            let path = [path, std::slice::from_ref(&name)].concat();
            match (catalogue::find(table, &name), catalogue::repeated(&inner)) {
                (Some(key), _) => self.value(&path, &key.kind, value),
                (None, Some(repeated)) => self.items(&path, repeated, value),
                (None, None) => self.unknown(&path, suggestion::key(table, &path)),
            }
        }
    }

    /// Every one of a table that there may be many of; a variable names one by its place.
    fn items(&mut self, path: &[String], repeated: Repeated, value: Value) {
        let head = catalogue::head(&path.join("."));
        let items: Vec<(String, Value)> = match (repeated, value) {
            (Repeated::Listed, Value::Array(items)) => {
                items.into_iter().enumerate().map(|(place, item)| (place.to_string(), item)).collect()
            }
            (Repeated::Listed, Value::Table(items)) if items.keys().all(|name| is_place(name)) => {
                items.into_iter().collect()
            }
            (Repeated::Named, Value::Table(items)) => items.into_iter().collect(),
            _ => return self.refuse(path, format!("has the wrong form: write {head} and its keys, once for each")),
        };
        for (name, item) in items {
            let inner = [path, &[name]].concat();
            match item {
                Value::Table(keys) => {
                    // What has no key is there all the same.
                    self.entry(&inner, Value::Table(Table::new()));
                    self.keys(&inner, &path.join("."), keys);
                }
                _ => self.refuse(&inner, format!("is no table: write {head} and its keys")),
            }
        }
    }

    fn value(&mut self, path: &[String], kind: &Kind, value: Value) {
        match (kind, value) {
            (Kind::Map { .. } | Kind::Fields(_), Value::Table(entries)) => {
                for (name, value) in entries {
                    let inner = [path, std::slice::from_ref(&name)].concat();
                    match kind.of_entry(&name) {
                        Some(kind) => self.value(&inner, kind, value),
                        None => self.unlisted(&inner, &kind.entries()),
                    }
                }
            }
            (kind, value) if kind.takes(&value) => self.entry(path, value),
            (Kind::SecretUrl | Kind::Urls, _) => self.refuse(path, format!("has the wrong form: {}", kind.wanted())),
            (kind, value) => self.refuse(path, format!("is {}: {}", shown(&value), kind.wanted())),
        }
    }

    fn entry(&mut self, path: &[String], value: Value) {
        self.entries.push(Entry { path: path.to_vec(), value, label: self.label.clone() });
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

/// The path as TOML writes it: parts that are not bare keys stand in quotes. A place in a list stands in brackets.
pub(crate) fn dotted(path: &[String]) -> String {
    let bare = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    let mut text = String::new();
    for (depth, part) in path.iter().enumerate() {
        if catalogue::repeated_at(&path[..depth]) == Some(Repeated::Listed) {
            text += &format!("[{part}]");
            continue;
        }
        let dot = if depth == 0 { "" } else { "." };
        let part = if bare(part) { part.clone() } else { Value::from(part.as_str()).to_string() };
        text += &format!("{dot}{part}");
    }
    text
}

/// Whether a name is a place in a list, written in the one way.
fn is_place(name: &str) -> bool {
    name.parse::<usize>().is_ok_and(|place| place.to_string() == name)
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
