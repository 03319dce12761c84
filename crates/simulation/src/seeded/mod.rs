//! Large worlds over the real service, played at random from a seed.
//!
//! Browsers with many tabs, nodes, a store and thieves meet in `world`; `plan` says what may go wrong there
//! and `worlds` lists them. `properties` judges every answer against what the `witness` knows. The service
//! is the real one: requests go through its router, so cookies, the guard, the operations, lateness and
//! patience are its own. `cargo xtask simulate` prints the tables.

pub mod browser;
pub mod chance;
pub mod clock;
pub mod network;
pub mod person;
pub mod plan;
pub mod play;
pub mod properties;
pub mod report;
pub mod site;
pub mod store;
pub mod thief;
pub mod witness;
pub mod world;
pub mod worlds;
