//! Who a session speaks for, as far as a client may know.

use perennial_protocol::{claims::Claims, refusal::Refusal, session::Session};

use crate::{outcome::Person, service::Service};

/// Who the session speaks for. A subject need not be an account: the operator may have said who it is.
pub async fn person(service: &Service, session: &Session) -> Result<Person, Refusal> {
    let account = service.ask(service.store.patience(), service.store.load_account(&session.subject)).await?;
    let id = session.subject.as_str().to_owned();
    Ok(match account {
        Some(account) => {
            Person { id, email: Some(account.email.into()), name: Some(account.name), claims: account.claims }
        }
        None => {
            let claim = |name: &str| session.claims.text(name).map(str::to_owned);
            Person { id, email: claim("email"), name: claim("name"), claims: Claims::default() }
        }
    })
}
