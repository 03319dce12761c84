//! The shared store: PostgreSQL, 13 or newer, for many nodes over one database.
//!
//! Loads are pipelined over a few shared connections (`readers`). A change of one write is one statement
//! in one round trip (`lanes`); a change of several is a transaction (`transactions`). Nodes keep nothing
//! that matters and need no stickiness: what decides is in the database, and whatever is locked is locked
//! in one order (`locks`). While the database is away every call says so soon (`pulse`), and the
//! connections come back by themselves (`link`). Everything that is SQL is in `migrations/`, `load`,
//! `locks`, `write` and `keys`.

mod connection;
mod error;
mod keys;
mod lanes;
mod limits;
mod link;
mod load;
mod locks;
mod migration;
mod order;
mod pipeline;
mod pulse;
mod readers;
mod rows;
mod store;
mod target;
mod tls;
mod transactions;
mod value;
mod write;

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use perennial_protocol::time::UnixMillis;
use perennial_store::Result;

pub use error::ConnectError;
pub use migration::Migrated;

use error::unavailable;
use lanes::Lanes;
use link::Link;
use pulse::Pulse;
use readers::Readers;
use target::Target;
use transactions::Transactions;

/// What may differ from one installation to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Connections that load.
    pub readers: usize,
    /// Connections for single writes, such as rotations.
    pub lanes: usize,
    /// Connections for changes of several writes, at most; they are opened when they are needed.
    pub transactions: usize,
    /// How long the database may say nothing at all before the calls that wait are told that the store is
    /// unavailable. A slow answer is waited for longer, as long as others come.
    pub silence: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: limits::READERS,
            lanes: limits::LANES,
            transactions: limits::TRANSACTIONS,
            silence: limits::SILENCE,
        }
    }
}

/// A store in a PostgreSQL database, beside those of the other nodes.
pub struct PostgresStore {
    place: String,
    readers: Readers,
    lanes: Lanes,
    transactions: Transactions,
}

/// The password is in the URL only.
impl fmt::Debug for PostgresStore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PostgresStore({})", self.place)
    }
}

impl PostgresStore {
    /// Connects to the database and brings it to the newest version.
    ///
    /// The URL is that of libpq, `postgres://user:password@host:5432/database`; it may name several hosts,
    /// of which the one that takes writes is used. `sslmode` is `disable`, `prefer` (the default),
    /// `require` or `verify-full`, and `sslrootcert` names a file of certificates to trust. Only
    /// `verify-full`, or `require` with `sslrootcert`, makes sure that it is the right server that answers.
    ///
    /// The database has to be there now; what happens to it later is survived.
    pub async fn connect(url: &str, options: Options) -> std::result::Result<Self, ConnectError> {
        let target = Target::parse(url)?;
        if !target.is_verified() {
            tracing::warn!(
                database = target.place(),
                "nothing makes sure that it is the right database that answers: add `sslmode=verify-full` to its URL"
            );
        }
        migration::migrate(&target).await?;
        let pulse = Arc::new(Pulse::new(options.silence));
        let links = |count: usize| open_links(&target, &pulse, count.max(1));
        let (readers, lanes) = tokio::try_join!(links(options.readers), links(options.lanes))?;
        Ok(Self {
            place: target.place(),
            readers: Readers::new(readers, Arc::clone(&pulse)),
            lanes: Lanes::start(lanes, Arc::clone(&pulse)),
            transactions: Transactions::new(target, pulse, options.transactions)?,
        })
    }

    /// The hosts and the database that a URL names, without its password, for people to read.
    pub fn place(url: &str) -> std::result::Result<String, ConnectError> {
        Ok(Target::parse(url)?.place())
    }

    /// Brings the database to the newest version, as `connect` does, and tells from which one.
    pub async fn migrate(url: &str) -> std::result::Result<Migrated, ConnectError> {
        migration::migrate(&Target::parse(url)?).await
    }

    /// What time it is by the clock of the database, which is the same for every node.
    pub async fn database_now(&self) -> Result<UnixMillis> {
        const SQL: &str = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        let now = load::one(&self.readers, SQL, Vec::new(), |row| rows::Columns::of("the clock", row).time()).await?;
        now.ok_or_else(|| unavailable("the database told no time"))
    }
}

async fn open_links(target: &Target, pulse: &Arc<Pulse>, count: usize) -> std::result::Result<Vec<Link>, ConnectError> {
    let open = async || {
        let connection = connection::open(target).await;
        let unreachable = |reason| ConnectError::Unreachable { place: target.place(), reason };
        Ok(Link::start(target.clone(), Arc::clone(pulse), connection.map_err(unreachable)?))
    };
    try_join_all((0..count).map(|_| open())).await
}
