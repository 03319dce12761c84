//! How each connection to the database is opened, and what it promises.
//!
//! A commit is answered after it is durable: a database whose `synchronous_commit` is off has it turned on
//! here. Anything stronger that the operator chose stays as it is.

use deadpool_postgres::{ClientWrapper, Connect};
use futures_util::future::BoxFuture;
use tokio::{
    sync::oneshot,
    task::{AbortHandle, JoinHandle},
    time::timeout,
};
use tokio_postgres::{Client, Config, Error};

use crate::{error::reason, limits, target::Target};

/// A connection of one owner, who is told when it is over.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: ClientWrapper,
    /// Ends the connection, with every question that waits on it.
    pub(crate) cut: AbortHandle,
    /// Resolves when the connection is over.
    pub(crate) closed: oneshot::Receiver<()>,
}

/// Opens a connection to `target`, within the bound of a new connection.
pub(crate) async fn open(target: &Target) -> Result<Connection, String> {
    match timeout(limits::OPEN_WAIT, connect(target)).await {
        Ok(Ok((client, task, closed))) => {
            let cut = task.abort_handle();
            Ok(Connection { client: ClientWrapper::new(client, task), cut, closed })
        }
        Ok(Err(error)) => Err(reason(&error)),
        Err(_) => Err(format!("no answer in {} s", limits::OPEN_WAIT.as_secs())),
    }
}

async fn connect(target: &Target) -> Result<(Client, JoinHandle<()>, oneshot::Receiver<()>), Error> {
    let (client, connection) = target.config().connect(target.tls()).await?;
    let (is_over, closed) = oneshot::channel();
    let task = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(reason = reason(&error), "a connection to the database broke");
        }
        // The one that waits may have gone.
        let _ = is_over.send(());
    });
    // Whoever gives up while the connection is being set up takes it along.
    let mut cut = Cut(Some(task.abort_handle()));
    client.batch_execute(&set_up()).await?;
    cut.0 = None;
    Ok((client, task, closed))
}

/// Ends a connection when it is dropped.
struct Cut(Option<AbortHandle>);

impl Drop for Cut {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

fn set_up() -> String {
    let (statement, lock) = (limits::STATEMENT_WAIT.as_millis(), limits::LOCK_WAIT.as_millis());
    format!(
        "SET statement_timeout = {statement}; SET idle_in_transaction_session_timeout = {statement};
         SET lock_timeout = {lock}; SET default_transaction_isolation = 'read committed';
         SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
}

/// Opens the connections of the pool.
pub(crate) struct Opener(pub(crate) Target);

impl Connect for Opener {
    fn connect(&self, _config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        Box::pin(async { connect(&self.0).await.map(|(client, task, _)| (client, task)) })
    }
}
