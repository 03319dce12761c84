//! All sources laid over one another by the `config` crate: one value a key, and where it came from.

use config::{Config, ConfigError, Map, Source, Value, ValueKind};

use crate::{
    provenance,
    schema::Schema,
    sieve::{Entry, Sieve},
};

/// The merged configuration.
#[derive(Debug, Clone)]
pub(crate) struct Tree(Config);

impl Tree {
    /// The sources over one another, lightest first.
    pub(crate) fn of(sieves: &[Sieve]) -> Self {
        let layers = sieves.iter().map(|sieve| Layer(sieve.entries.clone()));
        let builder = layers.fold(Config::builder(), |builder, layer| builder.add_source(layer));
        Self(builder.build().expect("a source in memory cannot fail"))
    }

    pub(crate) fn schema(&self) -> Result<Schema, ConfigError> {
        self.0.clone().try_deserialize()
    }

    /// The value at a path.
    pub(crate) fn at<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Option<&Value> {
        path.into_iter().try_fold(&self.0.cache, |value, part| match &value.kind {
            ValueKind::Table(entries) => entries.get(part),
            _ => None,
        })
    }

    /// Where the value at a path came from, of a table its first one; what nobody wrote is a default.
    pub(crate) fn label<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> &str {
        let mut value = self.at(path);
        while let Some(Value { kind: ValueKind::Table(entries), .. }) = value {
            value = entries.iter().min_by_key(|(name, _)| *name).map(|(_, first)| first);
        }
        value.and_then(Value::origin).unwrap_or(provenance::DEFAULT)
    }
}

/// One sifted source in the form of the `config` crate.
#[derive(Debug, Clone)]
struct Layer(Vec<Entry>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let mut root = Map::new();
        for Entry { path, value, label } in &self.0 {
            insert(&mut root, path, labelled(value, label));
        }
        Ok(root)
    }
}

fn insert(table: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => {
            table.insert(name.clone(), value);
        }
        [name, rest @ ..] => {
            let inner = table.entry(name.clone()).or_insert_with(|| Value::new(None, Map::<String, Value>::new()));
            if let ValueKind::Table(inner) = &mut inner.kind {
                insert(inner, rest, value);
            }
        }
    }
}

fn labelled(value: &toml::Value, label: &String) -> Value {
    let kind = match value {
        toml::Value::String(text) => ValueKind::String(text.clone()),
        toml::Value::Integer(number) => ValueKind::I64(*number),
        toml::Value::Float(number) => ValueKind::Float(*number),
        toml::Value::Boolean(flag) => ValueKind::Boolean(*flag),
        toml::Value::Datetime(time) => ValueKind::String(time.to_string()),
        toml::Value::Array(items) => ValueKind::Array(items.iter().map(|item| labelled(item, label)).collect()),
        toml::Value::Table(entries) => {
            ValueKind::Table(entries.iter().map(|(name, value)| (name.clone(), labelled(value, label))).collect())
        }
    };
    Value::new(Some(label), kind)
}
