//! Sessions for server-side Rust code.
//!
//! `authority` lets a gateway run in a process of its own, away from the auth service. `visitor` sends requests in
//! the name of the person whose request is being answered: it renews the session once if it has to, sends once
//! more, and hands back what the browser is to store.

pub mod authority;
pub mod limits;
pub mod visitor;

pub use authority::RemoteAuthority;
pub use visitor::{SessionClient, Visitor};
