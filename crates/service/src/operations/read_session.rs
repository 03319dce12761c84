//! Who is this: reads where a jar stands, and changes nothing but a confirmation.

use std::sync::Arc;

use perennial_protocol::{
    cookie::{Chosen, Jar, Selection, jar::CarriedRefresh},
    login::{PendingToken, StepName},
    refresh::{Asked, Decision, Delivery, Request, Rotation, confirms, decide},
    refusal::Refusal,
    session::{EndReason, Session, status::Verdict},
    time::UnixMillis,
    token::{AccessClaims, Transport},
};
use perennial_store::{Applied, Change, Write};

use super::person::person;
use crate::{
    keys::Keys,
    outcome::{JarChange, Outcome, Person, RefreshState, SessionFacts, Standing},
    service::Service,
    visit::{Carried, Visit, mark_of, others},
};

/// Where the jar stands.
pub async fn read_session(service: &Service, visit: &Visit, carried: &Carried) -> Outcome<Standing> {
    let (keys, now) = (service.keys(), service.now());
    let selection = carried.selection(service, &keys, now);
    match selection.chosen {
        Chosen::Genuine { session, .. } if selection.live > 0 => {
            live(service, visit, &keys, &selection, session, now).await
        }
        Chosen::Genuine { session, .. } => {
            let reason = session.over(&service.settings.lifetimes.refresh, now).unwrap_or(EndReason::Unknown);
            let mut standing = without_session(service, visit, Some(reason)).await?;
            standing.jar.closed = selection.genuine.iter().map(|session| session.session_key.clone()).collect();
            Ok(standing)
        }
        Chosen::Unknown(_) => without_session(service, visit, Some(EndReason::Unknown)).await,
        Chosen::Forged(_) => without_session(service, visit, None).await,
        Chosen::Nothing => by_access_alone(service, visit, &keys, now).await,
    }
}

async fn live(
    service: &Service,
    visit: &Visit,
    keys: &Keys,
    selection: &Selection<'_>,
    session: &Session,
    now: UnixMillis,
) -> Outcome<Standing> {
    let access = access_of(service, keys, visit, now, |claims| claims.sid == session.session_key);
    let refresh = refresh_state(service, visit, keys, selection, now);
    confirm(service, visit, selection, now).await;
    let verdict = match (&access, refresh) {
        (Some(_), _) => Verdict::Authenticated,
        (None, RefreshState::Good) => Verdict::Renewable,
        (None, RefreshState::None) => Verdict::Anonymous,
    };
    let steps = good_steps(service, keys, &visit.jar, now).await?;
    let verdict =
        if let (Verdict::Anonymous, Some(step)) = (verdict, steps.first()) { Verdict::Pending(*step) } else { verdict };
    Ok(Standing {
        verdict,
        person: Some(person(service, session).await?),
        access,
        refresh,
        steps,
        jar: JarChange { closed: others(service, selection, session), ..JarChange::default() },
        session: Some(SessionFacts::from(session)),
    })
}

/// A jar without a refresh token: an access token stands alone, if its session is not over.
async fn by_access_alone(service: &Service, visit: &Visit, keys: &Keys, now: UnixMillis) -> Outcome<Standing> {
    let Some(claims) = access_of(service, keys, visit, now, |_| true) else {
        return without_session(service, visit, None).await;
    };
    let question = service.store.load_session_by_key(&claims.sid);
    let session = service.ask(service.store.patience(), question).await?;
    let Some(mut session) = session else { return without_session(service, visit, Some(EndReason::Unknown)).await };
    service.ends.mark([&mut session]);
    if let Some(reason) = session.over(&service.settings.lifetimes.refresh, now) {
        let mut standing = without_session(service, visit, Some(reason)).await?;
        standing.jar.closed = vec![session.session_key];
        return Ok(standing);
    }
    service.known.note(&session);
    Ok(Standing {
        verdict: Verdict::Authenticated,
        person: Some(person(service, &session).await?),
        access: Some(claims),
        refresh: RefreshState::None,
        steps: Vec::new(),
        jar: JarChange::default(),
        session: Some(SessionFacts::from(&session)),
    })
}

/// What an access token alone tells while the store cannot be asked: a good one passes, unless this node heard
/// that its session was ended, and where the jar speaks for one login only. Which of several is the newest, only
/// the store knows.
pub fn read_without_store(service: &Service, visit: &Visit) -> Option<Standing> {
    let (keys, names, now) = (service.keys(), &service.settings.cookies, service.now());
    let lives = |claims: &AccessClaims| service.ends.of(&claims.sid).is_none();
    let claims =
        access_of(service, &keys, visit, now, lives).or_else(|| access_of(service, &keys, visit, now, |_| true))?;
    let another = access_of(service, &keys, visit, now, |other| lives(other) && other.sid != claims.sid);
    let is_its_own = |carried: &CarriedRefresh| carried.name == names.refresh_of(&claims.sid);
    if another.is_some() || !visit.jar.refresh(names).iter().all(is_its_own) {
        return None;
    }
    if let Some(ended) = service.ends.of(&claims.sid) {
        let jar = JarChange { closed: vec![claims.sid.clone()], ended: Some(ended.reason), ..JarChange::default() };
        return Some(Standing { verdict: Verdict::Ended(ended.reason), ..Standing::of_nobody(jar) });
    }
    Some(Standing {
        verdict: Verdict::Authenticated,
        session: Some(SessionFacts::from(&*claims)),
        person: Some(Person { id: claims.sub.as_str().to_owned(), ..Person::default() }),
        access: Some(claims),
        refresh: RefreshState::None,
        steps: Vec::new(),
        jar: JarChange::default(),
    })
}

/// A jar without a live session: a pending step, an ended session, or nobody.
pub async fn without_session(service: &Service, visit: &Visit, ended: Option<EndReason>) -> Outcome<Standing> {
    let steps = good_steps(service, &service.keys(), &visit.jar, service.now()).await?;
    let verdict = match (steps.first(), ended) {
        (Some(step), _) => Verdict::Pending(*step),
        (None, Some(reason)) => Verdict::Ended(reason),
        (None, None) => Verdict::Anonymous,
    };
    let jar = JarChange { ended, ..JarChange::default() };
    Ok(Standing { verdict, steps, ..Standing::of_nobody(jar) })
}

/// The claims of a good access token, from where it travels and from nowhere else.
pub fn access_of(
    service: &Service,
    keys: &Keys,
    visit: &Visit,
    now: UnixMillis,
    wanted: impl Fn(&AccessClaims) -> bool,
) -> Option<Arc<AccessClaims>> {
    let good = |token: &str| service.access.verify(keys, token, now).filter(|claims| wanted(claims));
    match service.settings.transport {
        Transport::Cookie => visit.jar.access(&service.settings.cookies).find_map(|(_, token)| good(token)),
        Transport::Bearer => good(visit.bearer.as_ref()?.expose()),
    }
}

/// The pending steps whose tokens are in the jar and still good, the nearest to a session first.
async fn good_steps(service: &Service, keys: &Keys, jar: &Jar, now: UnixMillis) -> Result<Vec<StepName>, Refusal> {
    let mut good = Vec::new();
    for step in StepName::ALL {
        let tokens: Vec<[u8; 32]> = jar
            .step(&service.settings.cookies, step)
            .filter_map(PendingToken::parse)
            .flat_map(|token| token.hashes(&keys.mac))
            .collect();
        if tokens.is_empty() {
            continue;
        }
        let pending = service.ask(service.store.patience(), service.store.load_pending(&tokens)).await?;
        if pending.is_some_and(|pending| pending.step.name() == step && pending.ends_at > now) {
            good.push(step);
        }
    }
    Ok(good)
}

/// What the decision would do with the jar's token, without doing it.
fn refresh_state(
    service: &Service,
    visit: &Visit,
    keys: &Keys,
    selection: &Selection<'_>,
    now: UnixMillis,
) -> RefreshState {
    let Some(presented) = selection.chosen.presented() else { return RefreshState::None };
    let mark = mark_of(service, keys, &visit.jar, selection.chosen);
    let request = Request { mark, asked: Asked::InPassing, delivery: Delivery::Cookies };
    match decide(presented, request, &service.settings.lifetimes.refresh, now) {
        Decision::AccessOnly | Decision::Rotate(_) | Decision::Repeat(_) | Decision::GoForward(_) => RefreshState::Good,
        Decision::Invalid | Decision::Over(_) | Decision::Stale(_) | Decision::Theft => RefreshState::None,
    }
}

/// Row k: the current token came back after the cooldown. The write may be lost, so nothing waits for its
/// outcome to answer.
async fn confirm(service: &Service, visit: &Visit, selection: &Selection<'_>, now: UnixMillis) {
    let Chosen::Genuine { session, token } = selection.chosen else { return };
    let proven = confirms(session, token.generation, &service.settings.lifetimes.refresh, now);
    if proven && visit.delivery == Delivery::Cookies {
        let write = Write::Confirm { sid: session.sid, generation: token.generation };
        let written = service.ask(service.store.patience(), service.store.apply(Change(vec![write]))).await;
        if written == Ok(Applied::Done) {
            let rotation = Rotation { confirmed: true, ..session.rotation };
            service.known.note(&Session { rotation, ..session.clone() });
        }
    }
}
