//! `perennial user add|list|disable|enable|set-password|set-claims|import`.

use std::{io::BufRead, path::Path};

use anyhow::Context;
use perennial_protocol::{
    claims::Claims,
    login::{Account, Email},
};
use perennial_service::{
    Service,
    admin::of_account,
    entropy,
    operations::operator::{
        Operator, claims,
        create_account::{NewAccount, create_account},
        disable, set_password,
    },
};
use perennial_settings::Mode;
use serde_json::json;
use zeroize::Zeroizing;

use super::{import, refused};
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
        UserCommand::Disable { email } => disable(&service, &email).await?,
        UserCommand::Enable { email } => enable(&service, &email).await?,
        UserCommand::SetClaims { email, claims } => set_claims(&service, &email, &claims).await?,
        UserCommand::Import { file } => import::run(&service, &file).await?,
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
    let new = NewAccount { email, name, password: password.to_owned(), claims: Claims::default() };
    create_account(service, &Operator::CommandLine, new).await.map_err(refused)
}

/// Sets a password and ends the account's sessions.
pub(crate) async fn set_password(service: &Service, account: &Account, password: &str) -> anyhow::Result<()> {
    set_password::set_password(service, &Operator::CommandLine, account, password).await.map_err(refused)
}

async fn set_claims(service: &Service, email: &str, claims: &str) -> anyhow::Result<()> {
    let account = find(service, email).await?;
    claims::set_claims(service, &Operator::CommandLine, &account, Claims::parse(claims)?).await.map_err(refused)?;
    say(format_args!("{}: its next tokens say so", account.email.as_str()))?;
    Ok(())
}

async fn list(service: &Service) -> anyhow::Result<()> {
    const PAGE: usize = 500;
    let mut after: Option<Email> = None;
    loop {
        let accounts = service.store.load_accounts(after.as_ref(), PAGE).await?;
        for account in &accounts {
            say(format_args!("{}", of_account(account, service.now())))?;
        }
        match accounts.last() {
            Some(last) if accounts.len() == PAGE => after = Some(last.email.clone()),
            _ => return Ok(()),
        }
    }
}

async fn disable(service: &Service, email: &str) -> anyhow::Result<()> {
    let account = find(service, email).await?;
    disable::disable(service, &Operator::CommandLine, &account).await.map_err(refused)?;
    say(format_args!("{}: disabled, its sessions have ended", account.email.as_str()))?;
    Ok(())
}

async fn enable(service: &Service, email: &str) -> anyhow::Result<()> {
    let account = find(service, email).await?;
    disable::enable(service, &Operator::CommandLine, &account).await.map_err(refused)?;
    say(format_args!("{}: enabled", account.email.as_str()))?;
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
