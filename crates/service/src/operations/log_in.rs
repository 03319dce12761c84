//! Login: an e-mail address and a password lead to a session or to the next step.
//!
//! An unknown address, a wrong password and a disabled account look the same and take as long.

use perennial_protocol::{
    audit::{AuditEvent, AuditKind},
    id::Subject,
    login::{
        Account, Email, Next, PendingStep, StepName, after_first_factor, known,
        throttle::{Scope, Spend},
    },
    refusal::Refusal,
    session::{AssuranceLevel, Authentication},
};
use perennial_store::{Applied, Write};

use super::{
    begin::{Beginning, Origin, begin},
    pending, set_up_mfa,
};
use crate::{
    credentials::{Password, Verified},
    entropy, limits,
    outcome::{Outcome, Standing},
    service::Service,
    visit::{Carried, Visit},
};

/// What was typed.
pub struct Credentials {
    pub email: String,
    pub password: String,
}

crate::closed!(Credentials);

pub async fn log_in(service: &Service, visit: &Visit, carried: &Carried, typed: &Credentials) -> Outcome<Standing> {
    let email = Email::parse(&typed.email).map_err(|_| Refusal::InvalidCredentials)?;
    let password = Password::given(&typed.password).ok_or(Refusal::InvalidCredentials)?;
    let account = service.ask(limits::STORE_WAIT, service.store.load_account_by_email(&email)).await?;
    let nonce = account.as_ref().and_then(|account| known_browser(service, visit, &account.id));

    let spends = service.settings.throttle.password(&email, visit.address, nonce);
    service.spend(&spends).await?;
    let kept = account.as_ref().map(|account| account.password_hash.as_str());
    let verified = service.passwords.verify(password.clone(), kept).await.map_err(|_| service.busy())?;
    let Some(account) = account.filter(|account| verified != Verified::Wrong && !account.disabled) else {
        note_failure(service).await;
        return Err(Refusal::InvalidCredentials.into());
    };
    let mut writes = regained(service, &spends);
    writes.extend(proven(service, &account, password, verified).await);
    // The account changed while the password was compared, so that it is not known to be right any more.
    after_password(service, visit, carried, &account, writes).await?.ok_or_else(|| Refusal::InvalidCredentials.into())
}

/// What a right password brings with it: the change is held to the account as it was when it was compared, and
/// a hash that others made is replaced by our own. Where that cannot be made now, the next login makes it.
pub async fn proven(service: &Service, account: &Account, password: Password, verified: Verified) -> Vec<Write> {
    let mut writes = vec![unchanged(account)];
    if verified == Verified::RightByAnotherHash
        && let Ok(to) = service.passwords.hash(password, entropy::bytes(&*service.entropy)).await
    {
        let (account, from) = (account.id.clone(), account.password_hash.clone());
        writes.push(Write::ReplacePasswordHash { account, from, to });
    }
    writes
}

/// What a right password gives back. Its owner has stopped guessing; others of the same address may not have,
/// so the address gets back this one use only.
pub fn regained(service: &Service, spends: &[Spend]) -> Vec<Write> {
    let (shared, own): (Vec<Spend>, Vec<Spend>) =
        spends.iter().cloned().partition(|spend| matches!(spend.scope, Scope::PasswordFrom(_)));
    [service.clear(&own), service.refund(&shared)].concat()
}

/// Holds a change to the account as it was loaded: not disabled since, and with the same password.
pub fn unchanged(account: &Account) -> Write {
    Write::ExpectPassword { account: account.id.clone(), password_hash: account.password_hash.clone() }
}

/// What the right password leads to: a session at once, or a step. `None` if something of `together_with` did
/// not hold any more, and nothing happened.
pub async fn after_password(
    service: &Service,
    visit: &Visit,
    carried: &Carried,
    account: &Account,
    mut together_with: Vec<Write>,
) -> Outcome<Option<Standing>> {
    let step = match after_first_factor(account, service.settings.mfa) {
        Next::Session(level) => {
            let authentication = Authentication { at: service.now(), level, methods: vec!["pwd".to_owned()] };
            let subject = account.id.clone();
            let beginning = Beginning { subject, authentication, origin: Origin::Login, together_with };
            return begin(service, visit, carried, beginning).await;
        }
        Next::Step(StepName::MfaSetup) => PendingStep::MfaSetup {
            subject: account.id.clone(),
            sealed_secret: set_up_mfa::new_sealed_secret(service, &account.id),
            within: None,
        },
        Next::Step(StepName::MfaVerify | StepName::VerifyEmail) => {
            PendingStep::MfaVerify { subject: account.id.clone() }
        }
    };
    let name = step.name();
    let (token, write) = pending::open(service, |_| step);
    together_with.push(write);
    match service.apply(together_with).await? {
        Applied::Done => Ok(Some(pending::standing(name, token))),
        Applied::Stale => Ok(None),
    }
}

/// How two factors are recorded (RFC 8176).
pub fn two_factors(service: &Service) -> Authentication {
    let methods = ["pwd", "otp", "mfa"].map(str::to_owned).to_vec();
    Authentication { at: service.now(), level: AssuranceLevel::Two, methods }
}

/// The nonce of this browser, if the person logged in on it before.
pub fn known_browser(service: &Service, visit: &Visit, subject: &Subject) -> Option<known::Nonce> {
    let cookie = visit.jar.known(&service.settings.cookies)?;
    known::recognise(&service.keys().mac, subject, cookie)
}

async fn note_failure(service: &Service) {
    metrics::counter!("perennial_logins_total", "outcome" => "failed").increment(1);
    let at = service.now();
    let line = AuditEvent { at, kind: AuditKind::LoginFailed, subject: None, session_key: None, detail: String::new() };
    // A line that cannot be written changes no answer.
    let _ = service.apply(vec![Write::Audit(line)]).await;
}
