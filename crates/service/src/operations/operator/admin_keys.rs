//! Keys of the admin API: making one, revoking one, and telling whose one is.

use std::collections::BTreeSet;

use perennial_protocol::{
    admin_key::{AdminKey, AdminKeyName, AdminScope, AdminSecret},
    audit::AuditKind,
    refusal::Refusal,
    time::Millis,
};
use perennial_store::{Applied, Write};

use super::Operator;
use crate::{entropy, limits, service::Service, visit::Visit};

/// Makes a key; the secret is in this answer and nowhere else. `None` if the name is taken, also by a key that
/// was revoked: the audit log tells keys apart by their names.
pub async fn add_admin_key(
    service: &Service,
    by: &Operator,
    name: AdminKeyName,
    scopes: BTreeSet<AdminScope>,
    lives: Option<Millis>,
) -> Result<Option<AdminSecret>, Refusal> {
    let (secret, now) = (AdminSecret::from_random(entropy::bytes(&*service.entropy)), service.now());
    let line = by.line(service, AuditKind::AdminKeyAdded, None, name.as_str());
    let key = AdminKey {
        name,
        hash: secret.hash(),
        scopes,
        created_at: now,
        expires_at: lives.map(|lives| now.plus(lives)),
        last_used_at: None,
        revoked_at: None,
    };
    let applied = service.apply(vec![Write::InsertAdminKey(key), line]).await?;
    Ok((applied == Applied::Done).then_some(secret))
}

/// Revokes a key; stale if there is none of this name in use.
pub async fn revoke_admin_key(service: &Service, by: &Operator, name: AdminKeyName) -> Result<Applied, Refusal> {
    let line = by.line(service, AuditKind::AdminKeyRevoked, None, name.as_str());
    service.apply(vec![Write::RevokeAdminKey { name, at: service.now() }, line]).await
}

/// The key that a request shows. What is wrong costs its address an allowance; who shows a right key is heard
/// even while somebody else at that address guesses.
pub async fn admit_admin_key(service: &Service, visit: &Visit, shown: Option<&str>) -> Result<AdminKey, Refusal> {
    let Some(shown) = shown else { return Err(Refusal::NotAuthenticated) };
    let now = service.now();
    if let Some(secret) = AdminSecret::parse(shown) {
        let key = service.ask(limits::STORE_WAIT, service.store.load_admin_key(&secret.hash())).await?;
        if let Some(key) = key.filter(|key| key.admits(&secret, now)) {
            if key.use_is_news(now) {
                // That it cannot be noted changes no answer.
                let _ = service.apply(vec![Write::UseAdminKey { name: key.name.clone(), at: now }]).await;
            }
            return Ok(key);
        }
    }
    service.spend(&service.settings.throttle.admin_key(visit.address)).await?;
    Err(Refusal::NotAuthenticated)
}
