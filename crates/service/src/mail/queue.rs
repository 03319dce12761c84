//! The queue: messages go out together, each tried a few times with growing pauses. A receiver whom the relay
//! puts off holds nobody else up.

use std::{sync::Arc, time::Duration};

use backon::{ExponentialBuilder, Retryable};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinHandle, JoinSet},
};

use super::{MailError, Message, Transport};
use crate::limits;

/// The sending end. Dropping every clone lets the worker finish what waits and stop.
#[derive(Debug, Clone)]
pub struct MailQueue(mpsc::Sender<Message>);

/// The queue is full, or its worker is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the mail queue is full")]
pub struct QueueFull;

impl MailQueue {
    /// Starts a worker over `transport`.
    pub fn start(transport: Arc<dyn Transport>) -> (Self, JoinHandle<()>) {
        let (sender, mut receiver) = mpsc::channel::<Message>(limits::MAIL_QUEUE_MAX);
        let worker = tokio::spawn(async move {
            let connections = Arc::new(Semaphore::new(limits::MAIL_CONNECTIONS));
            let mut under_way = JoinSet::new();
            while let Some(message) = receiver.recv().await {
                while under_way.try_join_next().is_some() {}
                if under_way.len() >= limits::MAILS_UNDER_WAY {
                    under_way.join_next().await;
                }
                under_way.spawn(send(Arc::clone(&transport), Arc::clone(&connections), message));
            }
            while under_way.join_next().await.is_some() {}
        });
        (Self(sender), worker)
    }

    /// Puts a message into the queue without waiting.
    pub fn push(&self, message: Message) -> Result<(), QueueFull> {
        self.0.try_send(message).map_err(|_| QueueFull)
    }
}

async fn send(transport: Arc<dyn Transport>, connections: Arc<Semaphore>, message: Message) {
    let pauses = ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(30))
        .with_max_times(limits::MAIL_ATTEMPTS);
    // A message that pauses leaves its connection to others.
    let attempt = async || {
        let _connection = connections.acquire().await;
        transport.deliver(&message).await
    };
    let sent = attempt.retry(pauses).when(|error: &MailError| matches!(error, MailError::Transient(_))).await;
    match sent {
        Ok(()) => metrics::counter!("perennial_mails_total", "outcome" => "sent").increment(1),
        Err(error) => {
            metrics::counter!("perennial_mails_total", "outcome" => "failed").increment(1);
            tracing::error!(reason = %error, "a message could not be sent; its receiver has to ask for a new one");
        }
    }
}
