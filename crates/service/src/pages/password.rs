//! The page for a new password.

use axum::{http::StatusCode, response::Response};
use perennial_pages::ChangePassword;
use perennial_protocol::{call::Call, refusal::Refusal, session::status::Verdict};

use super::{
    enter::token_after,
    page::{PageRequest, is_shown_on_the_form, sentence},
    words,
};
use crate::{
    operations::change_password::{NewPassword, change_password},
    outcome::{Outcome, Refused, Standing},
};

pub(super) async fn show(request: PageRequest) -> Response {
    match request.standing().await {
        Ok(mut standing) if standing.verdict == Verdict::Authenticated => {
            let csrf_token = request.csrf_token(&mut standing);
            let email = standing.person.as_ref().and_then(|person| person.email.clone()).unwrap_or_default();
            request.page(StatusCode::OK, view(email, csrf_token, None).render(), &standing.jar)
        }
        Ok(standing) => request.redirect(&request.settings().login, &standing.jar),
        Err(refused) => request.refuse(refused),
    }
}

pub(super) async fn change(request: PageRequest) -> Response {
    match run(&request).await {
        Ok(standing) => request.redirect("/account?password", &standing.jar),
        Err(refused) if is_shown_on_the_form(&refused.refusal) => again(&request, refused),
        Err(refused) => request.refuse(refused),
    }
}

async fn run(request: &PageRequest) -> Outcome<Standing> {
    let carried = request.admitted(Call::PasswordChange).await?;
    let typed = NewPassword {
        current: request.field("current_password").to_owned(),
        new: request.field("new_password").to_owned(),
    };
    change_password(&request.service, &request.visit, &carried, &typed).await
}

fn again(request: &PageRequest, refused: Refused) -> Response {
    let refusal = refused.refusal.clone();
    let said = match &refusal {
        Refusal::InvalidCredentials => "The current password is not right.".to_owned(),
        refusal => sentence(refusal),
    };
    let (csrf_token, change) = token_after(request, refused);
    let html = view(request.field("email").to_owned(), csrf_token, Some(said)).render();
    request.page_of(&refusal, html, &change)
}

fn view(email: String, csrf_token: String, problem: Option<String>) -> ChangePassword {
    ChangePassword { csrf_token, email, problem, password_hint: words::password_hint() }
}
