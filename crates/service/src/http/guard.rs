//! Whether an unsafe request may act: origin first, then the anti-CSRF token.
//!
//! A token of another session fails closed with `identity_changed`: the page was loaded by someone who has
//! since logged out, and nothing of theirs may run as the person who is logged in now. A bearer names its
//! session too. No foreign page can send one without asking first, so a good one stands for the token.

use axum::http::{HeaderMap, Method, header};
use perennial_protocol::{
    call::Call,
    cookie::Selection,
    csrf::{self, CsrfToken},
    id::{SessionKey, Sid},
    login::StepName,
    origin::{Absence, OriginHeaders},
    refusal::Refusal,
    token::Transport,
};

use crate::{
    entropy,
    keys::Keys,
    operations::read_session::access_of,
    outcome::{JarChange, Refused, Resync},
    service::Service,
    visit::{Carried, Visit},
};

/// What a request acts with.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'r> {
    pub headers: &'r HeaderMap,
    /// The token from the header, or from a form's hidden field.
    pub token: Option<&'r str>,
}

impl<'r> Proof<'r> {
    /// A request to the API: the token travels in the configured header.
    pub fn of_header(service: &Service, headers: &'r HeaderMap) -> Self {
        let token = headers.get(&service.settings.csrf_header).and_then(|value| value.to_str().ok());
        Self { headers, token }
    }
}

/// Admits the request, or refuses it with what the client needs to mend it. A foreign page has nothing to
/// mend: its refusal must not put a cookie over one that its request was not allowed to carry.
pub async fn admit(
    service: &Service,
    call: Call,
    proof: Proof<'_>,
    visit: &Visit,
    carried: &Carried,
) -> Result<(), Refused> {
    let by_origin = service.settings.origin_mode.contains(&call);
    let by_bearer_alone = opened_by_bearer_alone(service, call, visit);
    let absence = if by_origin && !by_bearer_alone { Absence::Refused } else { Absence::Undecided };
    if !service.settings.origins.admits(origin_headers(proof.headers), absence) {
        return Err(Refusal::CsrfFailed.into());
    }
    // The call that settles who is logged in is asked exactly when page and jar disagree.
    if by_origin && call == Call::Session {
        return Ok(());
    }
    let keys = service.keys();
    let selection = carried.selection(service, &keys, service.now());
    let bearer = bearer(service, &keys, visit, &selection);
    let ignores_others = matches!(call, Call::Session | Call::Login | Call::Register | Call::Logout);
    let outcome = if bearer == Bearer::OfOtherSession && !ignores_others {
        Err(Refusal::IdentityChanged)
    } else if proof.token.is_none() && (by_origin || by_bearer_alone || bearer == Bearer::Good) {
        Ok(())
    } else {
        judge(service, &keys, call, proof, visit, carried, &selection).await
    };
    outcome.map_err(|refusal| with_resync(service, &keys, visit, &selection, refusal))
}

/// What a request for an upstream does, as far as its head tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acting {
    /// A safe method (RFC 9110 §9.2.1).
    Reads,
    Acts,
    /// It asks for another protocol. Browsers say where such a request comes from, and nothing else.
    Upgrades,
}

impl Acting {
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        if !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            Self::Acts
        } else if headers.contains_key(header::UPGRADE) {
            Self::Upgrades
        } else {
            Self::Reads
        }
    }
}

/// Admits a request for an upstream. Where nobody is logged in there is nothing that a foreign page could ride
/// on; a token of somebody who is not logged in any more fails closed all the same.
pub async fn admit_to_upstream(
    service: &Service,
    acting: Acting,
    proof: Proof<'_>,
    visit: &Visit,
    carried: &Carried,
) -> Result<(), Refused> {
    if acting == Acting::Reads && proof.token.is_none() {
        return Ok(());
    }
    let rides = acting == Acting::Upgrades && !visit.jar.session_cookie_names(&service.settings.cookies).is_empty();
    let absence = if rides { Absence::Refused } else { Absence::Undecided };
    if !service.settings.origins.admits(origin_headers(proof.headers), absence) {
        return Err(Refusal::CsrfFailed.into());
    }
    let keys = service.keys();
    let selection = carried.selection(service, &keys, service.now());
    let bearer = bearer(service, &keys, visit, &selection);
    // Where access tokens are bearers, the refresh token's cookie opens nothing at an upstream.
    let by_cookie = service.settings.transport == Transport::Cookie && selection.live > 0;
    let has_session = by_cookie || access_key(service, &keys, visit).is_some();
    let outcome = match proof.token {
        _ if bearer == Bearer::OfOtherSession => Err(Refusal::IdentityChanged),
        None if acting == Acting::Upgrades || bearer == Bearer::Good || !has_session => Ok(()),
        None => Err(Refusal::CsrfFailed),
        Some(text) => match owner(service, &keys, text, visit, carried, &selection).await? {
            Owner::ThisSession => Ok(()),
            Owner::OtherSession => Err(Refusal::IdentityChanged),
            Owner::Visitor if !has_session && csrf::repeats(text, visit.jar.csrf(&service.settings.cookies)) => Ok(()),
            Owner::Visitor | Owner::Nobody => Err(Refusal::CsrfFailed),
        },
    };
    outcome.map_err(|refusal| with_resync(service, &keys, visit, &selection, refusal))
}

/// The same without a question to the store, for the session of a good access token: its anti-CSRF token is right if
/// it fits one of the private names that the session may have. Nobody else can have made such a token.
pub fn admits_from_memory(
    service: &Service,
    acting: Acting,
    proof: Proof<'_>,
    visit: &Visit,
    session: &SessionKey,
    mut sids: impl Iterator<Item = Sid>,
) -> bool {
    if acting == Acting::Reads && proof.token.is_none() {
        return true;
    }
    let absence = if acting == Acting::Upgrades { Absence::Refused } else { Absence::Undecided };
    if !service.settings.origins.admits(origin_headers(proof.headers), absence) {
        return false;
    }
    let Some(text) = proof.token else { return acting == Acting::Upgrades || visit.bearer.is_some() };
    let (token, keys) = (CsrfToken::parse(text), service.keys());
    token.is_some_and(|token| sids.any(|sid| token.is_of(&keys.mac, session, sid)))
}

/// The refusal, with what mends it.
fn with_resync(service: &Service, keys: &Keys, visit: &Visit, selection: &Selection<'_>, refusal: Refusal) -> Refused {
    match refusal {
        Refusal::CsrfFailed | Refusal::IdentityChanged => {
            let jar = JarChange { resync: Some(resync(service, keys, visit, selection)), ..JarChange::default() };
            Refused { refusal, jar: Box::new(jar) }
        }
        refusal => refusal.into(),
    }
}

/// Whether no cookie opens this call, so that there is nothing that a foreign page could ride on.
fn opened_by_bearer_alone(service: &Service, call: Call, visit: &Visit) -> bool {
    service.settings.transport == Transport::Bearer
        && match call {
            Call::Sessions | Call::Reauthenticate | Call::PasswordChange | Call::LogoutAll => true,
            Call::MfaSetup => visit.jar.step(&service.settings.cookies, StepName::MfaSetup).next().is_none(),
            // The refresh cookie, the cookie of a step, or nothing at all opens these.
            Call::Session | Call::Token | Call::Logout => false,
            Call::VerifyOtp | Call::ResendOtp | Call::MfaSetupConfirm | Call::MfaVerify => false,
            Call::Login | Call::Register => false,
        }
}

/// What came as a bearer.
#[derive(Debug, PartialEq, Eq)]
enum Bearer {
    /// Nothing, or nothing that is worth anything now.
    Worthless,
    /// An access token that counts.
    Good,
    /// An access token of another session than the live one of the jar, expired or not.
    OfOtherSession,
}

fn bearer(service: &Service, keys: &Keys, visit: &Visit, selection: &Selection<'_>) -> Bearer {
    let claims = visit.bearer.as_ref().and_then(|token| service.access.genuine(keys, token.expose()));
    let Some(claims) = claims else { return Bearer::Worthless };
    let live = selection.chosen.session().filter(|_| selection.live > 0);
    match live {
        Some(session) if session.session_key != claims.sid => Bearer::OfOtherSession,
        _ if claims.holds(&service.settings.issuer, service.now()) => Bearer::Good,
        _ => Bearer::Worthless,
    }
}

async fn judge(
    service: &Service,
    keys: &Keys,
    call: Call,
    proof: Proof<'_>,
    visit: &Visit,
    carried: &Carried,
    selection: &Selection<'_>,
) -> Result<(), Refusal> {
    let Some(text) = proof.token else { return Err(Refusal::CsrfFailed) };
    let owner = owner(service, keys, text, visit, carried, selection).await?;
    let repeated = csrf::repeats(text, visit.jar.csrf(&service.settings.cookies));
    let anybody = matches!(call, Call::Login | Call::Register);
    let goes_on =
        matches!(call, Call::VerifyOtp | Call::ResendOtp | Call::MfaSetup | Call::MfaSetupConfirm | Call::MfaVerify);
    let leaves = matches!(call, Call::Logout | Call::LogoutAll) && service.settings.origin_mode.contains(&call);
    // A dead session's token stays in the jar until an answer clears it; it protects nothing any more.
    let has_session = selection.live > 0 || access_key(service, keys, visit).is_some();
    match owner {
        Owner::ThisSession => Ok(()),
        // The origin has proven whose page it is, and a broken cookie must not keep anybody logged in.
        Owner::Nobody | Owner::Visitor if leaves => Ok(()),
        Owner::OtherSession if leaves && (repeated || !has_session) => Ok(()),
        Owner::Nobody => Err(Refusal::CsrfFailed),
        // Whoever logs in anew may come from any page of ours; the cookie shows that it is this browser's.
        _ if anybody && repeated => Ok(()),
        Owner::OtherSession if has_session => Err(Refusal::IdentityChanged),
        // A login that was begun beside a live session goes on with the visitor's token that it was given.
        Owner::Visitor if goes_on && repeated => Ok(()),
        Owner::Visitor if has_session => Err(Refusal::CsrfFailed),
        Owner::OtherSession | Owner::Visitor if repeated => Ok(()),
        Owner::OtherSession | Owner::Visitor => Err(Refusal::CsrfFailed),
    }
}

/// Whose token it is.
enum Owner {
    /// The session that answers for the jar.
    ThisSession,
    OtherSession,
    /// A visitor without a session.
    Visitor,
    /// Nobody's: not ours, or changed.
    Nobody,
}

async fn owner(
    service: &Service,
    keys: &Keys,
    text: &str,
    visit: &Visit,
    carried: &Carried,
    selection: &Selection<'_>,
) -> Result<Owner, Refusal> {
    let Some(token) = CsrfToken::parse(text) else { return Ok(Owner::Nobody) };
    let CsrfToken::Session { key, .. } = &token else {
        return Ok(if token.is_anonymous(&keys.mac) { Owner::Visitor } else { Owner::Nobody });
    };
    let answering = selection.chosen.sid();
    if answering.is_some_and(|sid| token.is_of(&keys.mac, key, sid)) {
        return Ok(Owner::ThisSession);
    }
    if carried.named_sids().any(|sid| token.is_of(&keys.mac, key, sid)) {
        return Ok(Owner::OtherSession);
    }
    let session = service.ask(service.store.patience(), service.store.load_session_by_key(key)).await?;
    if !session.is_some_and(|session| token.is_of(&keys.mac, key, session.sid)) {
        return Ok(Owner::Nobody);
    }
    let by_access_alone = answering.is_none() && access_key(service, keys, visit).as_ref() == Some(key);
    Ok(if by_access_alone { Owner::ThisSession } else { Owner::OtherSession })
}

fn access_key(service: &Service, keys: &Keys, visit: &Visit) -> Option<SessionKey> {
    access_of(service, keys, visit, service.now(), |_| true).map(|claims| claims.sid.clone())
}

/// The token and hint that fit the jar as it is, for a page that has others.
fn resync(service: &Service, keys: &Keys, visit: &Visit, selection: &Selection<'_>) -> Resync {
    match selection.chosen.session().filter(|_| selection.live > 0) {
        Some(session) => Resync {
            csrf_token: csrf::of_session(&keys.mac, &session.session_key, session.sid),
            lives: session.ends_at.since(service.now()),
            access: access_of(service, keys, visit, service.now(), |claims| claims.sid == session.session_key),
        },
        None => Resync::visitor(csrf::anonymous(&keys.mac, entropy::bytes(&*service.entropy))),
    }
}

/// The headers that tell where a request comes from.
pub fn origin_headers(headers: &HeaderMap) -> OriginHeaders<'_> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    OriginHeaders { sec_fetch_site: text("sec-fetch-site"), origin: text(header::ORIGIN.as_str()) }
}
