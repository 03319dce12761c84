//! The login page.

use axum::{http::StatusCode, response::Response};
use perennial_pages::{Login, Notice};
use perennial_protocol::{call::Call, refusal::Refusal, session::status::Verdict};

use super::page::{PageRequest, is_logged_in, is_shown_on_the_form, sentence};
use crate::{
    operations::log_in::{Credentials, log_in as log_in_person},
    outcome::{JarChange, Outcome, Refused, Standing},
    settings::Registration,
};

pub(super) async fn show(request: PageRequest) -> Response {
    let mut standing = match request.standing().await {
        Ok(standing) => standing,
        // A session that is over leads to this very page.
        Err(refused) if matches!(refused.refusal, Refusal::SessionEnded(_) | Refusal::InvalidToken) => {
            return form(&request, None, refused);
        }
        Err(refused) => return request.refuse(refused),
    };
    if is_logged_in(&standing) && !request.asks_for("again") {
        return request.after(standing);
    }
    let csrf_token = request.csrf_token(&mut standing);
    let ended = match standing.verdict {
        Verdict::Ended(reason) => Some(reason.name().to_owned()),
        Verdict::Authenticated | Verdict::Renewable => Some(Notice::SignInAgain.key().to_owned()),
        _other => ended_before(&request),
    };
    let html = view(&request, csrf_token, ended, None).render();
    request.page(StatusCode::OK, html, &standing.jar)
}

pub(super) async fn log_in(request: PageRequest) -> Response {
    match run(&request).await {
        Ok(standing) => request.after(standing),
        Err(refused) if is_shown_on_the_form(&refused.refusal) => {
            let problem = Some(sentence(&refused.refusal));
            form(&request, problem, refused)
        }
        Err(refused) => request.refuse(refused),
    }
}

async fn run(request: &PageRequest) -> Outcome<Standing> {
    let carried = request.admitted(Call::Login).await?;
    let typed =
        Credentials { email: request.field("email").to_owned(), password: request.field("password").to_owned() };
    log_in_person(&request.service, &request.visit, &carried, &typed).await
}

/// The form again, after a refusal.
fn form(request: &PageRequest, problem: Option<String>, refused: Refused) -> Response {
    let ended = match refused.refusal {
        Refusal::SessionEnded(reason) => Some(reason.name().to_owned()),
        _ => None,
    };
    let refusal = refused.refusal.clone();
    let (csrf_token, change) = token_after(request, refused);
    let said = problem.is_some();
    let html = view(request, csrf_token, ended, problem).render();
    if said { request.page_of(&refusal, html, &change) } else { request.page(StatusCode::OK, html, &change) }
}

/// The token that a form carries after a refusal: the fresh one it brought, or the one that was sent.
pub(super) fn token_after(request: &PageRequest, refused: Refused) -> (String, JarChange) {
    let mut standing = Standing::of_nobody(*refused.jar);
    let token = match &standing.jar.resync {
        Some(resync) => resync.csrf_token.clone(),
        None => match request.field("csrf_token") {
            "" => request.csrf_token(&mut standing),
            sent => sent.to_owned(),
        },
    };
    (token, standing.jar)
}

/// The reason in the hint cookie of a session that ended in the last minutes.
fn ended_before(request: &PageRequest) -> Option<String> {
    let hint = request.visit.jar.value(&request.service.settings.cookies.hint)?;
    hint.strip_prefix("ended.").map(str::to_owned)
}

fn view(request: &PageRequest, csrf_token: String, ended: Option<String>, problem: Option<String>) -> Login {
    Login {
        csrf_token,
        return_to: request.return_to(),
        email: request.field("email").to_owned(),
        notice: ended.as_deref().and_then(Notice::from_key),
        problem,
        may_register: request.service.settings.registration != Registration::Closed,
    }
}
