//! One statement to be carried out, what it asks for to hold, and where it writes.
//!
//! Places have an order that everything which locks rows keeps to: accounts, pending steps, allowances,
//! sessions, keys, foreign refreshes, and by key within each. Whoever locks in one order never waits in a circle.

use std::hash::{DefaultHasher, Hash, Hasher};

use perennial_store::{Applied, Result, StoreError};

use crate::value::Value;

#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) sql: &'static str,
    pub(crate) values: Vec<Value>,
    pub(crate) guard: Guard,
    pub(crate) reach: Reach,
}

/// What has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// The statement changes a row, or the change is stale.
    ChangesARow,
    Nothing,
}

/// What the statement may write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// One row, so that it can share a commit with those of others.
    Row(Place),
    /// Any number of rows.
    Rows,
}

/// A row that exists or may come to exist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place(Table, Vec<u8>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Table {
    Account,
    Pending,
    Allowance,
    Session,
    SealedKey,
    AdminKey,
    ForeignRefresh,
    Audit,
}

impl Place {
    pub(crate) fn new(table: Table, key: impl AsRef<[u8]>) -> Self {
        Self(table, key.as_ref().to_vec())
    }

    /// Whether writes to this place are in nobody's way.
    pub(crate) fn is_of_everybody(&self) -> bool {
        self.0 == Table::Audit
    }

    /// A number that is the same for the same place, so that writes to one row follow each other in one lane.
    pub(crate) fn number(&self) -> usize {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish() as usize
    }
}

impl Order {
    /// A statement that changes a row, or whose change is stale.
    pub(crate) fn guarded(sql: &'static str, values: Vec<Value>, place: Place) -> Self {
        Self { sql, values, guard: Guard::ChangesARow, reach: Reach::Row(place) }
    }

    /// A statement that may find nothing to do.
    pub(crate) fn regardless(sql: &'static str, values: Vec<Value>, place: Place) -> Self {
        Self { sql, values, guard: Guard::Nothing, reach: Reach::Row(place) }
    }

    pub(crate) fn of_many_rows(sql: &'static str, values: Vec<Value>) -> Self {
        Self { sql, values, guard: Guard::Nothing, reach: Reach::Rows }
    }
}

impl Guard {
    /// What it means for the change that the statement changed so many rows.
    pub(crate) fn outcome(self, rows: u64) -> Applied {
        match (self, rows) {
            (Self::ChangesARow, 0) => Applied::Stale,
            _ => Applied::Done,
        }
    }
}

/// Refuses what the database cannot hold, before anything of it is sent.
pub(crate) fn check(orders: &[Order]) -> Result<()> {
    if orders.iter().flat_map(|order| &order.values).all(Value::is_storable) {
        return Ok(());
    }
    Err(StoreError::Corrupt("a text with a NUL character was to be written, and PostgreSQL holds none".into()))
}
