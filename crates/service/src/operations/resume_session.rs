//! Who is this, with an access token made anew where it is missing: one round trip whatever the state.

use perennial_protocol::{refresh::Asked, refusal::Refusal, session::status::Verdict};

use super::{
    read_session::{read_session, without_session},
    refresh::refresh,
};
use crate::{
    outcome::{Outcome, Standing},
    service::Service,
    visit::{Carried, Visit},
};

/// Where the jar stands. A live session without an access token is renewed, or its refresh token is dead and
/// is told so.
pub async fn renew_in_passing(service: &Service, visit: &Visit, carried: Carried) -> Outcome<Standing> {
    let standing = read_session(service, visit, &carried).await?;
    if standing.session.is_none() || standing.verdict == Verdict::Authenticated {
        return Ok(standing);
    }
    refresh(service, visit, carried, Asked::InPassing).await
}

/// The same as an answer that is never a refusal because a session is over.
pub async fn resume_session(service: &Service, visit: &Visit, carried: Carried) -> Outcome<Standing> {
    match renew_in_passing(service, visit, carried).await {
        Err(refused) if matches!(refused.refusal, Refusal::SessionEnded(_)) => {
            let Refusal::SessionEnded(reason) = refused.refusal else { return Err(refused) };
            let mut standing = without_session(service, visit, Some(reason)).await?;
            standing.jar.closed = refused.jar.closed;
            Ok(standing)
        }
        answered => answered,
    }
}
