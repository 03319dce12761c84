//! The routes: each parses, calls one operation and renders. They mirror the paths below the base.

pub mod jwks;
pub mod login;
pub mod logout;
pub mod mfa;
pub mod password;
pub mod reauthenticate;
pub mod register;
pub mod sdk;
pub mod session;
pub mod sessions;
pub mod token;
pub mod verify;

use std::sync::Arc;

use axum::{
    Router,
    routing::{MethodRouter, delete, get, post},
};
use perennial_protocol::call::Call;

use super::{
    guard::{self, Proof},
    openapi,
    paths::JWKS_PATH,
    request::ApiRequest,
};
use crate::{outcome::Refused, service::Service, visit::Carried};

/// The API without state.
pub fn router(service: &Service) -> Router<Arc<Service>> {
    let base = &service.settings.base;
    let calls: [(Call, MethodRouter<Arc<Service>>); 14] = [
        (Call::Session, get(session::read).post(session::resume)),
        (Call::Token, post(token::refresh)),
        (Call::Register, post(register::register)),
        (Call::VerifyOtp, post(register::verify_email)),
        (Call::ResendOtp, post(register::resend_code)),
        (Call::Login, post(login::log_in)),
        (Call::MfaSetup, post(mfa::set_up)),
        (Call::MfaSetupConfirm, post(mfa::confirm)),
        (Call::MfaVerify, post(mfa::verify)),
        (Call::Reauthenticate, post(reauthenticate::prove_again)),
        (Call::PasswordChange, post(password::change)),
        (Call::Logout, post(logout::this_jar)),
        (Call::LogoutAll, post(logout::every_device)),
        (Call::Sessions, get(sessions::list)),
    ];
    let mut router = Router::new()
        .route(JWKS_PATH, get(jwks::read))
        .route(&format!("{base}/openapi.json"), get(openapi::read))
        .route(&format!("{base}/sdk.js"), sdk::serve(&service.settings))
        .route(&format!("{base}/verify"), get(verify::verify))
        .route(&format!("{base}{}/{{session_key}}", Call::Sessions.path()), delete(sessions::end));
    for (call, methods) in calls {
        router = router.route(&format!("{base}{}", call.path()), methods);
    }
    router
}

impl ApiRequest {
    /// Loads what the jar carries and admits the request.
    pub async fn admitted(&self, call: Call) -> Result<Carried, Refused> {
        let carried = Carried::load(&self.service, &self.visit.jar).await?;
        let proof = Proof::of_header(&self.service, &self.headers);
        guard::admit(&self.service, call, proof, &self.visit, &carried).await?;
        Ok(carried)
    }

    /// The same for a call without parameters.
    pub async fn admitted_without_parameters(&self, call: Call) -> Result<Carried, Refused> {
        self.no_parameters()?;
        self.admitted(call).await
    }
}
