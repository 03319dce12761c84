//! A session that the operator asks for: for any subject, without a login, and always audited.

use perennial_protocol::{
    id::Subject,
    refusal::Refusal,
    session::{AssuranceLevel, Authentication},
};

use super::begin::{Beginning, Origin, begin};
use crate::{
    outcome::{Outcome, Standing},
    service::Service,
    visit::{Carried, Visit},
};

pub async fn issue_session(
    service: &Service,
    visit: &Visit,
    subject: Subject,
    level: AssuranceLevel,
) -> Outcome<Standing> {
    let carried = Carried::load(service, &visit.jar).await?;
    let authentication = Authentication { at: service.now(), level, methods: Vec::new() };
    let beginning = Beginning { subject, authentication, origin: Origin::Issued, together_with: Vec::new() };
    begin(service, visit, &carried, beginning).await?.ok_or_else(|| Refusal::InternalError.into())
}
