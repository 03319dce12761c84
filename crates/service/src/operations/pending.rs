//! The steps of a login that is not finished: opening one, finding the one a jar carries, trying a code.

use perennial_protocol::{
    login::{Pending, PendingStep, PendingToken, StepName, pending::PENDING_TTL},
    refusal::Refusal,
    session::status::Verdict,
    time::Millis,
};
use perennial_store::{Applied, Write};

use crate::{
    entropy, limits,
    outcome::{JarChange, Standing},
    service::Service,
    visit::Visit,
};

/// A step that a jar carries the token of.
#[derive(Debug)]
pub struct CarriedStep {
    pub token: PendingToken,
    pub pending: Pending,
}

/// A new step, made for the hash of its token: the token for the jar, and the write that keeps the step.
pub fn open(service: &Service, step: impl FnOnce(&[u8; 32]) -> PendingStep) -> (PendingToken, Write) {
    let token = PendingToken::from_random(entropy::bytes(&*service.entropy));
    let token_hash = token.hash(&service.keys().mac);
    let pending = Pending {
        token_hash,
        step: step(&token_hash),
        attempts_left: service.settings.throttle.codes_per_attempt,
        ends_at: service.now().plus(PENDING_TTL),
    };
    (token, Write::InsertPending(pending))
}

/// Where a jar stands that has just been given a step.
pub fn standing(step: StepName, token: PendingToken) -> Standing {
    let jar = JarChange {
        pending: Some((step, token)),
        finished_steps: StepName::ALL.into_iter().filter(|other| *other != step).collect(),
        ..JarChange::default()
    };
    Standing { verdict: Verdict::Pending(step), steps: vec![step], ..Standing::of_nobody(jar) }
}

/// The step of this name that the jar carries; `not_authenticated` without a good one.
pub async fn carried(service: &Service, visit: &Visit, step: StepName) -> Result<CarriedStep, Refusal> {
    let (keys, now) = (service.keys(), service.now());
    for token in visit.jar.step(&service.settings.cookies, step).filter_map(PendingToken::parse) {
        let hashes = token.hashes(&keys.mac);
        let pending = service.ask(limits::STORE_WAIT, service.store.load_pending(&hashes)).await?;
        let good = pending.filter(|pending| pending.step.name() == step && pending.ends_at > now);
        if let Some(pending) = good {
            return Ok(CarriedStep { token, pending });
        }
    }
    Err(Refusal::NotAuthenticated)
}

/// Takes one attempt of a step before its code is looked at.
pub async fn spend_attempt(service: &Service, pending: &Pending) -> Result<(), Refusal> {
    let now = service.now();
    match service.apply(vec![Write::SpendAttempt { token_hash: pending.token_hash, now }]).await? {
        Applied::Done => Ok(()),
        Applied::Stale => {
            // The same request may have come twice, and the other one finished the step: nothing is left to try.
            let hashes = [pending.token_hash];
            let left = service.ask(limits::STORE_WAIT, service.store.load_pending(&hashes)).await?;
            let retry_after = pending.ends_at.since(now).max(Millis::seconds(1));
            Err(left.map_or(Refusal::NotAuthenticated, |_| Refusal::TooManyAttempts { retry_after }))
        }
    }
}

/// The write that ends a step which has done its work.
pub fn consume(service: &Service, pending: &Pending) -> Write {
    Write::ConsumePending { token_hash: pending.token_hash, now: service.now() }
}
