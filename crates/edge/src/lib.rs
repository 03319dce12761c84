//! What the service and the gateway share where HTTP comes in: the accept loop, who the client is, which pages
//! may read an answer, and how a refusal looks.
//!
//! `authority` is the port between the two: the gateway asks it whose request this is. `foreign` is the port for
//! tokens that are not ours.

pub mod authority;
pub mod client;
pub mod cors;
pub mod foreign;
pub mod hosts;
pub mod problem;
pub mod server;
pub mod upstream;
