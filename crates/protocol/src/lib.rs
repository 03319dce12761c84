//! The rules of Perennial.
//!
//! Pure functions and state machines: facts, settings, time and randomness in; a decision out. Nothing in
//! this crate can read a clock, a socket, the environment or a source of randomness; `cargo xtask layers`
//! and this crate's `clippy.toml` keep it so.

pub mod admin_key;
pub mod audit;
pub mod call;
pub mod claims;
pub mod client;
pub mod cookie;
pub mod csrf;
pub mod id;
pub mod key;
pub mod login;
pub mod origin;
pub mod refresh;
pub mod refusal;
pub mod return_to;
pub mod route;
pub mod session;
pub mod time;
pub mod token;
