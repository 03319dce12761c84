//! Cookies: their names, what a jar brought, which session answers for it, and what is set.

pub mod jar;
pub mod names;
pub mod select;
pub mod set;

pub use jar::Jar;
pub use names::CookieNames;
pub use select::{Chosen, Selection, select};
pub use set::{CookieAttributes, SameSite};
