//! Setting up a second factor: the secret is made once, shown, and counts only after its first code.
//!
//! It happens on the way to a session, where the policy asks for it, or inside one, shortly after a login.

use perennial_protocol::{
    id::Subject,
    login::{MfaPolicy, PendingStep, PendingToken, StepName},
    refusal::Refusal,
    session::{AssuranceLevel, Session},
};
use perennial_store::Applied;
use zeroize::Zeroizing;

use super::{list_sessions::authenticated, pending};
use crate::{
    credentials::totp,
    entropy, limits,
    outcome::Outcome,
    service::Service,
    visit::{Carried, Visit},
};

/// What an authenticator app needs.
pub struct SetUp {
    pub secret: Zeroizing<String>,
    pub otpauth_uri: Zeroizing<String>,
    /// The token of a step that begins here, inside a session.
    pub token: Option<PendingToken>,
}

impl std::fmt::Debug for SetUp {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SetUp(..)")
    }
}

pub async fn set_up_mfa(service: &Service, visit: &Visit, carried: &Carried) -> Outcome<SetUp> {
    match pending::carried(service, visit, StepName::MfaSetup).await {
        Ok(step) => {
            let PendingStep::MfaSetup { subject, sealed_secret, .. } = &step.pending.step else {
                return Err(Refusal::NotAuthenticated.into());
            };
            show(service, subject, sealed_secret, None).await
        }
        Err(Refusal::NotAuthenticated) => inside_a_session(service, visit, carried).await,
        Err(refusal) => Err(refusal.into()),
    }
}

async fn inside_a_session(service: &Service, visit: &Visit, carried: &Carried) -> Outcome<SetUp> {
    let session = authenticated(service, visit, carried).await?;
    admit(service, &session).await?;
    let sealed_secret = new_sealed_secret(service, &session.subject);
    let shown = sealed_secret.clone();
    let (token, write) = pending::open(service, |_| PendingStep::MfaSetup {
        subject: session.subject.clone(),
        sealed_secret,
        within: Some(session.sid),
    });
    match service.apply(vec![write]).await? {
        Applied::Done => show(service, &session.subject, &shown, Some(token)).await,
        Applied::Stale => Err(Refusal::InternalError.into()),
    }
}

/// A factor is added shortly after a login only, and replaced only by who has the former one.
async fn admit(service: &Service, session: &Session) -> Result<(), Refusal> {
    if service.settings.mfa == MfaPolicy::Off {
        return Err(Refusal::NotFound);
    }
    let account = service.ask(limits::STORE_WAIT, service.store.load_account(&session.subject)).await?;
    let account = account.ok_or(Refusal::NotFound)?;
    let recent = service.now().since(session.authentication.at) < limits::RECENT_LOGIN;
    let strong = account.second_factor.is_none() || session.authentication.level == AssuranceLevel::Two;
    if recent && strong { Ok(()) } else { Err(Refusal::ReauthenticationRequired) }
}

async fn show(
    service: &Service,
    subject: &Subject,
    sealed_secret: &[u8],
    token: Option<PendingToken>,
) -> Outcome<SetUp> {
    let secret = open_secret(service, subject, sealed_secret)?;
    let account = service.ask(limits::STORE_WAIT, service.store.load_account(subject)).await?;
    let name = account.map_or_else(|| subject.to_string(), |account| account.email.into());
    let otpauth_uri = totp::otpauth_uri(&secret, &service.settings.product, &name);
    Ok(SetUp { secret: totp::base32(&secret), otpauth_uri, token })
}

/// A new secret, sealed for its owner.
pub fn new_sealed_secret(service: &Service, subject: &Subject) -> Vec<u8> {
    let secret = Zeroizing::new(entropy::bytes::<{ totp::SECRET_BYTES }>(&*service.entropy));
    seal_secret(service, subject, &*secret)
}

pub fn seal_secret(service: &Service, subject: &Subject, secret: &[u8]) -> Vec<u8> {
    service.keys().seal.seal(entropy::bytes(&*service.entropy), subject.as_str(), secret)
}

pub fn open_secret(service: &Service, subject: &Subject, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    service.keys().seal.open(subject.as_str(), sealed).map_err(|error| {
        tracing::error!(reason = %error, "a second factor cannot be used: restore the seal keys");
        Refusal::InternalError
    })
}
