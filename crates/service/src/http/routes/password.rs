//! `POST {base}/password/change`.

use axum::response::Response;
use perennial_protocol::call::Call;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    http::{answer::Reply, request::ApiRequest},
    operations::change_password::{NewPassword, change_password},
    outcome::Outcome,
};

#[derive(Deserialize, ToSchema)]
#[schema(as = PasswordChangeBody)]
pub(in crate::http) struct Body {
    current_password: String,
    new_password: String,
}

pub async fn change(request: ApiRequest) -> Response {
    let outcome = run(&request).await;
    request.respond(Call::PasswordChange, outcome)
}

async fn run(request: &ApiRequest) -> Outcome<Reply> {
    let Body { current_password, new_password } = request.json()?;
    let carried = request.admitted(Call::PasswordChange).await?;
    let typed = NewPassword { current: current_password, new: new_password };
    change_password(&request.service, &request.visit, &carried, &typed).await.map(Reply::Standing)
}
