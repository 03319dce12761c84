//! A connection that comes back: kept open by a task of its own, shared by whoever has a question.
//!
//! While it is down there is nothing to wait for, and who asks is told at once. It is asked for a sign of
//! life when a call doubts the database, and given up when it gives none.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBuilder};
use deadpool_postgres::ClientWrapper;
use tokio::{sync::Notify, task::AbortHandle, time::timeout};

use crate::{
    connection::{self, Connection},
    limits,
    pulse::Pulse,
    target::Target,
};

#[derive(Debug)]
pub(crate) struct Link {
    shared: Arc<Shared>,
    keeper: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    target: Target,
    pulse: Arc<Pulse>,
    client: RwLock<Option<Arc<ClientWrapper>>>,
    give_up: Notify,
}

impl Link {
    /// Keeps `connection`, and after it every one that takes its place.
    pub(crate) fn start(target: Target, pulse: Arc<Pulse>, connection: Connection) -> Self {
        let shared = Arc::new(Shared { target, pulse, client: RwLock::new(None), give_up: Notify::new() });
        let connection = shared.publish(connection);
        let keeper = tokio::spawn(Arc::clone(&shared).keep(connection)).abort_handle();
        Self { shared, keeper }
    }

    /// The connection, if it is up.
    pub(crate) fn client(&self) -> Option<Arc<ClientWrapper>> {
        let client = self.shared.client.read().unwrap_or_else(PoisonError::into_inner);
        client.as_ref().filter(|client| !client.is_closed()).map(Arc::clone)
    }

    /// Gives up the connection, with every question that waits on it, and opens another one.
    pub(crate) fn give_up(&self) {
        self.shared.give_up.notify_one();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// What there is to watch about a connection that others use.
struct Watched {
    client: Arc<ClientWrapper>,
    cut: AbortHandle,
    closed: tokio::sync::oneshot::Receiver<()>,
}

impl Shared {
    fn publish(&self, Connection { client, cut, closed }: Connection) -> Watched {
        let client = Arc::new(client);
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&client));
        self.pulse.link_is_up();
        Watched { client, cut, closed }
    }

    async fn keep(self: Arc<Self>, mut connection: Watched) {
        loop {
            self.watch(&mut connection).await;
            *self.client.write().unwrap_or_else(PoisonError::into_inner) = None;
            self.pulse.link_is_down();
            connection.cut.abort();
            drop(connection);
            connection = self.publish(self.open_again().await);
        }
    }

    /// Returns when the connection is over or given up.
    async fn watch(&self, connection: &mut Watched) {
        tokio::select! {
            _ = &mut connection.closed => {}
            () = self.give_up.notified() => {}
            () = self.pulse.demoted() => {}
            () = self.ask_when_doubted(&connection.client) => {}
        }
    }

    /// Returns when the connection gives no sign of life.
    async fn ask_when_doubted(&self, client: &ClientWrapper) {
        loop {
            self.pulse.doubted().await;
            match timeout(limits::CONNECTION_PATIENCE, client.check_connection()).await {
                Ok(Ok(())) => self.pulse.beat(),
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }

    async fn open_again(&self) -> Connection {
        let mut pauses = pauses();
        loop {
            match connection::open(&self.target).await {
                Ok(connection) => return connection,
                Err(reason) => tracing::debug!(reason, "the database is not reached"),
            }
            tokio::time::sleep(pauses.next().unwrap_or(limits::RECONNECT_LONGEST)).await;
        }
    }
}

fn pauses() -> impl Iterator<Item = Duration> {
    let pauses = ExponentialBuilder::new()
        .with_min_delay(limits::RECONNECT_FIRST)
        .with_max_delay(limits::RECONNECT_LONGEST)
        .without_max_times()
        .with_jitter();
    pauses.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_never_end() {
        let pauses: Vec<Duration> = pauses().take(100).collect();
        assert_eq!(pauses.len(), 100);
        assert!(pauses[0] <= 3 * limits::RECONNECT_FIRST);
        assert!(pauses.iter().all(|pause| *pause <= 2 * limits::RECONNECT_LONGEST), "{pauses:?}");
    }
}
