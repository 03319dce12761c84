//! `perennial admin-key add|list|revoke`.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context, bail};
use perennial_protocol::{
    admin_key::{AdminKey, AdminKeyName, AdminScope},
    time::{Millis, UnixMillis},
};
use perennial_service::{
    Service,
    operations::operator::{
        Operator,
        admin_keys::{add_admin_key, revoke_admin_key},
    },
};
use perennial_settings::Mode;
use perennial_store::Applied;
use serde_json::{Value, json};

use super::refused;
use crate::{cli::AdminKeyCommand, say::say, wiring};

/// How many keys are listed; nobody has so many.
const KEYS_MAX: usize = 1000;

pub(crate) async fn run(config: Option<&Path>, command: AdminKeyCommand) -> anyhow::Result<()> {
    let settings = wiring::settings(Mode::Serve, config)?;
    let service = wiring::wire(&settings, wiring::transport(&settings)?, None).await?.service;
    match command {
        AdminKeyCommand::Add { name, expires, scopes } => add(&service, &name, expires, &scopes).await,
        AdminKeyCommand::List => list(&service).await,
        AdminKeyCommand::Revoke { name } => revoke(&service, &name).await,
    }
}

async fn add(service: &Service, name: &str, lives: Option<Millis>, scopes: &[String]) -> anyhow::Result<()> {
    let name = AdminKeyName::parse(name)?;
    let named: Option<BTreeSet<AdminScope>> = scopes.iter().map(|name| AdminScope::from_name(name)).collect();
    let named = named.context("there is no such scope")?;
    let scopes = if named.is_empty() { AdminScope::ALL.into() } else { named };
    let added = add_admin_key(service, &Operator::CommandLine, name.clone(), scopes, lives).await.map_err(refused)?;
    let Some(secret) = added else {
        bail!("there is or was a key called {name}; the audit log tells keys apart by their names, so choose another");
    };
    say(format_args!("{}", json!({ "name": name.as_str(), "key": secret.expose() })))?;
    Ok(())
}

async fn list(service: &Service) -> anyhow::Result<()> {
    let now = service.now();
    for key in service.store.load_admin_keys(KEYS_MAX).await? {
        say(format_args!("{}", line(&key, now)))?;
    }
    Ok(())
}

fn line(key: &AdminKey, now: UnixMillis) -> Value {
    let ago = |at: UnixMillis| now.since(at).whole_seconds().max(0);
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.name()).collect();
    let days = |at: UnixMillis| ago(at) / Millis::days(1).whole_seconds();
    json!({
        "name": key.name.as_str(),
        "scopes": scopes,
        "created_seconds_ago": ago(key.created_at),
        "expires_in": key.expires_at.map(|at| at.since(now).whole_seconds()),
        "last_used_days_ago": key.last_used_at.map(days),
        "revoked": key.revoked_at.is_some(),
    })
}

async fn revoke(service: &Service, name: &str) -> anyhow::Result<()> {
    let name = AdminKeyName::parse(name)?;
    match revoke_admin_key(service, &Operator::CommandLine, name.clone()).await.map_err(refused)? {
        Applied::Done => Ok(say(format_args!("key {name} is refused from now on"))?),
        Applied::Stale => bail!("there is no key called {name} in use"),
    }
}
