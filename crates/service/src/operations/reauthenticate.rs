//! Proving oneself again inside a session: its level or its login time rises, and a new access token says so.
//!
//! The refresh token stays as it is and rotates by its own rows; tokens handed out before keep their level.

use perennial_protocol::{
    id::Subject,
    login::{Account, code::OneTimeCode},
    refusal::Refusal,
    session::{AssuranceLevel, Authentication, Session, status::Verdict},
};
use perennial_store::{Applied, Write};

use super::{
    grant::{self, HandOut},
    list_sessions::authenticated,
    log_in::{known_browser, proven, regained},
    read_session::read_session,
    verify_mfa::accepted_step,
};
use crate::{
    credentials::{Password, Verified},
    limits,
    outcome::{Outcome, Standing},
    service::Service,
    visit::{Carried, Visit},
};

/// What the person proves themselves with: one of the two.
pub enum Proof {
    Password(String),
    Code(String),
}

crate::closed!(Proof);

pub async fn reauthenticate(service: &Service, visit: &Visit, carried: &Carried, proof: &Proof) -> Outcome<Standing> {
    let session = authenticated(service, visit, carried).await?;
    let account = account_of(service, &session).await?;
    let (method, mut writes) = match proof {
        Proof::Password(typed) => ("pwd", check_password(service, visit, &account, typed).await?),
        Proof::Code(typed) => ("otp", check_code(service, visit, &account, typed).await?),
    };
    let authentication = raised(service, &session, method);
    writes.push(Write::Reauthenticate { sid: session.sid, authentication: authentication.clone() });
    if service.apply(writes).await? == Applied::Stale {
        return Err(Refusal::InvalidCode.into());
    }
    standing_of(service, visit, carried, Session { authentication, ..session }).await
}

/// The account of a session. One that was issued for a subject without an account has nothing to be proven
/// with.
pub async fn account_of(service: &Service, session: &Session) -> Result<Account, Refusal> {
    let account = service.ask(limits::STORE_WAIT, service.store.load_account(&session.subject)).await?;
    account.filter(|account| !account.disabled).ok_or(Refusal::NotFound)
}

/// Where the jar stands after its session was raised: with a new access token that says so.
pub async fn standing_of(service: &Service, visit: &Visit, carried: &Carried, raised: Session) -> Outcome<Standing> {
    let mut standing = read_session(service, visit, carried).await?;
    let (keys, now) = (service.keys(), service.now());
    standing.session = Some((&raised).into());
    let person = standing.person.clone().unwrap_or_default();
    let grant = grant::tokens(service, &keys, raised, &person, HandOut::AccessOnly, now);
    standing.verdict = Verdict::Authenticated;
    standing.access = Some(grant.access.claims.clone());
    standing.jar.grant = Some(grant);
    Ok(standing)
}

/// The writes that come with a right password.
pub async fn check_password(
    service: &Service,
    visit: &Visit,
    account: &Account,
    typed: &str,
) -> Result<Vec<Write>, Refusal> {
    let password = Password::given(typed).ok_or(Refusal::InvalidCredentials)?;
    let known = known_browser(service, visit, &account.id);
    let spends = service.settings.throttle.password(&account.email, visit.address, known);
    service.spend(&spends).await?;
    let kept = Some(account.password_hash.as_str());
    let verified = service.passwords.verify(password.clone(), kept).await.map_err(|_| service.busy())?;
    if verified == Verified::Wrong {
        return Err(Refusal::InvalidCredentials);
    }
    let mut writes = regained(service, &spends);
    writes.extend(proven(service, account, password, verified).await);
    Ok(writes)
}

async fn check_code(service: &Service, visit: &Visit, account: &Account, typed: &str) -> Result<Vec<Write>, Refusal> {
    let code = OneTimeCode::parse(typed).ok_or(Refusal::InvalidCode)?;
    let subject: &Subject = &account.id;
    let spends = service.settings.throttle.second_factor(subject, known_browser(service, visit, subject));
    service.spend(&spends).await?;
    let step = accepted_step(service, account, &code)?.ok_or(Refusal::InvalidCode)?;
    let mut writes = vec![Write::AdvanceSecondFactor { account: subject.clone(), step }];
    writes.extend(service.refund(&spends));
    Ok(writes)
}

/// The session's proof with one more: now, at the higher of the two levels.
pub fn raised(service: &Service, session: &Session, method: &str) -> Authentication {
    let mut methods = session.authentication.methods.clone();
    if !methods.iter().any(|known| known == method) {
        methods.push(method.to_owned());
    }
    let both = ["pwd", "otp"].iter().all(|wanted| methods.iter().any(|known| known == wanted));
    if both && !methods.iter().any(|known| known == "mfa") {
        methods.push("mfa".to_owned());
    }
    let level = if both { AssuranceLevel::Two } else { session.authentication.level };
    Authentication { at: service.now(), level, methods }
}
