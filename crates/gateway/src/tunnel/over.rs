//! When a tunnel has to end: its session was ended, or has come to its absolute end.

use std::{sync::Arc, time::Instant};

use perennial_edge::authority::Identity;

use crate::{Gateway, limits};

/// Comes once the session is over. It asks what this process knows, so a thousand tunnels cost nothing.
pub(crate) fn until_over(gateway: &Gateway, identity: &Identity) -> impl Future<Output = ()> + Send + use<> {
    let (authority, session) = (Arc::clone(&gateway.authority), identity.session.clone());
    let ends_at = identity.ends_at;
    async move {
        while Instant::now() < ends_at && authority.ended(&session).is_none() {
            tokio::time::sleep(limits::TUNNEL_LOOK).await;
        }
    }
}
