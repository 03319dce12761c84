//! What the operator says of an account: it stands in the next token of each of its sessions.

use perennial_protocol::{audit::AuditKind, claims::Claims, login::Account, refusal::Refusal};
use perennial_store::Write;

use super::Operator;
use crate::service::Service;

/// What an account has fields of its own for, which a claim could only contradict.
const OF_THE_ACCOUNT: [&str; 3] = ["email", "email_verified", "name"];

/// Whether these can be the claims of an account.
pub fn fit_for_account(claims: &Claims) -> Result<(), Refusal> {
    match OF_THE_ACCOUNT.into_iter().find(|name| claims.as_map().contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(Refusal::InvalidRequest(format!("`{name}` is a field of the account, not a claim of it."))),
    }
}

/// Puts these claims in place of the former ones.
pub async fn set_claims(service: &Service, by: &Operator, account: &Account, claims: Claims) -> Result<(), Refusal> {
    fit_for_account(&claims)?;
    let line = by.line(service, AuditKind::ClaimsSet, Some(&account.id), "");
    let set = Write::SetClaims { account: account.id.clone(), claims };
    service.apply(vec![set, line]).await.map(drop)
}
