//! The service as the authority over sessions: what the gateway asks of each request.
//!
//! A good access token of a session that this node knows is answered from memory (`known`). Everything else
//! asks the store once: whose is the jar, may the request act, and does its session want new tokens. All
//! refusals come from there, so there is one way to say no.

mod forwarded;
mod known;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::http::HeaderValue;
use perennial_edge::{
    authority::{Cookies, Denial, Identity, Pass, Question, SessionAuthority},
    client::navigates,
};
use perennial_protocol::{
    id::SessionKey,
    refresh::Asked,
    refusal::Refusal,
    return_to,
    route::Requirement,
    session::{EndReason, Session, status::Verdict},
    time::Millis,
    token::Transport,
};
use serde_json::Map;
use url::form_urlencoded;

pub use self::{forwarded::ForwardedTokens, known::KnownSessions};
use crate::{
    http::{
        cookies,
        guard::{self, Acting, Proof},
        request,
    },
    operations::{
        read_session::{read_session, read_without_store},
        refresh::refresh,
    },
    outcome::{JarChange, Outcome, RefreshState, Refused, Standing},
    service::Service,
    visit::{Carried, Visit},
};

#[async_trait]
impl SessionAuthority for Service {
    async fn judge(&self, question: Question<'_>) -> Result<Pass, Denial> {
        let visit = request::visit_by_head(self, question.delivery, question.headers, question.peer);
        if let Some(at_hand) = known::at_hand(self, &visit, question) {
            let identity = forwarded::identity(self, &at_hand.session, question.audience).await?;
            let half = identity.token.expires_at.saturating_duration_since(Instant::now()) / 2;
            let holds_for = at_hand.holds_for.min(half);
            return Ok(Pass { identity: Some(identity), holds_for, ..Pass::default() });
        }
        let passed = match ask(self, &visit, question).await {
            Ok(standing) => pass(self, &visit, standing, question).await,
            Err(refused) => Err(refused),
        };
        passed.map_err(|refused| denial(self, &visit, refused, question))
    }

    async fn renew(&self, refused: &Identity, audience: Option<&str>) -> Result<Identity, Refusal> {
        let question = self.store.load_session_by_key(&refused.session);
        let session = self.ask(self.store.patience(), question).await?;
        let Some(mut session) = session else { return Err(Refusal::SessionEnded(EndReason::Unknown)) };
        self.ends.mark([&mut session]);
        if let Some(reason) = session.over(&self.settings.lifetimes.refresh, self.now()) {
            return Err(Refusal::SessionEnded(reason));
        }
        self.forwarded.forget(&session, audience, &refused.token);
        forwarded::identity(self, &session, audience).await
    }

    fn ended(&self, session: &SessionKey) -> Option<EndReason> {
        let known = self.known.get(session).and_then(|session| self.ends.of_session(&session));
        known.or_else(|| self.ends.of(session)).map(|ended| ended.reason)
    }
}

/// Where the jar stands after everything was done for the request that it needs.
async fn ask(service: &Service, visit: &Visit, question: Question<'_>) -> Outcome<Standing> {
    let proof = Proof::of_header(service, question.headers);
    let acting = Acting::of(question.method, question.headers);
    let carried = match Carried::load(service, &visit.jar).await {
        Ok(carried) => carried,
        Err(refusal) => return without_store(service, visit, acting, proof).ok_or(refusal.into()),
    };
    guard::admit_to_upstream(service, acting, proof, visit, &carried).await?;
    if let Some(session) = carried.selection(service, &service.keys(), service.now()).chosen.session() {
        service.known.note(session);
    }
    let standing = match read_session(service, visit, &carried).await {
        Err(refused) if matches!(refused.refusal, Refusal::AuthUnavailable { .. }) => {
            return without_store(service, visit, acting, proof).ok_or(refused);
        }
        outcome => outcome?,
    };
    renewed(service, visit, carried, standing).await
}

/// The standing with new tokens, if its access token is missing or about to expire.
async fn renewed(service: &Service, visit: &Visit, carried: Carried, standing: Standing) -> Outcome<Standing> {
    let lasts = standing.access.as_ref().is_some_and(|claims| !claims.are_about_to_expire(service.now()));
    if service.settings.transport == Transport::Bearer {
        return by_bearer(visit, standing);
    }
    // An access token without a refresh token stands alone, for as long as it lives.
    let alone = standing.access.is_some() && standing.refresh == RefreshState::None;
    if lasts || alone || standing.session.is_none() {
        return Ok(standing);
    }
    match refresh(service, visit, carried, Asked::InPassing).await {
        Ok(renewed) => {
            if let Some(grant) = &renewed.jar.grant {
                service.known.note(&grant.session);
            }
            Ok(renewed)
        }
        // What the jar has is good for a moment yet, and somebody else may be luckier.
        Err(refused) if standing.access.is_some() && !matches!(refused.refusal, Refusal::SessionEnded(_)) => {
            Ok(standing)
        }
        Err(refused) => Err(refused),
    }
}

/// Where access tokens are bearers, the refresh token's cookie opens nothing here.
fn by_bearer(visit: &Visit, standing: Standing) -> Outcome<Standing> {
    match (&standing.access, &visit.bearer) {
        (Some(_), _) => Ok(standing),
        (None, Some(_)) => Err(Refusal::InvalidAccessToken.into()),
        (None, None) => Ok(Standing::of_nobody(JarChange::default())),
    }
}

/// While the store cannot be asked, a good access token passes. A request that acts needs the token of its
/// session, which the jar's refresh token vouches for.
fn without_store(service: &Service, visit: &Visit, acting: Acting, proof: Proof<'_>) -> Option<Standing> {
    let standing = read_without_store(service, visit)?;
    let key = &standing.session.as_ref()?.key;
    let sids = visit.jar.refresh_tokens(&service.settings.cookies).flatten().map(|token| token.sid);
    guard::admits_from_memory(service, acting, proof, visit, key, sids).then_some(standing)
}

async fn pass(service: &Service, visit: &Visit, standing: Standing, question: Question<'_>) -> Outcome<Pass> {
    if standing.verdict != Verdict::Authenticated {
        return nobody(service, visit, standing, question);
    }
    let Some(facts) = &standing.session else { return Err(Refusal::InternalError.into()) };
    let session = match &standing.jar.grant {
        Some(grant) => Some(grant.session.clone()),
        None => session_of(service, &facts.key).await?,
    };
    let identity = match (session, &standing.access) {
        (Some(session), _) => forwarded::identity(service, &session, question.audience).await?,
        (None, Some(claims)) => forwarded::identity_by_claims(service, claims, question.audience),
        (None, None) => return Err(Refusal::InternalError.into()),
    };
    let renewed = standing.jar.grant.is_some();
    Ok(Pass {
        identity: Some(identity),
        cookies: cookies_of(service, visit, &standing.jar),
        renewed,
        ..Pass::default()
    })
}

/// The row behind a good access token, from memory or from the store; `None` while the store cannot be asked.
async fn session_of(service: &Service, key: &SessionKey) -> Result<Option<Session>, Refusal> {
    if let Some(known) = service.known.get(key) {
        return Ok(Some((*known).clone()));
    }
    match service.ask(service.store.patience(), service.store.load_session_by_key(key)).await {
        Ok(session) => {
            session.iter().for_each(|session| service.known.note(session));
            Ok(session)
        }
        Err(Refusal::AuthUnavailable { .. }) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// Nobody is logged in: some routes do not mind.
fn nobody(service: &Service, visit: &Visit, standing: Standing, question: Question<'_>) -> Outcome<Pass> {
    if question.requirement == Requirement::Required {
        let refusal = match standing.verdict {
            Verdict::Ended(reason) => Refusal::SessionEnded(reason),
            Verdict::Authenticated | Verdict::Renewable | Verdict::Pending(_) | Verdict::Anonymous => {
                Refusal::NotAuthenticated
            }
        };
        return Err(Refused { refusal, jar: Box::new(standing.jar) });
    }
    Ok(Pass { cookies: cookies_of(service, visit, &standing.jar), ..Pass::default() })
}

fn cookies_of(service: &Service, visit: &Visit, change: &JarChange) -> Cookies {
    let lines = cookies::lines(service, &visit.jar, change);
    Cookies {
        lines: lines.iter().filter_map(|line| HeaderValue::from_str(line).ok()).collect(),
        until: change.grant.as_ref().map(|grant| cookies::deliverable_until(service, grant).into_std()),
    }
}

fn denial(service: &Service, visit: &Visit, refused: Refused, question: Question<'_>) -> Denial {
    let Refused { refusal, jar } = refused;
    // Nothing is known, so nothing is changed.
    let untouched = matches!(refusal, Refusal::AuthUnavailable { .. } | Refusal::InternalError);
    let cookies = if untouched { Cookies::default() } else { cookies_of(service, visit, &jar) };
    let mut further = Map::new();
    if let Some(resync) = &jar.resync {
        further.insert("csrf_token".into(), resync.csrf_token.clone().into());
    }
    let location = navigates(question.headers).then(|| way_on(service, &refusal, question)).flatten();
    Denial { refusal, further, cookies, location }
}

/// Where a navigation goes instead of being told no. What it asked for may be a path that leads away from here
/// when it stands alone in a Location.
fn way_on(service: &Service, refusal: &Refusal, question: Question<'_>) -> Option<String> {
    let here = return_to::validated(question.target, &service.settings.origins);
    match refusal {
        // The jar may hold something newer by now; the mark tells the next answer that it was told.
        Refusal::StaleToken(_) => here,
        Refusal::NotAuthenticated | Refusal::SessionEnded(_) => {
            let login = &service.settings.pages.as_ref()?.login;
            let Some(here) = here.filter(|_| question.method.is_safe()) else { return Some(login.clone()) };
            let mut query = form_urlencoded::Serializer::new(String::new());
            Some(format!("{login}?{}", query.append_pair("return_to", &here).finish()))
        }
        _ => None,
    }
}

/// A moment of this process for a span from now.
fn moment_in(span: Millis) -> Instant {
    Instant::now() + Duration::from(span.max(Millis(0)))
}
