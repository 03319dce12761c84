//! What lasts: WebSockets and streams of events. They live as long as their session, whatever becomes of its tokens,
//! and no longer.

pub(crate) mod events;
pub(crate) mod frames;
pub(crate) mod over;
pub(crate) mod upgrade;
