//! `POST {base}/reauthenticate`.

use axum::response::Response;
use perennial_protocol::{call::Call, refusal::Refusal};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    http::{answer::Reply, request::ApiRequest},
    operations::reauthenticate::{Proof, reauthenticate},
    outcome::Outcome,
};

/// Either of the two.
#[derive(Deserialize, ToSchema)]
#[schema(as = ReauthenticateBody)]
pub(in crate::http) struct Body {
    password: Option<String>,
    code: Option<String>,
}

pub async fn prove_again(request: ApiRequest) -> Response {
    let outcome = run(&request).await;
    request.respond(Call::Reauthenticate, outcome)
}

async fn run(request: &ApiRequest) -> Outcome<Reply> {
    let proof = match request.json()? {
        Body { password: Some(password), code: None } => Proof::Password(password),
        Body { password: None, code: Some(code) } => Proof::Code(code),
        Body { .. } => {
            return Err(Refusal::InvalidRequest("Send either `password` or `code`.".to_owned()).into());
        }
    };
    let carried = request.admitted(Call::Reauthenticate).await?;
    reauthenticate(&request.service, &request.visit, &carried, &proof).await.map(Reply::Standing)
}
