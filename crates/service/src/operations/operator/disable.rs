//! Closing an account to its owner, and opening it again. No session of it outlives its end, and
//! no step leads to a new one.

use perennial_protocol::{audit::AuditKind, login::Account, refusal::Refusal, session::EndReason};
use perennial_store::Write;

use super::Operator;
use crate::service::Service;

pub async fn disable(service: &Service, by: &Operator, account: &Account) -> Result<(), Refusal> {
    let (id, at) = (&account.id, service.now());
    let writes = vec![
        Write::SetDisabled { account: id.clone(), disabled: true },
        Write::EndSessionsOf { subject: id.clone(), except: None, at, reason: EndReason::AccountDisabled },
        by.line(service, AuditKind::AccountDisabled, Some(id), ""),
    ];
    service.apply(writes).await.map(drop)
}

pub async fn enable(service: &Service, by: &Operator, account: &Account) -> Result<(), Refusal> {
    let set = Write::SetDisabled { account: account.id.clone(), disabled: false };
    let line = by.line(service, AuditKind::AccountEnabled, Some(&account.id), "");
    service.apply(vec![set, line]).await.map(drop)
}
