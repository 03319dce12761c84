//! The commands, one file each.

pub(crate) mod backup;
pub(crate) mod config;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod serve;
pub(crate) mod session;
pub(crate) mod user;
