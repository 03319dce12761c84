//! `POST {base}/mfa/setup`, `{base}/mfa/setup/confirm` and `{base}/mfa/verify`.

use axum::response::Response;
use perennial_protocol::{call::Call, login::StepName, refusal::Refusal};
use serde::Serialize;
use serde_json::{Map, json};
use utoipa::ToSchema;

use super::register::Code;
use crate::{
    http::{answer::Reply, request::ApiRequest},
    operations::{confirm_mfa::confirm_mfa, set_up_mfa::set_up_mfa, verify_mfa::verify_mfa},
    outcome::{JarChange, Outcome},
};

/// What an authenticator app needs, in three forms.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct MfaSetupAnswer<'s> {
    secret: &'s str,
    otpauth_uri: &'s str,
    qr_svg: String,
}

pub async fn set_up(request: ApiRequest) -> Response {
    let outcome = run_set_up(&request).await;
    request.respond(Call::MfaSetup, outcome)
}

async fn run_set_up(request: &ApiRequest) -> Outcome<Reply> {
    let carried = request.admitted_without_parameters(Call::MfaSetup).await?;
    let set_up = set_up_mfa(&request.service, &request.visit, &carried).await?;
    let qr_svg = perennial_pages::qr_svg(&set_up.otpauth_uri).map_err(|_| Refusal::InternalError)?;
    let answer = MfaSetupAnswer { secret: &set_up.secret, otpauth_uri: &set_up.otpauth_uri, qr_svg };
    let pending = set_up.token.map(|token| (StepName::MfaSetup, token));
    Ok(Reply::Json(json!(answer), JarChange { pending, ..JarChange::default() }))
}

pub async fn confirm(request: ApiRequest) -> Response {
    let outcome = run_confirm(&request).await;
    request.respond(Call::MfaSetupConfirm, outcome)
}

async fn run_confirm(request: &ApiRequest) -> Outcome<Reply> {
    let Code { code } = request.json()?;
    let carried = request.admitted(Call::MfaSetupConfirm).await?;
    let confirmed = confirm_mfa(&request.service, &request.visit, &carried, &code).await?;
    let codes: Vec<String> = confirmed.recovery_codes.iter().map(|code| code.expose()).collect();
    Ok(Reply::StandingWith(confirmed.standing, Map::from_iter([("recovery_codes".to_owned(), json!(codes))])))
}

pub async fn verify(request: ApiRequest) -> Response {
    let outcome = run_verify(&request).await;
    request.respond(Call::MfaVerify, outcome)
}

async fn run_verify(request: &ApiRequest) -> Outcome<Reply> {
    let Code { code } = request.json()?;
    let carried = request.admitted(Call::MfaVerify).await?;
    verify_mfa(&request.service, &request.visit, &carried, &code).await.map(Reply::Standing)
}
