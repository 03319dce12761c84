//! `POST {base}/token`: refresh.

use axum::response::Response;
use perennial_protocol::{call::Call, cookie::Chosen, refresh::Asked, refusal::Refusal};

use crate::{
    http::{
        answer::Reply,
        guard::{self, Proof},
        request::ApiRequest,
    },
    operations::refresh::refresh as refresh_session,
    outcome::Outcome,
    visit::Carried,
};

pub async fn refresh(request: ApiRequest) -> Response {
    let outcome = run(&request).await;
    request.respond(Call::Token, outcome)
}

async fn run(request: &ApiRequest) -> Outcome<Reply> {
    request.no_parameters()?;
    let service = &request.service;
    let carried = Carried::load(service, &request.visit.jar).await?;
    // Without a token that names a session there is nothing to protect, and the client has to hear that.
    let chosen = carried.selection(service, &service.keys(), service.now()).chosen;
    match chosen {
        Chosen::Nothing => return Err(Refusal::NotAuthenticated.into()),
        Chosen::Forged(None) => {}
        Chosen::Forged(Some(_)) | Chosen::Unknown(_) | Chosen::Genuine { .. } => {
            let proof = Proof::of_header(service, &request.headers);
            guard::admit(service, Call::Token, proof, &request.visit, &carried).await?;
        }
    }
    refresh_session(service, &request.visit, carried, Asked::Explicitly).await.map(Reply::Standing)
}
