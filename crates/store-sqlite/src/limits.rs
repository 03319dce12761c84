//! Every bound of this store, in one place.

use std::time::Duration;

/// How many writes may wait for the writer; the next one is told that the store is unavailable.
pub(crate) const QUEUE_LENGTH: usize = 4096;

/// How many writes share one commit at most.
pub(crate) const BATCH_LENGTH: usize = 256;

/// How long the writer waits for another process to release the file.
pub(crate) const WRITE_LOCK_WAIT: Duration = Duration::from_secs(2);

/// How long a read waits; readers wait for nothing but the recovery after a crash.
pub(crate) const READ_LOCK_WAIT: Duration = Duration::from_millis(100);

/// The pause between two looks at a lock. It is short because SQLite keeps no queue: who looks seldom is
/// starved by who writes often.
pub(crate) const LOCK_POLL: Duration = Duration::from_millis(1);

/// Connections that read.
pub(crate) const READERS: usize = 4;

/// Prepared statements that each connection keeps; there are about forty.
pub(crate) const STATEMENTS: usize = 64;

/// Pages in the write-ahead log that start a checkpoint: 16 MiB.
pub(crate) const CHECKPOINT_PAGES: u32 = 4096;

/// The size that the log file is cut back to after a checkpoint, in bytes.
pub(crate) const LOG_SIZE: u32 = 64 << 20;

/// The page cache of each connection, in KiB.
pub(crate) const CACHE_KIB: i32 = 8 << 10;
