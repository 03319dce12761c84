//! A new password, by its owner: this session stays, every other one ends, and the owner hears of it by mail.
//!
//! The current password is asked for, so that an unlocked device is not enough. Tabs of this session notice
//! nothing: its refresh token stays as it is.

use perennial_pages::PasswordChangedMail;
use perennial_protocol::{
    audit::{AuditEvent, AuditKind},
    login::Account,
    refusal::Refusal,
    session::{EndReason, Session},
    time::UnixMillis,
};
use perennial_store::{Applied, Write};

use super::{
    list_sessions::authenticated,
    reauthenticate::{account_of, check_password, raised, standing_of},
};
use crate::{
    credentials::Password,
    entropy,
    mail::Message,
    outcome::{Outcome, Standing},
    service::Service,
    visit::{Carried, Visit},
};

/// What was typed.
pub struct NewPassword {
    pub current: String,
    pub new: String,
}

crate::closed!(NewPassword);

pub async fn change_password(
    service: &Service,
    visit: &Visit,
    carried: &Carried,
    typed: &NewPassword,
) -> Outcome<Standing> {
    let session = authenticated(service, visit, carried).await?;
    let account = account_of(service, &session).await?;
    let chosen = Password::chosen(&typed.new, &account.email, &account.name)
        .map_err(|why| Refusal::InvalidRequest(why.to_string()))?;
    let mut writes = check_password(service, visit, &account, &typed.current).await?;
    let salt = entropy::bytes(&*service.entropy);
    let password_hash = service.passwords.hash(chosen, salt).await.map_err(|_| service.busy())?;

    let authentication = raised(service, &session, "pwd");
    writes.push(Write::Reauthenticate { sid: session.sid, authentication: authentication.clone() });
    writes.extend(changed(&account, &session, password_hash, service.now()));
    if service.apply(writes).await? == Applied::Stale {
        // Another change of the password, or an end of this session, was faster.
        return Err(Refusal::InvalidCredentials.into());
    }
    tell(service, &account);
    standing_of(service, visit, carried, Session { authentication, ..session }).await
}

fn changed(account: &Account, session: &Session, password_hash: String, at: UnixMillis) -> Vec<Write> {
    let subject = account.id.clone();
    vec![
        Write::SetPasswordHash { account: subject.clone(), password_hash },
        Write::RemovePendingOf { subject: subject.clone() },
        Write::EndSessionsOf { subject, except: Some(session.sid), at, reason: EndReason::PasswordChanged },
        Write::Audit(AuditEvent::of_session(session, AuditKind::PasswordSet, "by its owner", at)),
    ]
}

/// The change stands whether or not its message can be sent.
fn tell(service: &Service, account: &Account) {
    let mail = PasswordChangedMail { host: service.settings.product.clone() };
    let message = Message { to: account.email.clone(), subject: mail.subject(), text: mail.text(), code: None };
    if service.mail.push(message).is_err() {
        tracing::warn!("too many messages wait: the owner of a changed password is not told");
    }
}
