//! The development mailbox: messages are kept in memory and shown at `/dev/mailbox`.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use perennial_protocol::time::UnixMillis;

use super::{MailError, Message, Transport};
use crate::{clock::Clock, limits};

/// A mailbox for every address.
#[derive(Debug, Clone)]
pub struct Mailbox {
    messages: Arc<Mutex<VecDeque<(UnixMillis, Message)>>>,
    clock: Arc<dyn Clock>,
}

impl Mailbox {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { messages: Arc::default(), clock }
    }

    /// The newest message first.
    pub fn messages(&self) -> Vec<(UnixMillis, Message)> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[async_trait]
impl Transport for Mailbox {
    async fn deliver(&self, message: &Message) -> Result<(), MailError> {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.push_front((self.clock.now(), message.clone()));
        messages.truncate(limits::MAILBOX_MESSAGES_MAX);
        Ok(())
    }
}
