//! The connections that load: each carries the questions of many callers at once.
//!
//! They carry no write, so that no load stands behind a commit or a lock.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use deadpool_postgres::ClientWrapper;
use perennial_store::Result;
use tokio_postgres::Row;

use crate::{
    error::{Failure, unavailable},
    limits,
    link::Link,
    pipeline,
    pulse::Pulse,
    value::Value,
};

#[derive(Debug)]
pub(crate) struct Readers {
    links: Vec<Link>,
    pulse: Arc<Pulse>,
    /// Which one is asked next.
    next: AtomicUsize,
}

impl Readers {
    pub(crate) fn new(links: Vec<Link>, pulse: Arc<Pulse>) -> Self {
        Self { links, pulse, next: AtomicUsize::new(0) }
    }

    pub(crate) async fn query(&self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        self.pulse.patient(limits::LOAD_WAIT, self.ask(sql, values)).await
    }

    /// A load changes nothing, so that it is asked again elsewhere when its connection breaks.
    async fn ask(&self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        let start = self.next.fetch_add(1, Ordering::Relaxed) % self.links.len();
        let (before, from) = self.links.split_at(start);
        let mut failure = None;
        for client in from.iter().chain(before).filter_map(Link::client) {
            match self.ask_one(&client, sql, values).await {
                Ok(rows) => return Ok(rows),
                Err(lost @ Failure::Unknown(_)) => failure = Some(lost),
                Err(other) => return Err(other.into()),
            }
        }
        Err(failure.map_or_else(|| unavailable("the database cannot be reached"), Into::into))
    }

    async fn ask_one(
        &self,
        client: &ClientWrapper,
        sql: &'static str,
        values: &[Value],
    ) -> std::result::Result<Vec<Row>, Failure> {
        let rows = pipeline::query(client, sql, values).await?;
        self.pulse.beat();
        Ok(rows)
    }
}
