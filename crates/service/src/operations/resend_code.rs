//! A new code for the same attempt; the former one is void.

use perennial_protocol::{
    login::{PendingStep, StepName},
    refusal::Refusal,
    time::Millis,
};
use perennial_store::{Applied, Write};

use super::{pending, register};
use crate::{
    outcome::{Outcome, Standing},
    service::Service,
    visit::Visit,
};

pub async fn resend_code(service: &Service, visit: &Visit) -> Outcome<Standing> {
    let step = pending::carried(service, visit, StepName::VerifyEmail).await?;
    let PendingStep::VerifyEmail { email, .. } = &step.pending.step else {
        return Err(Refusal::NotAuthenticated.into());
    };
    service.spend(&service.settings.throttle.mail(email)).await?;
    let (code, token_hash, now) = (register::new_code(service), step.pending.token_hash, service.now());
    let write = Write::ReplaceCode {
        token_hash,
        code_hash: code.hash(&service.keys().mac, &token_hash),
        attempts: service.settings.throttle.codes_per_attempt,
        now,
    };
    if service.apply(vec![write]).await? == Applied::Stale {
        let retry_after = step.pending.ends_at.since(now).max(Millis::seconds(1));
        return Err(Refusal::TooManyAttempts { retry_after }.into());
    }
    register::send_code(service, email, &code).await?;
    let mut standing = pending::standing(StepName::VerifyEmail, step.token);
    standing.jar.pending = None;
    Ok(standing)
}
