//! Virtual time: the runtime's own paused clock. It jumps to the next timer whenever nobody has anything to
//! do, so hours pass in milliseconds, and the service's patience and lateness rule pass with them.

use perennial_protocol::time::{Millis, UnixMillis};
use perennial_service::clock::Clock;
use tokio::time::Instant;

/// When every world begins.
pub const EPOCH: UnixMillis = UnixMillis(1_800_000_000_000);

/// The clock of a world; it can be read inside of the world's runtime only.
#[derive(Debug, Clone, Copy)]
pub struct VirtualClock {
    began: Instant,
}

impl VirtualClock {
    pub fn start() -> Self {
        Self { began: Instant::now() }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> UnixMillis {
        EPOCH.plus(Millis(i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)))
    }
}

/// Lets time pass.
pub async fn pass(span: Millis) {
    tokio::time::sleep(span.into()).await;
}
