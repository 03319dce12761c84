//! `POST {base}/logout` and `{base}/logout-all`.

use axum::response::Response;
use perennial_protocol::call::Call;

use crate::{
    http::{answer::Reply, request::ApiRequest},
    operations::log_out::{Scope, log_out},
    outcome::Outcome,
};

pub async fn this_jar(request: ApiRequest) -> Response {
    let outcome = run(&request, Call::Logout, Scope::ThisJar).await;
    request.respond(Call::Logout, outcome)
}

pub async fn every_device(request: ApiRequest) -> Response {
    let outcome = run(&request, Call::LogoutAll, Scope::EveryDevice).await;
    request.respond(Call::LogoutAll, outcome)
}

async fn run(request: &ApiRequest, call: Call, scope: Scope) -> Outcome<Reply> {
    let carried = request.admitted_without_parameters(call).await?;
    log_out(&request.service, &request.visit, &carried, scope).await.map(Reply::NoContent)
}
