//! Refresh: who may have which token next.
//!
//! `decision` is the table, `policy` its settings, `token` and `mark` what travels.

pub mod decision;
pub mod mark;
pub mod policy;
pub mod token;

pub use decision::{Asked, Decision, Delivery, Parent, Presented, Request, Rotation, confirms, decide};
pub use policy::{Policy, Reuse, Rotate};
pub use token::{Branch, Generation, RefreshToken, Salt};

#[cfg(test)]
mod tests;
