//! The operations: one verb, one file, three beats. Load the facts, let a rule decide, apply the decision.
//!
//! `begin` and `grant` are the two steps that several of them share: starting a session at the end of a
//! login, and making tokens for one. `operator` holds what only the operator may do.

pub mod begin;
pub mod change_password;
pub mod confirm_mfa;
pub mod end_session;
pub mod foreign_refresh;
pub mod grant;
pub mod issue_session;
pub mod list_sessions;
pub mod log_in;
pub mod log_out;
pub mod operator;
pub mod pending;
pub mod person;
pub mod read_session;
pub mod reauthenticate;
pub mod refresh;
pub mod register;
pub mod resend_code;
pub mod resume_session;
pub mod set_up_mfa;
pub mod verify_email;
pub mod verify_mfa;
