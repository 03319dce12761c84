//! `POST {base}/register`, `{base}/verify-otp` and `{base}/resend-otp`.

use axum::response::Response;
use perennial_protocol::call::Call;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    http::{answer::Reply, request::ApiRequest},
    operations::{
        register::{NewAccount, register as register_person},
        resend_code::resend_code as resend,
        verify_email::verify_email as verify,
    },
    outcome::Outcome,
};

#[derive(Deserialize, ToSchema)]
#[schema(as = RegisterBody)]
pub(in crate::http) struct Body {
    email: String,
    password: String,
    #[serde(default)]
    name: String,
}

/// A code that was typed.
#[derive(Deserialize, ToSchema)]
#[schema(as = CodeBody)]
pub(in crate::http) struct Code {
    pub(super) code: String,
}

pub async fn register(request: ApiRequest) -> Response {
    let outcome = run_register(&request).await;
    request.respond(Call::Register, outcome)
}

async fn run_register(request: &ApiRequest) -> Outcome<Reply> {
    let Body { email, password, name } = request.json()?;
    let carried = request.admitted(Call::Register).await?;
    let typed = NewAccount { email, name, password };
    register_person(&request.service, &request.visit, &carried, &typed).await.map(Reply::Standing)
}

pub async fn verify_email(request: ApiRequest) -> Response {
    let outcome = run_verify_email(&request).await;
    request.respond(Call::VerifyOtp, outcome)
}

async fn run_verify_email(request: &ApiRequest) -> Outcome<Reply> {
    let Code { code } = request.json()?;
    let carried = request.admitted(Call::VerifyOtp).await?;
    verify(&request.service, &request.visit, &carried, &code).await.map(Reply::Standing)
}

pub async fn resend_code(request: ApiRequest) -> Response {
    let outcome = run_resend(&request).await;
    request.respond(Call::ResendOtp, outcome)
}

async fn run_resend(request: &ApiRequest) -> Outcome<Reply> {
    request.admitted_without_parameters(Call::ResendOtp).await?;
    resend(&request.service, &request.visit).await.map(Reply::Standing)
}
