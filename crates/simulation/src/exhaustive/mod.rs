//! The exhaustive model of the refresh decision.
//!
//! Small worlds around the real `decide`, `confirms`, `Rotation` and `Policy` of `perennial-protocol`: one
//! session, one jar, a network, a browser and a store that fail, and thieves. Every history within a
//! world's bounds is searched breadth first. Worlds that have a safeguard taken away must fail, so that
//! the others are known to be able to. `cargo run --release -p perennial-simulation --bin model` prints
//! the table.
//!
//! Left out: several sessions in one jar, access tokens in bearer transport, idle and absolute ends, the
//! end of a mark's life, and a network that fails while a thief is at work. The seeded worlds have the first
//! and the last.

pub mod canonical;
pub mod honest;
pub mod jar;
pub mod network;
pub mod report;
pub mod rules;
pub mod search;
pub mod server;
pub mod tally;
pub mod thief;
pub mod trace;
pub mod worlds;
