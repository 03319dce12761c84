//! `POST {base}/login`.

use axum::response::Response;
use perennial_protocol::call::Call;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    http::{answer::Reply, request::ApiRequest},
    operations::log_in::{Credentials, log_in as log_in_person},
    outcome::Outcome,
};

#[derive(Deserialize, ToSchema)]
#[schema(as = LoginBody)]
pub(in crate::http) struct Body {
    email: String,
    password: String,
}

pub async fn log_in(request: ApiRequest) -> Response {
    let outcome = run(&request).await;
    request.respond(Call::Login, outcome)
}

async fn run(request: &ApiRequest) -> Outcome<Reply> {
    let Body { email, password } = request.json()?;
    let carried = request.admitted(Call::Login).await?;
    let typed = Credentials { email, password };
    log_in_person(&request.service, &request.visit, &carried, &typed).await.map(Reply::Standing)
}
