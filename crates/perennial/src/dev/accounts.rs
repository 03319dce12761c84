//! The demo accounts, and `dev.json` that tells scripts about them.

use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt, path::Path};

use anyhow::Context;
use perennial_protocol::{
    id::Subject,
    login::{Account, Email},
};
use perennial_service::{
    Service,
    credentials::totp,
    entropy,
    operations::{confirm_mfa::new_factor, set_up_mfa::seal_secret},
};
use perennial_store::Change;
use serde::{Deserialize, Serialize};

use crate::commands::user;

/// What `dev.json` holds.
#[derive(Serialize, Deserialize)]
pub(super) struct Notes {
    pub(super) url: String,
    pub(super) admin_url: String,
    pub(super) accounts: Vec<DemoAccount>,
}

/// An account to try things with.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct DemoAccount {
    pub(super) email: String,
    pub(super) password: String,
    pub(super) totp_secret: Option<String>,
}

const FILE: &str = "dev.json";
const PLAIN: &str = "demo@perennial.test";
const WITH_SECOND_FACTOR: &str = "mfa@perennial.test";

/// Makes the accounts once; what was noted before stays as it is.
pub(super) async fn prepare(service: &Service, data: &Path, url: &str, admin_url: &str) -> anyhow::Result<Notes> {
    let noted: Option<Notes> =
        fs::read_to_string(data.join(FILE)).ok().and_then(|text| serde_json::from_str(&text).ok());
    let noted = noted.map(|notes| notes.accounts).unwrap_or_default();
    let mut accounts = Vec::new();
    for email in [PLAIN, WITH_SECOND_FACTOR] {
        let known = noted.iter().find(|account| account.email == email);
        let parsed = Email::parse(email)?;
        let exists = service.store.load_account_by_email(&parsed).await?;
        accounts.push(match (known, exists) {
            (Some(known), Some(_)) => known.clone(),
            (_, exists) => make(service, parsed, exists).await?,
        });
    }
    let notes = Notes { url: url.to_owned(), admin_url: admin_url.to_owned(), accounts };
    write(data, &notes)?;
    Ok(notes)
}

async fn make(service: &Service, email: Email, exists: Option<Account>) -> anyhow::Result<DemoAccount> {
    let password = user::made_password();
    let account = match exists {
        Some(account) => {
            user::set_password(service, &account, &password).await?;
            account
        }
        None => user::add(service, email.clone(), "Demo".to_owned(), &password).await?,
    };
    let totp_secret = match email.as_str() == WITH_SECOND_FACTOR {
        true => Some(set_second_factor(service, &account.id).await?),
        false => None,
    };
    Ok(DemoAccount { email: email.into(), password: password.to_string(), totp_secret })
}

async fn set_second_factor(service: &Service, account: &Subject) -> anyhow::Result<String> {
    let secret = entropy::bytes::<{ totp::SECRET_BYTES }>(&*service.entropy);
    let writes = new_factor(service, account, seal_secret(service, account, &secret), 0, &[]);
    let _ = service.store.apply(Change(writes)).await?;
    Ok(totp::base32(&secret).to_string())
}

fn write(data: &Path, notes: &Notes) -> anyhow::Result<()> {
    let path = data.join(FILE);
    let mut file = fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(serde_json::to_string_pretty(notes)?.as_bytes())?;
    Ok(())
}
