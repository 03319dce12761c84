//! The real binary on a real SQLite file or on several nodes over a real PostgreSQL, over real sockets. Names carry the id of the failure mode that
//! they hold off; `docs/failure-modes.md` is the table.

mod admin;
mod attacks;
mod bearer;
mod client;
mod config;
mod conformance;
mod cors;
mod demo;
mod durability;
mod ends;
mod foreign;
mod forward_auth;
mod gateway;
mod gateway_apart;
mod jars;
mod keys;
mod login;
mod mail;
mod nodes;
mod openapi;
mod pages;
mod refresh;
mod sdk;
mod secrets;
mod storm;
mod tls;
mod transcripts;
mod wires;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_perennial");

/// A program or folder that `cargo xtask setup` has prepared.
fn prepared(name: &str) -> std::ffi::OsString {
    let set = std::env::var_os(name);
    set.unwrap_or_else(|| panic!("{name} is not set: run `cargo xtask test`, which prepares and sets it"))
}
