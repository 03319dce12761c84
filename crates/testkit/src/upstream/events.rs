//! A stream of events that goes on until somebody cuts it.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;

use super::{Asked, Reply};

const PAUSE: Duration = Duration::from_millis(50);

/// Server-sent events, numbered from 1.
pub(super) fn events(asked: &Asked) -> Reply {
    let open = asked.open_stream();
    let events = stream::unfold((1_u64, open), |(number, open)| async move {
        tokio::time::sleep(PAUSE).await;
        Some((Ok(Bytes::from(format!("id: {number}\ndata: {number}\n\n"))), (number + 1, open)))
    });
    Reply::status(200).header("content-type", "text/event-stream").header("cache-control", "no-cache").stream(events)
}
