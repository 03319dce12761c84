//! An account that the operator makes: its address is believed to be its owner's.

use perennial_protocol::{
    audit::AuditKind,
    claims::Claims,
    login::{Account, Email},
    refusal::Refusal,
};
use perennial_store::{Applied, Write};

use super::{Operator, claims::fit_for_account};
use crate::{
    credentials::Password,
    entropy,
    operations::register::{new_account, tidy_name},
    service::Service,
};

/// What is known of the person.
pub struct NewAccount {
    pub email: Email,
    pub name: String,
    pub password: String,
    pub claims: Claims,
}

crate::closed!(NewAccount);

pub async fn create_account(service: &Service, by: &Operator, new: NewAccount) -> Result<Account, Refusal> {
    let NewAccount { email, name, password, claims } = new;
    let name = tidy_name(&name)?;
    fit_for_account(&claims)?;
    let password =
        Password::chosen(&password, &email, &name).map_err(|why| Refusal::InvalidRequest(why.to_string()))?;
    let salt = entropy::bytes(&*service.entropy);
    let password_hash = service.passwords.hash(password, salt).await.map_err(|_| service.busy())?;
    let account = Account { claims, ..new_account(service, email, name, password_hash) };
    let line = by.line(service, AuditKind::AccountCreated, Some(&account.id), "");
    match service.apply(vec![Write::InsertAccount(account.clone()), line]).await? {
        Applied::Done => Ok(account),
        Applied::Stale => Err(Refusal::InvalidRequest("This e-mail address has an account already.".to_owned())),
    }
}
