//! A session that the operator asks for: for any subject, without a login, and always audited.

use perennial_protocol::{
    claims::Claims,
    id::Subject,
    refusal::Refusal,
    session::{AssuranceLevel, Authentication},
};

use super::{
    begin::{Beginning, Origin, begin},
    log_in::unchanged,
    operator::Operator,
};
use crate::{
    limits,
    outcome::{Outcome, Standing},
    service::Service,
    visit::{Carried, Visit},
};

/// What the operator vouches for.
#[derive(Debug)]
pub struct Issue {
    /// Need not be an account.
    pub subject: Subject,
    pub level: AssuranceLevel,
    /// How the person proved who they are (RFC 8176), as far as the operator knows.
    pub methods: Vec<String>,
    pub claims: Claims,
    pub by: Operator,
}

pub async fn issue_session(service: &Service, visit: &Visit, issue: Issue) -> Outcome<Standing> {
    let Issue { subject, level, methods, claims, by } = issue;
    let account = service.ask(limits::STORE_WAIT, service.store.load_account(&subject)).await?;
    let carried = Carried::load(service, &visit.jar).await?;
    let mut together_with = Vec::new();
    if let Some(account) = account {
        if account.disabled {
            let sentence = "The account of this subject is disabled, so no session begins for it.";
            return Err(Refusal::InvalidRequest(sentence.into()).into());
        }
        // Whoever disables the account at this moment ends this session too, or keeps it from beginning.
        together_with.push(unchanged(&account));
    }
    let authentication = Authentication { at: service.now(), level, methods };
    let beginning = Beginning { subject, authentication, origin: Origin::Issued { claims, by }, together_with };
    begin(service, visit, &carried, beginning).await?.ok_or_else(|| service.busy().into())
}
