//! The first code of a new second factor: from now on it counts, and the recovery codes are shown once.

use perennial_protocol::{
    audit::{AuditEvent, AuditKind},
    id::{Sid, Subject},
    login::{
        PendingStep, StepName,
        code::{OneTimeCode, RECOVERY_CODES, RecoveryCode},
    },
    refusal::Refusal,
    session::{AssuranceLevel, Session},
};
use perennial_store::{Applied, Write};

use super::{
    begin::{Beginning, Origin, begin},
    list_sessions::authenticated,
    log_in::{two_factors, unchanged},
    pending,
    read_session::read_session,
    set_up_mfa::open_secret,
};
use crate::{
    credentials::totp,
    entropy, limits,
    outcome::{Outcome, Standing},
    service::Service,
    visit::{Carried, Visit},
};

/// A second factor that counts.
#[derive(Debug)]
pub struct Confirmed {
    pub standing: Standing,
    pub recovery_codes: Vec<RecoveryCode>,
}

pub async fn confirm_mfa(service: &Service, visit: &Visit, carried: &Carried, typed: &str) -> Outcome<Confirmed> {
    let step = pending::carried(service, visit, StepName::MfaSetup).await?.pending;
    let PendingStep::MfaSetup { subject, sealed_secret, within } = &step.step else {
        return Err(Refusal::NotAuthenticated.into());
    };
    let code = OneTimeCode::parse(typed).ok_or(Refusal::InvalidCode)?;
    pending::spend_attempt(service, &step).await?;
    let session = match within {
        None => None,
        Some(sid) => Some(of_this_jar(service, visit, carried, *sid).await?),
    };
    let expected = admit(service, subject, session.as_ref()).await?;
    let secret = open_secret(service, subject, sealed_secret)?;
    let last_step = totp::matching_step(&secret, &code, service.now()).ok_or(Refusal::InvalidCode)?;

    let recovery_codes: Vec<RecoveryCode> =
        std::iter::repeat_with(|| RecoveryCode::from_random(entropy::bytes(&*service.entropy)))
            .take(RECOVERY_CODES)
            .collect();
    let mut writes = vec![pending::consume(service, &step)];
    writes.extend(expected);
    writes.extend(new_factor(service, subject, sealed_secret.clone(), last_step, &recovery_codes));
    let standing = match session {
        None => on_the_way(service, visit, carried, subject, writes).await?,
        Some(session) => inside(service, visit, session.sid, writes).await?,
    };
    Ok(Confirmed { standing, recovery_codes })
}

/// Many steps may have been opened before the first is done: a factor that counts by now is replaced only by
/// who has used it in this session, never by who knew the password before it was set.
///
/// Answers the writes that hold the change to it.
async fn admit(service: &Service, subject: &Subject, session: Option<&Session>) -> Result<Vec<Write>, Refusal> {
    let account = service.ask(limits::STORE_WAIT, service.store.load_account(subject)).await?;
    let used = session.is_some_and(|session| session.authentication.level == AssuranceLevel::Two);
    let admitted = account.filter(|account| !account.disabled && (account.second_factor.is_none() || used));
    let account = admitted.ok_or(Refusal::ReauthenticationRequired)?;
    let mut expected = vec![unchanged(&account)];
    if !used {
        expected.push(Write::ExpectNoSecondFactor { account: account.id });
    }
    Ok(expected)
}

/// The session that the step was opened in, if it is the one that answers for the jar.
async fn of_this_jar(service: &Service, visit: &Visit, carried: &Carried, sid: Sid) -> Outcome<Session> {
    let session = authenticated(service, visit, carried).await?;
    if session.sid == sid { Ok(session) } else { Err(Refusal::IdentityChanged.into()) }
}

/// The writes of a factor that counts from now on. The step of its first code is spent: that code is not
/// the first login's too.
pub fn new_factor(
    service: &Service,
    subject: &Subject,
    sealed_secret: Vec<u8>,
    last_step: i64,
    recovery_codes: &[RecoveryCode],
) -> Vec<Write> {
    let keys = service.keys();
    let hashes = recovery_codes.iter().map(|code| code.hash(&keys.mac, subject)).collect();
    vec![
        Write::SetSecondFactor { account: subject.clone(), sealed_secret, last_step },
        Write::ReplaceRecoveryCodes { account: subject.clone(), hashes },
        Write::Audit(AuditEvent::of_subject(subject, AuditKind::SecondFactorSet, service.now())),
    ]
}

async fn on_the_way(
    service: &Service,
    visit: &Visit,
    carried: &Carried,
    subject: &Subject,
    together_with: Vec<Write>,
) -> Outcome<Standing> {
    let authentication = two_factors(service);
    let beginning = Beginning { subject: subject.clone(), authentication, origin: Origin::Login, together_with };
    begin(service, visit, carried, beginning).await?.ok_or_else(|| Refusal::InvalidCode.into())
}

/// Inside a session its level rises; the tokens follow by the ordinary rows.
async fn inside(service: &Service, visit: &Visit, sid: Sid, mut writes: Vec<Write>) -> Outcome<Standing> {
    writes.push(Write::Reauthenticate { sid, authentication: two_factors(service) });
    if service.apply(writes).await? == Applied::Stale {
        return Err(Refusal::InvalidCode.into());
    }
    let risen = Carried::load(service, &visit.jar).await?;
    let mut standing = read_session(service, visit, &risen).await?;
    standing.jar.finished_steps = vec![StepName::MfaSetup];
    Ok(standing)
}
