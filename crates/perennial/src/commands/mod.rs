//! The commands, one file each.

pub(crate) mod admin_key;
pub(crate) mod backup;
pub(crate) mod config;
pub(crate) mod gateway;
mod import;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod serve;
pub(crate) mod session;
pub(crate) mod user;

use perennial_edge::problem;
use perennial_protocol::refusal::Refusal;

/// A refusal as the command line says it.
fn refused(refusal: Refusal) -> anyhow::Error {
    anyhow::anyhow!("{}", problem::detail(&refusal))
}
