//! `GET` and `POST {base}/session`: who is this.

use axum::response::Response;
use perennial_protocol::{call::Call, refusal::Refusal};

use crate::{
    http::{answer::Reply, request::ApiRequest},
    operations::{
        read_session::{read_session, read_without_store},
        resume_session::resume_session,
    },
    outcome::Outcome,
    visit::Carried,
};

pub async fn read(request: ApiRequest) -> Response {
    let outcome = run_read(&request).await;
    request.respond(Call::Session, outcome)
}

async fn run_read(request: &ApiRequest) -> Outcome<Reply> {
    let read = async {
        let carried = Carried::load(&request.service, &request.visit.jar).await?;
        read_session(&request.service, &request.visit, &carried).await
    };
    match read.await {
        // While the store cannot be asked, a good access token passes.
        Err(refused) if matches!(refused.refusal, Refusal::AuthUnavailable { .. }) => {
            read_without_store(&request.service, &request.visit).map(Reply::Standing).ok_or(refused)
        }
        answered => answered.map(Reply::Standing),
    }
}

pub async fn resume(request: ApiRequest) -> Response {
    let outcome = run_resume(&request).await;
    request.respond(Call::Session, outcome)
}

async fn run_resume(request: &ApiRequest) -> Outcome<Reply> {
    let carried = request.admitted_without_parameters(Call::Session).await?;
    resume_session(&request.service, &request.visit, carried).await.map(Reply::Standing)
}
