//! `perennial user add|list|disable|enable|set-password`.

use std::{io::BufRead, path::Path};

use anyhow::{Context, bail};
use perennial_protocol::{
    login::{Account, Email},
    session::EndReason,
};
use perennial_service::{
    Service,
    credentials::Password,
    entropy,
    operations::register::{created, new_account},
};
use perennial_settings::Mode;
use perennial_store::{Applied, Change, Write};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{cli::UserCommand, say::say, wiring};

pub(crate) async fn run(config: Option<&Path>, command: UserCommand) -> anyhow::Result<()> {
    let settings = wiring::settings(Mode::Serve, config)?;
    let service = wiring::wire(&settings, wiring::transport(&settings)?, None).await?.service;
    match command {
        UserCommand::Add { email, name, password_stdin } => {
            let email = Email::parse(&email)?;
            let given = Given::read(password_stdin)?;
            let account = add(&service, email, name, given.password()).await?;
            say(format_args!("{}", json!({ "id": account.id, "email": account.email, "password": given.to_print() })))?;
        }
        UserCommand::List => list(&service).await?,
        UserCommand::Disable { email } => set_disabled(&service, &email, Standing::Disabled).await?,
        UserCommand::Enable { email } => set_disabled(&service, &email, Standing::Enabled).await?,
        UserCommand::SetPassword { email, password_stdin } => {
            let account = find(&service, &email).await?;
            let given = Given::read(password_stdin)?;
            set_password(&service, &account, given.password()).await?;
            say(format_args!("{}", json!({ "id": account.id, "email": account.email, "password": given.to_print() })))?;
        }
    }
    Ok(())
}

/// Adds an account with this password.
pub(crate) async fn add(service: &Service, email: Email, name: String, password: &str) -> anyhow::Result<Account> {
    let password = Password::chosen(password, &email, &name)?;
    let password_hash = service.passwords.hash(password, entropy::bytes(&*service.entropy)).await?;
    let account = new_account(service, email, name, password_hash);
    match service.store.apply(Change(created(&account, service.now()))).await? {
        Applied::Done => Ok(account),
        Applied::Stale => bail!("{} has an account already", account.email.as_str()),
    }
}

/// Sets a password and ends the account's sessions.
pub(crate) async fn set_password(service: &Service, account: &Account, password: &str) -> anyhow::Result<()> {
    let password = Password::chosen(password, &account.email, &account.name)?;
    let password_hash = service.passwords.hash(password, entropy::bytes(&*service.entropy)).await?;
    let writes = [
        Write::SetPasswordHash { account: account.id.clone(), password_hash },
        Write::EndSessionsOf {
            subject: account.id.clone(),
            except: None,
            at: service.now(),
            reason: EndReason::PasswordChanged,
        },
    ];
    let _ = service.store.apply(writes.into()).await?;
    Ok(())
}

async fn list(service: &Service) -> anyhow::Result<()> {
    const PAGE: usize = 500;
    let mut after: Option<Email> = None;
    loop {
        let accounts = service.store.load_accounts(after.as_ref(), PAGE).await?;
        for account in &accounts {
            say(format_args!(
                "{}",
                json!({ "id": account.id, "email": account.email, "name": account.name, "disabled": account.disabled,
                        "second_factor": account.second_factor.is_some(),
                        "last_login_seconds_ago": account.last_login_at.map(|at| service.now().since(at).whole_seconds()) })
            ))?;
        }
        match accounts.last() {
            Some(last) if accounts.len() == PAGE => after = Some(last.email.clone()),
            _ => return Ok(()),
        }
    }
}

enum Standing {
    Enabled,
    Disabled,
}

async fn set_disabled(service: &Service, email: &str, standing: Standing) -> anyhow::Result<()> {
    let account = find(service, email).await?;
    let disabled = matches!(standing, Standing::Disabled);
    let mut writes = vec![Write::SetDisabled { account: account.id.clone(), disabled }];
    if disabled {
        writes.push(Write::EndSessionsOf {
            subject: account.id.clone(),
            except: None,
            at: service.now(),
            reason: EndReason::AccountDisabled,
        });
    }
    let _ = service.store.apply(Change(writes)).await?;
    say(format_args!(
        "{}: {}",
        account.email.as_str(),
        if disabled { "disabled, its sessions have ended" } else { "enabled" }
    ))?;
    Ok(())
}

async fn find(service: &Service, email: &str) -> anyhow::Result<Account> {
    let email = Email::parse(email)?;
    let account = service.store.load_account_by_email(&email).await?;
    account.with_context(|| format!("{} has no account", email.as_str()))
}

/// A password that was typed, or one that was made.
enum Given {
    Typed(Zeroizing<String>),
    Made(Zeroizing<String>),
}

impl Given {
    fn read(from_stdin: bool) -> anyhow::Result<Self> {
        if !from_stdin {
            return Ok(Self::Made(made_password()));
        }
        let mut line = Zeroizing::new(String::new());
        std::io::stdin().lock().read_line(&mut line)?;
        Ok(Self::Typed(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned())))
    }

    fn password(&self) -> &str {
        match self {
            Self::Typed(password) | Self::Made(password) => password,
        }
    }

    /// A made password is shown once; a typed one is known already.
    fn to_print(&self) -> Option<&str> {
        match self {
            Self::Typed(_) => None,
            Self::Made(password) => Some(password),
        }
    }
}

/// 80 random bits, written as recovery codes are.
pub(crate) fn made_password() -> Zeroizing<String> {
    use perennial_protocol::login::code::RecoveryCode;
    use perennial_service::entropy::SystemEntropy;
    Zeroizing::new(RecoveryCode::from_random(entropy::bytes(&SystemEntropy)).expose())
}
