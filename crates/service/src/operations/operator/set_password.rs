//! A password that the operator sets: every session of the account ends, and every step towards one.

use perennial_protocol::{audit::AuditKind, login::Account, refusal::Refusal, session::EndReason};
use perennial_store::Write;

use super::Operator;
use crate::{credentials::Password, entropy, service::Service};

pub async fn set_password(service: &Service, by: &Operator, account: &Account, typed: &str) -> Result<(), Refusal> {
    let password = Password::chosen(typed, &account.email, &account.name)
        .map_err(|why| Refusal::InvalidRequest(why.to_string()))?;
    let salt = entropy::bytes(&*service.entropy);
    let password_hash = service.passwords.hash(password, salt).await.map_err(|_| service.busy())?;
    let (id, at) = (&account.id, service.now());
    let writes = vec![
        Write::SetPasswordHash { account: id.clone(), password_hash },
        Write::EndSessionsOf { subject: id.clone(), except: None, at, reason: EndReason::PasswordChanged },
        Write::RemovePendingOf { subject: id.clone() },
        by.line(service, AuditKind::PasswordSet, Some(id), ""),
    ];
    service.apply(writes).await.map(drop)
}
