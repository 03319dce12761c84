//! What only the operator does: with the command line, or with a key of the admin API.
//!
//! Each change is one list of writes with its line in the audit log, so that neither is there without the
//! other; the line ends with who did it.

pub mod admin_keys;
pub mod claims;
pub mod create_account;
pub mod disable;
pub mod end_sessions;
pub mod import;
pub mod set_password;

use perennial_protocol::{
    admin_key::AdminKeyName,
    audit::{AuditEvent, AuditKind},
    id::Subject,
    login::Account,
    refusal::Refusal,
};
use perennial_store::Write;

use crate::{limits, service::Service};

/// Who acts for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    CommandLine,
    Key(AdminKeyName),
}

impl Operator {
    /// What the audit log says: what was done, and by whom.
    pub fn note(&self, what: &str) -> String {
        let by = match self {
            Self::CommandLine => "by the command line".to_owned(),
            Self::Key(name) => format!("by key {name}"),
        };
        if what.is_empty() { by } else { format!("{what}; {by}") }
    }

    fn line(&self, service: &Service, kind: AuditKind, subject: Option<&Subject>, what: &str) -> Write {
        let (at, detail) = (service.now(), self.note(what));
        Write::Audit(AuditEvent { at, kind, subject: subject.cloned(), session_key: None, detail })
    }
}

/// The account with this id.
pub async fn account(service: &Service, id: &Subject) -> Result<Account, Refusal> {
    let found = service.ask(limits::STORE_WAIT, service.store.load_account(id)).await?;
    found.ok_or(Refusal::NotFound)
}
