//! One map of rows that can be put back.

use std::collections::BTreeMap;

use crate::Applied;

/// What becomes of the writes since the last time.
#[derive(Clone, Copy)]
pub(super) enum Settle {
    Keep,
    PutBack,
}

/// Rows, and what they were before the change that is under way.
#[derive(Clone)]
pub(super) struct Table<K, V> {
    pub(super) rows: BTreeMap<K, V>,
    before: Vec<(K, Option<V>)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), before: Vec::new() }
    }
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    pub(super) fn set(&mut self, key: K, row: Option<V>) -> Applied {
        let before = match row {
            Some(row) => self.rows.insert(key.clone(), row),
            None => self.rows.remove(&key),
        };
        self.before.push((key, before));
        Applied::Done
    }

    /// Guard: the key is not taken.
    pub(super) fn insert(&mut self, key: K, row: V) -> Applied {
        if self.rows.contains_key(&key) { Applied::Stale } else { self.set(key, Some(row)) }
    }

    /// Guard: the row exists, and `guard` holds for it.
    pub(super) fn change(&mut self, key: &K, guard: impl FnOnce(&V) -> bool, change: impl FnOnce(&mut V)) -> Applied {
        let Some(mut row) = self.rows.get(key).filter(|row| guard(row)).cloned() else {
            return Applied::Stale;
        };
        change(&mut row);
        self.set(key.clone(), Some(row))
    }

    pub(super) fn remove_some(&mut self, limit: usize, over: impl Fn(&V) -> bool) -> usize {
        let keys: Vec<K> =
            self.rows.iter().filter(|(_, row)| over(row)).map(|(key, _)| key.clone()).take(limit).collect();
        let count = keys.len();
        for key in keys {
            let _ = self.set(key, None);
        }
        count
    }

    pub(super) fn settle(&mut self, settle: Settle) {
        for (key, row) in self.before.drain(..).rev() {
            match (settle, row) {
                (Settle::Keep, _) => {}
                (Settle::PutBack, Some(row)) => {
                    self.rows.insert(key, row);
                }
                (Settle::PutBack, None) => {
                    self.rows.remove(&key);
                }
            }
        }
    }
}
