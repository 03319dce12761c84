//! What the tests share: the real binary on a real SQLite file or on several nodes over a real PostgreSQL,
//! browsers' jars, and time that passes because the database says so.

mod background;
mod base64url;
mod browser;
mod cluster;
mod dice;
mod ending;
mod fault_proxy;
mod form;
mod jar;
mod mailbox;
mod nodes;
mod pattern;
pub mod raw;
mod scratch;
mod server;
mod time_travel;
mod totp;
pub mod upstream;
mod web_server;
mod web_socket;

pub use base64url::decode_base64url;
pub use browser::{Answer, Browser, generation_of};
pub use cluster::{Cluster, Database};
pub use dice::Dice;
pub use ending::{Ending, free_port, free_ports};
pub use fault_proxy::{Fault, FaultProxy};
pub use form::Form;
pub use jar::Jar;
pub use mailbox::Mail;
pub use nodes::{Node, Nodes};
pub use pattern::{Hash, pattern, pattern_body, pattern_hash};
pub use scratch::Scratch;
pub use server::{Account, Server, Setup};
pub use time_travel::{Stored, TimeTravel};
pub use totp::code_at;
pub use web_server::{Brand, WebServer};
pub use web_socket::{Heard, Refused, WebSocket};
