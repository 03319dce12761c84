//! The connections that read.
//!
//! A read takes some microseconds, less than it takes to hand it to another thread and to be woken again,
//! so it runs on the thread that asks: on the first connection that is free, else behind whoever is
//! reading. Readers and the writer never wait for each other.

use std::{
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicUsize, Ordering},
    },
};

use perennial_store::Result;
use rusqlite::Connection;

use crate::{connection, error::store_error, limits};

#[derive(Debug)]
pub(crate) struct Readers {
    connections: Vec<Mutex<Connection>>,
    /// Where the next read begins to look.
    next: AtomicUsize,
}

impl Readers {
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Self> {
        let open = |_| connection::open_reader(path).map(Mutex::new);
        let connections = (0..limits::READERS).map(open).collect::<rusqlite::Result<_>>()?;
        Ok(Self { connections, next: AtomicUsize::new(0) })
    }

    pub(crate) fn read<T>(&self, load: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        load(&self.free_connection()).map_err(|error| store_error(&error))
    }

    fn free_connection(&self) -> MutexGuard<'_, Connection> {
        let start = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        let (before, from) = self.connections.split_at(start);
        for connection in from.iter().chain(before) {
            match connection.try_lock() {
                Ok(connection) => return connection,
                // A read that panicked left nothing behind: a statement that is dropped is reset.
                Err(TryLockError::Poisoned(connection)) => return connection.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        self.connections[start].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes every connection, so that the writer is the last one and tidies up.
    pub(crate) fn close(&mut self) {
        self.connections.clear();
    }
}
