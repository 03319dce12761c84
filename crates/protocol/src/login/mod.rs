//! Logging in: who may, which step comes next, and what is kept between the steps.
//!
//! `account` is what is known of a person, `pending` a login that is not finished, `next` the rule that
//! says what a right password leads to, `code` the shapes of one-time
//! and recovery codes, `throttle` the limits on guessing, `known` the proof that a browser was here before.

pub mod account;
pub mod code;
pub mod known;
pub mod next;
pub mod pending;
pub mod throttle;

pub use account::{Account, Email, SecondFactor};
pub use next::{MfaPolicy, Next, after_first_factor};
pub use pending::{Pending, PendingStep, PendingToken, StepName};
