//! The second factor of a login: a code from the app, or one of the recovery codes.
//!
//! A code counts once, however many requests bring it at the same moment, and a spent code looks like a
//! wrong one.

use perennial_protocol::{
    audit::{AuditEvent, AuditKind},
    id::Subject,
    login::{
        Account, PendingStep, StepName,
        code::{OneTimeCode, RecoveryCode},
    },
    refusal::Refusal,
};
use perennial_store::Write;

use super::{
    begin::{Beginning, Origin, begin},
    log_in::{known_browser, two_factors, unchanged},
    pending,
    set_up_mfa::open_secret,
};
use crate::{
    credentials::totp,
    limits,
    outcome::{Outcome, Standing},
    service::Service,
    visit::{Carried, Visit},
};

pub async fn verify_mfa(service: &Service, visit: &Visit, carried: &Carried, typed: &str) -> Outcome<Standing> {
    let step = pending::carried(service, visit, StepName::MfaVerify).await?.pending;
    let PendingStep::MfaVerify { subject } = &step.step else { return Err(Refusal::NotAuthenticated.into()) };
    let proof = Proof::read(typed).ok_or(Refusal::InvalidCode)?;

    let spends = service.settings.throttle.second_factor(subject, known_browser(service, visit, subject));
    pending::spend_attempt(service, &step).await?;
    service.spend(&spends).await?;
    let account = service.ask(limits::STORE_WAIT, service.store.load_account(subject)).await?;
    let Some(account) = account.filter(|account| !account.disabled) else { return refuse(service, subject).await };
    let Some(use_once) = check(service, &account, &proof)? else {
        return refuse(service, subject).await;
    };
    let mut together_with = vec![unchanged(&account), pending::consume(service, &step)];
    together_with.extend(use_once);
    // What others guessed still counts: a login of the owner gives nobody new guesses.
    together_with.extend(service.refund(&spends));
    let authentication = two_factors(service);
    let beginning = Beginning { subject: subject.clone(), authentication, origin: Origin::Login, together_with };
    match begin(service, visit, carried, beginning).await? {
        Some(standing) => Ok(standing),
        None => refuse(service, subject).await,
    }
}

/// What was typed, as one of the two things it can be.
enum Proof {
    App(OneTimeCode),
    Recovery(RecoveryCode),
}

impl Proof {
    fn read(typed: &str) -> Option<Self> {
        OneTimeCode::parse(typed).map(Self::App).or_else(|| RecoveryCode::parse(typed).map(Self::Recovery))
    }
}

/// The writes that use the proof up, each guarded; `None` if it is wrong.
fn check(service: &Service, account: &Account, proof: &Proof) -> Result<Option<Vec<Write>>, Refusal> {
    match proof {
        Proof::App(code) => {
            let step = accepted_step(service, account, code)?;
            Ok(step.map(|step| vec![Write::AdvanceSecondFactor { account: account.id.clone(), step }]))
        }
        Proof::Recovery(code) => {
            let line = AuditEvent::of_subject(&account.id, AuditKind::RecoveryCodeUsed, service.now());
            let hashes = code.hashes(&service.keys().mac, &account.id);
            Ok(Some(vec![Write::UseRecoveryCode { account: account.id.clone(), hashes }, Write::Audit(line)]))
        }
    }
}

/// The time step of a right code that no request has used yet.
pub fn accepted_step(service: &Service, account: &Account, code: &OneTimeCode) -> Result<Option<i64>, Refusal> {
    let Some(factor) = &account.second_factor else { return Ok(None) };
    let secret = open_secret(service, &account.id, &factor.sealed_secret)?;
    Ok(totp::matching_step(&secret, code, service.now()).filter(|step| *step > factor.last_step))
}

async fn refuse(service: &Service, subject: &Subject) -> Outcome<Standing> {
    let line = AuditEvent::of_subject(subject, AuditKind::SecondFactorFailed, service.now());
    // A line that cannot be written changes no answer.
    let _ = service.apply(vec![Write::Audit(line)]).await;
    Err(Refusal::InvalidCode.into())
}
