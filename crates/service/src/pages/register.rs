//! The registration page, and the page that asks for the mailed code.

use axum::{http::StatusCode, response::Response};
use perennial_pages::{Register, VerifyEmail};
use perennial_protocol::{
    call::Call,
    login::{PendingStep, StepName},
    refusal::Refusal,
};

use super::{
    enter::token_after,
    page::{PageRequest, is_logged_in, is_shown_on_the_form, sentence},
    words,
};
use crate::{
    operations::{
        pending,
        register::{NewAccount, register as register_person},
        resend_code::resend_code,
        verify_email::verify_email,
    },
    outcome::{Outcome, Refused, Standing},
    settings::Registration,
};

pub(super) async fn show(request: PageRequest) -> Response {
    if request.service.settings.registration == Registration::Closed {
        return request.redirect(&request.settings().login, &Default::default());
    }
    match request.standing().await {
        Ok(standing) if is_logged_in(&standing) => request.after(standing),
        Ok(mut standing) => {
            let csrf_token = request.csrf_token(&mut standing);
            request.page(StatusCode::OK, view(&request, csrf_token, None).render(), &standing.jar)
        }
        Err(refused) => request.refuse(refused),
    }
}

pub(super) async fn register(request: PageRequest) -> Response {
    match run_register(&request).await {
        Ok(standing) => request.after(standing),
        Err(refused) if is_shown_on_the_form(&refused.refusal) => {
            let refusal = refused.refusal.clone();
            let (csrf_token, change) = token_after(&request, refused);
            request.page_of(&refusal, view(&request, csrf_token, Some(sentence(&refusal))).render(), &change)
        }
        Err(refused) => request.refuse(refused),
    }
}

async fn run_register(request: &PageRequest) -> Outcome<Standing> {
    let carried = request.admitted(Call::Register).await?;
    let field = |name| request.field(name).to_owned();
    let typed = NewAccount { email: field("email"), name: field("name"), password: field("password") };
    register_person(&request.service, &request.visit, &carried, &typed).await
}

fn view(request: &PageRequest, csrf_token: String, problem: Option<String>) -> Register {
    Register {
        csrf_token,
        return_to: request.return_to(),
        name: request.field("name").to_owned(),
        email: request.field("email").to_owned(),
        problem,
        password_hint: words::password_hint(),
    }
}

pub(super) async fn show_code(request: PageRequest) -> Response {
    let Some(email_hint) = email_hint(&request).await else {
        return request.redirect(&request.towards("/register"), &Default::default());
    };
    match request.standing().await {
        Ok(mut standing) => {
            let csrf_token = request.csrf_token(&mut standing);
            let resent = request.asks_for("resent");
            let html = code_view(&request, csrf_token, email_hint, None, resent).render();
            request.page(StatusCode::OK, html, &standing.jar)
        }
        Err(refused) => request.refuse(refused),
    }
}

pub(super) async fn verify(request: PageRequest) -> Response {
    match run_verify(&request).await {
        Ok(standing) => request.after(standing),
        Err(refused) if matches!(refused.refusal, Refusal::TooManyAttempts { .. }) => {
            code_again(&request, refused, "Too many attempts. Please ask for a new code.".to_owned()).await
        }
        Err(refused) => {
            let said = sentence(&refused.refusal);
            code_again(&request, refused, said).await
        }
    }
}

async fn run_verify(request: &PageRequest) -> Outcome<Standing> {
    let carried = request.admitted(Call::VerifyOtp).await?;
    verify_email(&request.service, &request.visit, &carried, request.field("code")).await
}

pub(super) async fn resend(request: PageRequest) -> Response {
    let run = async {
        request.admitted(Call::ResendOtp).await?;
        resend_code(&request.service, &request.visit).await
    };
    match run.await {
        Ok(standing) => request.redirect(&request.towards("/verify-email?resent"), &standing.jar),
        Err(refused) => {
            let said = sentence(&refused.refusal);
            code_again(&request, refused, said).await
        }
    }
}

async fn code_again(request: &PageRequest, refused: Refused, said: String) -> Response {
    let hint = email_hint(request).await;
    match hint.filter(|_| is_shown_on_the_form(&refused.refusal)) {
        Some(email_hint) => {
            let refusal = refused.refusal.clone();
            let (csrf_token, change) = token_after(request, refused);
            let html = code_view(request, csrf_token, email_hint, Some(said), false).render();
            request.page_of(&refusal, html, &change)
        }
        None => request.refuse(refused),
    }
}

fn code_view(
    request: &PageRequest,
    csrf_token: String,
    email_hint: String,
    problem: Option<String>,
    resent: bool,
) -> VerifyEmail {
    let mailbox_url = request.settings().mailbox.clone();
    VerifyEmail { csrf_token, return_to: request.return_to(), email_hint, problem, resent, mailbox_url }
}

/// The address that waits for its code, with most of it hidden.
async fn email_hint(request: &PageRequest) -> Option<String> {
    let step = pending::carried(&request.service, &request.visit, StepName::VerifyEmail).await.ok()?;
    match step.pending.step {
        PendingStep::VerifyEmail { email, .. } => Some(email.masked()),
        PendingStep::MfaSetup { .. } | PendingStep::MfaVerify { .. } => None,
    }
}
