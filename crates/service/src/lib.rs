//! The auth service: operations over a store, an HTTP API, hosted pages and mail.
//!
//! `operations` holds one file for each verb; each loads facts, lets a rule of `perennial-protocol` decide
//! and applies the decision. `http` translates between requests and operations, `admin` does so for the
//! operator, `authority` for the gateway.

/// Debug output without a word of what people typed.
macro_rules! closed {
    ($name:ident) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}
use closed;

pub mod admin;
pub mod authority;
pub mod clock;
pub mod credentials;
pub mod ends;
pub mod entropy;
pub mod flights;
pub mod http;
pub mod keys;
pub mod limits;
pub mod mail;
pub mod operations;
pub mod outcome;
pub mod pages;
pub mod service;
pub mod settings;
pub mod visit;

pub use service::Service;
pub use settings::ServiceSettings;
