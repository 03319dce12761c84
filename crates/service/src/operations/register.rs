//! Registration: an attempt is kept until the code that was mailed comes back. The account begins then.
//!
//! The answer never says whether the address has an account; the message does, to its owner.

use perennial_pages::{AccountExistsMail, CodeMail};
use perennial_protocol::{
    audit::{AuditEvent, AuditKind},
    claims::Claims,
    id::Subject,
    login::{Account, Email, PendingStep, StepName, code::OneTimeCode, pending::PENDING_TTL},
    refusal::Refusal,
    time::UnixMillis,
};
use perennial_store::{Applied, Write};

use super::{log_in, pending};
use crate::{
    credentials::Password,
    entropy, limits,
    mail::Message,
    outcome::{Outcome, Standing},
    service::Service,
    settings::Registration,
    visit::{Carried, Visit},
};

/// What was typed.
pub struct NewAccount {
    pub email: String,
    pub name: String,
    pub password: String,
}

crate::closed!(NewAccount);

pub async fn register(service: &Service, visit: &Visit, carried: &Carried, typed: &NewAccount) -> Outcome<Standing> {
    if service.settings.registration == Registration::Closed {
        return Err(Refusal::NotFound.into());
    }
    let email = Email::parse(&typed.email).map_err(|why| Refusal::InvalidRequest(why.to_string()))?;
    let name = tidy_name(&typed.name)?;
    let password =
        Password::chosen(&typed.password, &email, &name).map_err(|why| Refusal::InvalidRequest(why.to_string()))?;

    service.spend(&service.settings.throttle.registration(visit.address)).await?;
    let salt = entropy::bytes(&*service.entropy);
    let password_hash = service.passwords.hash(password, salt).await.map_err(|_| service.busy())?;
    match service.settings.registration {
        Registration::Unverified => {
            let account = new_account(service, email, name, password_hash);
            open_at_once(service, visit, carried, account).await
        }
        Registration::Verified | Registration::Closed => ask_for_code(service, email, name, password_hash).await,
    }
}

async fn ask_for_code(service: &Service, email: Email, name: String, password_hash: String) -> Outcome<Standing> {
    service.spend(&service.settings.throttle.mail(&email)).await?;
    let code = new_code(service);
    let (token, write) = pending::open(service, |attempt| PendingStep::VerifyEmail {
        email: email.clone(),
        name,
        password_hash,
        code_hash: code.hash(&service.keys().mac, attempt),
        resends_left: limits::CODE_RESENDS,
    });
    if service.apply(vec![write]).await? == Applied::Stale {
        return Err(Refusal::InternalError.into());
    }
    send_code(service, &email, &code).await?;
    Ok(pending::standing(StepName::VerifyEmail, token))
}

/// Without e-mail codes the answer has to say that an address is taken.
async fn open_at_once(service: &Service, visit: &Visit, carried: &Carried, account: Account) -> Outcome<Standing> {
    if service.apply(created(&account, service.now())).await? == Applied::Stale {
        let taken = "This e-mail address has an account already. Log in, or use another address.";
        return Err(Refusal::InvalidRequest(taken.to_owned()).into());
    }
    let begun = log_in::after_password(service, visit, carried, &account, Vec::new()).await?;
    begun.ok_or_else(|| Refusal::InternalError.into())
}

/// Mails a code to its owner, or tells the owner of an account that someone tried.
pub async fn send_code(service: &Service, email: &Email, code: &OneTimeCode) -> Result<(), Refusal> {
    let exists = service.ask(limits::STORE_WAIT, service.store.load_account_by_email(email)).await?.is_some();
    let host = service.settings.product.clone();
    let message = if exists {
        let mail = AccountExistsMail { host, login_url: format!("{}/login", service.settings.origins.own) };
        Message { to: email.clone(), subject: mail.subject(), text: mail.text(), code: None }
    } else {
        let minutes = u32::try_from(PENDING_TTL.whole_seconds() / 60).unwrap_or(10);
        let mail = CodeMail { code: code.expose().to_owned(), minutes, host };
        let code = Some(code.expose().to_owned());
        Message { to: email.clone(), subject: mail.subject(), text: mail.text(), code }
    };
    service.mail.push(message).map_err(|_| service.busy())
}

pub fn new_code(service: &Service) -> OneTimeCode {
    OneTimeCode::from_random(u64::from_be_bytes(entropy::bytes(&*service.entropy)))
}

pub fn new_account(service: &Service, email: Email, name: String, password_hash: String) -> Account {
    Account {
        id: Subject::from_random(entropy::bytes(&*service.entropy)),
        email,
        name,
        password_hash,
        disabled: false,
        created_at: service.now(),
        last_login_at: None,
        second_factor: None,
        claims: Claims::default(),
    }
}

/// The writes that begin an account; stale if its address is taken.
pub fn created(account: &Account, at: UnixMillis) -> Vec<Write> {
    let line = AuditEvent::of_subject(&account.id, AuditKind::AccountCreated, at);
    vec![Write::InsertAccount(account.clone()), Write::Audit(line)]
}

pub fn tidy_name(name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    if name.chars().count() > limits::NAME_CHARACTERS_MAX || name.chars().any(char::is_control) {
        let limit = limits::NAME_CHARACTERS_MAX;
        return Err(Refusal::InvalidRequest(format!("A name is one line of at most {limit} characters.")));
    }
    Ok(name.to_owned())
}
