//! The signed-in page: who is logged in here, on which devices, and how to leave.

use axum::{http::StatusCode, response::Response};
use perennial_pages::{Account, Device};
use perennial_protocol::{
    call::Call,
    login::MfaPolicy,
    refusal::Refusal,
    session::{Session, status::Verdict},
};

use super::{
    page::{PageRequest, is_logged_in},
    words,
};
use crate::{
    limits,
    operations::{
        end_session::end_from,
        list_sessions::{Place, devices},
        log_out::{Scope, log_out as leave},
    },
    outcome::{Outcome, Refused, Standing},
};

pub(super) async fn show(request: PageRequest) -> Response {
    let standing = match request.standing().await {
        Ok(standing) if is_logged_in(&standing) => standing,
        Ok(standing) if matches!(standing.verdict, Verdict::Pending(_)) => return request.after(standing),
        Ok(standing) => return request.redirect(&request.settings().login, &standing.jar),
        Err(refused) => return request.refuse(refused),
    };
    render(&request, standing).await.unwrap_or_else(|refused| request.refuse(refused))
}

async fn render(request: &PageRequest, mut standing: Standing) -> Outcome<Response> {
    let service = &request.service;
    let session = session_of(request, &standing).await?;
    let account = service.ask(limits::STORE_WAIT, service.store.load_account(&session.subject)).await?;
    // A refresh token alone shows who is logged in, and opens nothing else.
    let opened = standing.verdict == Verdict::Authenticated;
    let devices = if opened { devices(service, &session).await? } else { Vec::new() };
    let now = service.now();

    let has_second_factor = account.as_ref().is_some_and(|account| account.second_factor.is_some());
    let (name, email) = match account {
        Some(account) => (account.name, account.email.into()),
        None => (String::new(), session.subject.to_string()),
    };
    let (here, elsewhere): (Vec<_>, Vec<_>) = devices.into_iter().partition(|device| device.place == Place::Here);
    let lines = here.into_iter().chain(elsewhere).map(|device| Device {
        session_key: device.session_key.to_string(),
        description: words::device(&device.device),
        created: words::ago(now.since(device.created_at)),
        last_seen: words::ago(now.since(device.active_at)),
        current: device.place == Place::Here,
    });
    let view = Account {
        csrf_token: request.csrf_token(&mut standing),
        name,
        email,
        aal: session.authentication.level.number(),
        has_second_factor,
        may_change_password: opened && is_account(&session),
        may_set_up_mfa: opened && may_set_up(request, &session, has_second_factor),
        session_ends: format!("in {}", words::about(session.ends_at.since(now))),
        notice: notice(request),
        problem: None,
        devices: lines.collect(),
    };
    Ok(request.page(StatusCode::OK, view.render(), &standing.jar))
}

async fn session_of(request: &PageRequest, standing: &Standing) -> Outcome<Session> {
    let facts = standing.session.as_ref().filter(|_| is_logged_in(standing));
    let key = facts.map(|facts| facts.key.clone()).ok_or(Refusal::NotAuthenticated)?;
    let service = &request.service;
    let session = service.ask(limits::STORE_WAIT, service.store.load_session_by_key(&key)).await?;
    session.ok_or_else(|| Refusal::NotAuthenticated.into())
}

fn notice(request: &PageRequest) -> Option<String> {
    let said = [
        ("ended", "That device has been signed out."),
        ("password", "Your password was changed. Every other device has been signed out."),
    ];
    said.into_iter().find(|(name, _)| request.asks_for(name)).map(|(_, sentence)| sentence.to_owned())
}

fn may_set_up(request: &PageRequest, session: &Session, has_second_factor: bool) -> bool {
    request.service.settings.mfa != MfaPolicy::Off && !has_second_factor && is_account(session)
}

/// Whether a password stands behind the session.
fn is_account(session: &Session) -> bool {
    session.authentication.methods.iter().any(|method| method == "pwd")
}

pub(super) async fn end_session(request: PageRequest) -> Response {
    let run = async {
        request.admitted(Call::Sessions).await?;
        // The page may have been open for longer than an access token lives.
        let standing = request.standing().await?;
        if standing.verdict != Verdict::Authenticated {
            return Err(Refusal::NotAuthenticated.into());
        }
        let here = session_of(&request, &standing).await?;
        let change = end_from(&request.service, &here, request.field("session_key")).await?;
        Ok::<_, Refused>(if change.ended.is_some() { change } else { standing.jar })
    };
    match run.await {
        Ok(change) => request.redirect("/account?ended", &change),
        // It is over already: the list shows so.
        Err(refused) if refused.refusal == Refusal::NotFound => request.redirect("/account", &refused.jar),
        Err(refused) => request.refuse(refused),
    }
}

pub(super) async fn log_out(request: PageRequest) -> Response {
    run_log_out(&request, Call::Logout, Scope::ThisJar).await
}

pub(super) async fn log_out_everywhere(request: PageRequest) -> Response {
    run_log_out(&request, Call::LogoutAll, Scope::EveryDevice).await
}

async fn run_log_out(request: &PageRequest, call: Call, scope: Scope) -> Response {
    let run = async {
        let carried = request.admitted(call).await?;
        leave(&request.service, &request.visit, &carried, scope).await
    };
    match run.await {
        Ok(change) => request.redirect(&request.settings().login, &change),
        Err(refused) => request.refuse(refused),
    }
}
