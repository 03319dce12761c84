//! The code that was mailed comes back: the account begins, with the password of that very attempt.

use perennial_protocol::{
    login::{PendingStep, StepName, code::OneTimeCode},
    refusal::Refusal,
};

use super::{log_in, pending, register};
use crate::{
    outcome::{Outcome, Standing},
    service::Service,
    visit::{Carried, Visit},
};

pub async fn verify_email(service: &Service, visit: &Visit, carried: &Carried, typed: &str) -> Outcome<Standing> {
    let step = pending::carried(service, visit, StepName::VerifyEmail).await?.pending;
    let PendingStep::VerifyEmail { email, name, password_hash, code_hash, .. } = &step.step else {
        return Err(Refusal::NotAuthenticated.into());
    };
    let code = OneTimeCode::parse(typed).ok_or(Refusal::InvalidCode)?;
    pending::spend_attempt(service, &step).await?;
    if !code.matches(&service.keys().mac, &step.token_hash, code_hash) {
        return Err(Refusal::InvalidCode.into());
    }
    // An address that found an account meanwhile makes the change stale, and that looks like a wrong code.
    let account = register::new_account(service, email.clone(), name.clone(), password_hash.clone());
    let mut together_with = vec![pending::consume(service, &step)];
    together_with.extend(register::created(&account, service.now()));
    let begun = log_in::after_password(service, visit, carried, &account, together_with).await?;
    begun.ok_or_else(|| Refusal::InvalidCode.into())
}
