//! Every bound of this store, in one place.

use std::time::Duration;

use perennial_protocol::time::Millis;

/// How long the database may say nothing at all, on any connection, before a call that waits is told that
/// the store is unavailable.
pub(crate) const SILENCE: Duration = Duration::from_millis(130);

/// How long a call waits before it has every connection asked whether anybody is there.
pub(crate) const DOUBT_AFTER: Duration = Duration::from_millis(30);

/// The pause between two such looks.
pub(crate) const DOUBT_STEP: Duration = Duration::from_millis(10);

/// How long somebody who renews a session waits for a database that answers others meanwhile: it is slow, and a
/// late answer is better than none.
pub(crate) const PATIENCE: Millis = Millis::seconds(1);

/// How long a load waits for a database that answers others meanwhile.
pub(crate) const LOAD_WAIT: Duration = Duration::from_secs(1);

/// How long a single write waits in that case, with everything before it in its lane.
pub(crate) const WRITE_WAIT: Duration = Duration::from_secs(2);

/// How long a change of several writes waits in that case, with the connection it needs and every attempt.
pub(crate) const TRANSACTION_WAIT: Duration = Duration::from_secs(3);

/// How long a sweep may take.
pub(crate) const SWEEP_WAIT: Duration = Duration::from_secs(10);

/// How often a write is tried that the database undid because of another one.
pub(crate) const ATTEMPTS: u32 = 4;

/// How long a connection may leave a question unanswered before it is given up.
pub(crate) const CONNECTION_PATIENCE: Duration = Duration::from_secs(2);

/// How long a statement waits for a lock: less than the second after which the database looks for deadlocks.
pub(crate) const LOCK_WAIT: Duration = Duration::from_millis(400);

/// How long the database itself works on a statement, and how long it keeps a transaction that went quiet.
pub(crate) const STATEMENT_WAIT: Duration = Duration::from_secs(10);

/// How long one host may take to accept a connection, unless the URL says otherwise.
pub(crate) const CONNECT_WAIT: Duration = Duration::from_millis(1500);

/// How long all of a new connection may take, over every host of the URL.
pub(crate) const OPEN_WAIT: Duration = Duration::from_secs(5);

/// How long sent data may stay without a sign that it arrived before the connection counts as lost.
pub(crate) const UNACKNOWLEDGED_WAIT: Duration = Duration::from_secs(5);

/// How long a connection may be quiet before the network is asked whether it is still there.
pub(crate) const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);

/// The first and the longest pause between two attempts to connect again.
pub(crate) const RECONNECT_FIRST: Duration = Duration::from_millis(20);
pub(crate) const RECONNECT_LONGEST: Duration = Duration::from_secs(1);

/// How long a migration may wait for another node's, and how long one of its statements may take.
pub(crate) const MIGRATION_LOCK_WAIT: Duration = Duration::from_secs(60);
pub(crate) const MIGRATION_STATEMENT_WAIT: Duration = Duration::from_secs(600);

/// How long all missing migrations may take together.
pub(crate) const MIGRATION_WAIT: Duration = Duration::from_secs(3600);

/// Connections that load.
pub(crate) const READERS: usize = 2;

/// Lanes of single writes, a connection each.
pub(crate) const LANES: usize = 4;

/// How many writes may wait in a lane; the next one is told that the store is unavailable.
pub(crate) const LANE_LENGTH: usize = 4096;

/// How many writes of a lane share one commit at most.
pub(crate) const GROUP_LENGTH: usize = 128;

/// How many of them may be for one row. The first changes it, and the others mostly find that they are late.
pub(crate) const PLACE_LENGTH: usize = 32;

/// Connections for changes of several writes.
pub(crate) const TRANSACTIONS: usize = 6;

/// How many calls may wait for the database at once.
pub(crate) const CALLS: usize = 16_384;
