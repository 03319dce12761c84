//! Time that passes because every instant in the database moves into the past: the binary has no hook to
//! move its clock, and needs none.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, types::ValueRef};

/// A second connection to a running server's database.
#[derive(Debug)]
pub struct TimeTravel(Connection);

impl TimeTravel {
    pub fn open(database: &Path) -> Self {
        let connection = Connection::open(database).expect("the database opens");
        connection.busy_timeout(Duration::from_secs(10)).expect("a time-out can be set");
        Self(connection)
    }

    /// Moves every session's past (not its absolute end) back: as if so much time had passed. Access
    /// tokens know nothing of it; a test lets their cookies die by itself.
    pub fn pass(&self, seconds: i64) {
        self.execute(&passing(seconds));
    }

    /// One number from the database.
    pub fn number(&self, query: &str) -> i64 {
        self.0.query_row(query, [], |row| row.get(0)).expect("the query answers one number")
    }

    /// One text from the database.
    pub fn text(&self, query: &str) -> String {
        self.0.query_row(query, [], |row| row.get(0)).expect("the query answers one text")
    }

    /// Any statement.
    pub fn execute(&self, statement: &str) {
        self.0.execute_batch(statement).expect("the statement runs");
    }

    /// How often an audit event was written.
    pub fn audited(&self, kind: &str) -> i64 {
        self.0
            .query_row("SELECT count(*) FROM audit WHERE kind = ?1", [kind], |row| row.get(0))
            .expect("the audit log can be read")
    }
}

/// What lets time pass, in a database of either kind.
pub(crate) fn passing(seconds: i64) -> String {
    let millis = seconds * 1000;
    format!(
        "UPDATE session SET created_at = created_at - {millis}, active_at = active_at - {millis}, \
         delivered_at = delivered_at - {millis}, ends_at = ends_at - {millis}, \
         authenticated_at = authenticated_at - {millis};
         UPDATE allowance SET window_ends_at = window_ends_at - {millis};
         UPDATE pending SET ends_at = ends_at - {millis};"
    )
}

/// One value as the database holds it.
#[derive(Debug, Clone)]
pub enum Stored {
    Nothing,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl TimeTravel {
    /// Every value of every table.
    pub fn everything(&self) -> Vec<Stored> {
        let mut names =
            self.0.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").expect("the schema can be read");
        let names: Vec<String> =
            names.query_map([], |row| row.get(0)).expect("tables").collect::<Result<_, _>>().expect("names");
        names.iter().flat_map(|name| self.values_of(name)).collect()
    }

    fn values_of(&self, table: &str) -> Vec<Stored> {
        let mut statement = self.0.prepare(&format!("SELECT * FROM {table}")).expect("the table can be read");
        let columns = statement.column_count();
        let mut rows = statement.query([]).expect("the table can be read");
        let mut values = Vec::new();
        while let Some(row) = rows.next().expect("a row") {
            values.extend((0..columns).map(|column| stored(row.get_ref(column).expect("a value"))));
        }
        values
    }
}

fn stored(value: ValueRef<'_>) -> Stored {
    match value {
        ValueRef::Null => Stored::Nothing,
        ValueRef::Integer(number) => Stored::Number(number),
        // No column holds any; its text is as good to search as itself.
        ValueRef::Real(number) => Stored::Text(number.to_string()),
        ValueRef::Text(text) => Stored::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Stored::Bytes(bytes.to_vec()),
    }
}
