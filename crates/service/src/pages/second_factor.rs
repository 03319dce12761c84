//! The pages of the second factor: setting it up, its first code, and its code at a login.

use axum::{http::StatusCode, response::Response};
use perennial_pages::{RecoveryCodes, SetUpMfa, VerifyMfa, qr_svg};
use perennial_protocol::{call::Call, login::StepName, refusal::Refusal};

use super::{
    enter::token_after,
    page::{PageRequest, is_logged_in, is_shown_on_the_form, sentence},
    words,
};
use crate::{
    operations::{
        confirm_mfa::{Confirmed, confirm_mfa},
        pending,
        set_up_mfa::{SetUp, set_up_mfa},
        verify_mfa::verify_mfa,
    },
    outcome::{JarChange, Outcome, Refused, Standing},
};

/// Begins a set-up inside a session.
pub(super) async fn begin(request: PageRequest) -> Response {
    let run = async {
        let carried = request.admitted(Call::MfaSetup).await?;
        set_up_mfa(&request.service, &request.visit, &carried).await
    };
    match run.await {
        Ok(SetUp { token, .. }) => {
            let pending = token.map(|token| (StepName::MfaSetup, token));
            request.redirect("/mfa/setup", &JarChange { pending, ..JarChange::default() })
        }
        Err(refused) => request.refuse(refused),
    }
}

/// Shows the set-up that has begun; looking at this page begins none.
pub(super) async fn show_set_up(request: PageRequest) -> Response {
    let shown = async {
        pending::carried(&request.service, &request.visit, StepName::MfaSetup).await?;
        let mut standing = request.standing().await?;
        let set_up = set_up_mfa(&request.service, &request.visit, &request.carried().await?).await?;
        let csrf_token = request.csrf_token(&mut standing);
        let html = set_up_view(&request, &set_up, csrf_token, None)?.render();
        Ok(request.page(StatusCode::OK, html, &standing.jar))
    };
    match shown.await {
        Ok(page) => page,
        Err(Refused { refusal: Refusal::NotAuthenticated, jar }) => request.redirect("/account", &jar),
        Err(refused) => request.refuse(refused),
    }
}

pub(super) async fn confirm(request: PageRequest) -> Response {
    match run_confirm(&request).await {
        Ok(confirmed) => {
            let view = RecoveryCodes {
                codes: confirmed.recovery_codes.iter().map(|code| code.expose()).collect(),
                continue_to: request.return_to().unwrap_or_else(|| request.settings().after_login.clone()),
            };
            request.page(StatusCode::OK, view.render(), &confirmed.standing.jar)
        }
        Err(refused) if is_shown_on_the_form(&refused.refusal) => set_up_again(&request, refused).await,
        Err(refused) => request.refuse(refused),
    }
}

async fn run_confirm(request: &PageRequest) -> Outcome<Confirmed> {
    let carried = request.admitted(Call::MfaSetupConfirm).await?;
    confirm_mfa(&request.service, &request.visit, &carried, request.field("code")).await
}

async fn set_up_again(request: &PageRequest, refused: Refused) -> Response {
    let refusal = refused.refusal.clone();
    let shown = async {
        let carried = request.carried().await?;
        let set_up = set_up_mfa(&request.service, &request.visit, &carried).await?;
        let (csrf_token, change) = token_after(request, refused);
        let html = set_up_view(request, &set_up, csrf_token, Some(of_step(&refusal)))?.render();
        Ok::<_, Refused>(request.page_of(&refusal, html, &change))
    };
    shown.await.unwrap_or_else(|refused| request.refuse(refused))
}

/// A step that looks at no more codes is begun anew; waiting at its page does not help.
fn of_step(refusal: &Refusal) -> String {
    match refusal {
        Refusal::TooManyAttempts { retry_after } => {
            format!("Too many attempts. Please sign in again in {}.", words::wait(*retry_after))
        }
        refusal => sentence(refusal),
    }
}

fn set_up_view(
    request: &PageRequest,
    set_up: &SetUp,
    csrf_token: String,
    problem: Option<String>,
) -> Result<SetUpMfa, Refusal> {
    let groups: Vec<String> =
        set_up.secret.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into_owned()).collect();
    Ok(SetUpMfa {
        csrf_token,
        return_to: request.return_to(),
        qr_svg: qr_svg(&set_up.otpauth_uri).map_err(|_| Refusal::InternalError)?,
        secret_groups: groups.join(" "),
        otpauth_uri: set_up.otpauth_uri.to_string(),
        problem,
    })
}

pub(super) async fn show_verify(request: PageRequest) -> Response {
    let waits = pending::carried(&request.service, &request.visit, StepName::MfaVerify).await.is_ok();
    match request.standing().await {
        // Who is logged in and logs in again still owes the code.
        Ok(mut standing) if waits => {
            let csrf_token = request.csrf_token(&mut standing);
            let view = VerifyMfa { csrf_token, return_to: request.return_to(), problem: None };
            request.page(StatusCode::OK, view.render(), &standing.jar)
        }
        Ok(standing) if is_logged_in(&standing) => request.after(standing),
        Ok(standing) => request.redirect(&request.towards(&request.settings().login), &standing.jar),
        Err(refused) => request.refuse(refused),
    }
}

pub(super) async fn verify(request: PageRequest) -> Response {
    match run_verify(&request).await {
        Ok(standing) => request.after(standing),
        Err(refused) => {
            let waits = pending::carried(&request.service, &request.visit, StepName::MfaVerify).await.is_ok();
            if !waits || !is_shown_on_the_form(&refused.refusal) {
                return request.refuse(refused);
            }
            let refusal = refused.refusal.clone();
            let (csrf_token, change) = token_after(&request, refused);
            let problem = Some(of_step(&refusal));
            let view = VerifyMfa { csrf_token, return_to: request.return_to(), problem };
            request.page_of(&refusal, view.render(), &change)
        }
    }
}

async fn run_verify(request: &PageRequest) -> Outcome<Standing> {
    let carried = request.admitted(Call::MfaVerify).await?;
    verify_mfa(&request.service, &request.visit, &carried, request.field("code")).await
}
