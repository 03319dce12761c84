//! `GET {base}/openapi.json`: the API described for tools (OpenAPI 3.1).
//!
//! What answers hold comes from the types that are answered, statuses from the table of refusals, and each
//! call from one match, so that a new one does not compile undescribed.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response as HttpResponse},
};
use perennial_edge::problem::{self, Problem};
use perennial_protocol::{
    call::Call, refresh::Generation, refusal::Refusal, session::EndReason, time::Millis, token::Transport,
};
use utoipa::openapi::{
    ComponentsBuilder, Content, HttpMethod, Info, OpenApi, OpenApiBuilder, PathItem, PathsBuilder, Ref, RefOr,
    Required, Response, ResponseBuilder, ServerBuilder,
    path::{Operation, OperationBuilder, ParameterBuilder, ParameterIn},
    request_body::{RequestBody, RequestBodyBuilder},
    schema::{ObjectBuilder, Schema, Type, empty},
};

use super::{
    answer::SessionAnswer,
    routes::{
        login,
        mfa::MfaSetupAnswer,
        password, reauthenticate, register,
        sessions::{SessionLine, SessionsAnswer},
    },
};
use crate::{
    limits,
    outcome::Person,
    service::Service,
    settings::{Envelope, ServiceSettings},
};

pub async fn read(State(service): State<Arc<Service>>) -> HttpResponse {
    let cache = format!("public, max-age={}", limits::JWKS_MAX_AGE_SECONDS);
    ([(header::CACHE_CONTROL, cache)], Json(document(&service.settings))).into_response()
}

/// The API under the paths that the configuration gives it.
pub fn document(settings: &ServiceSettings) -> OpenApi {
    let mut paths = PathsBuilder::new();
    for call in Call::ALL {
        let path = path_of(settings, call);
        for described in describe(call) {
            let path = if described.of_one { format!("{path}/{{session_key}}") } else { path.clone() };
            let operation = operation(settings, call, &described);
            paths = paths.path(path, PathItem::new(described.method, operation));
        }
    }
    let components = ComponentsBuilder::new()
        .schema_from::<SessionAnswer<'_>>()
        .schema_from::<Person>()
        .schema_from::<SessionsAnswer<'_>>()
        .schema_from::<SessionLine<'_>>()
        .schema_from::<MfaSetupAnswer<'_>>()
        .schema_from::<Problem<'_>>()
        .schema_from::<login::Body>()
        .schema_from::<register::Body>()
        .schema_from::<register::Code>()
        .schema_from::<reauthenticate::Body>()
        .schema_from::<password::Body>()
        .build();
    let server = ServerBuilder::new().url(settings.origins.own.clone()).build();
    OpenApiBuilder::new()
        .info(Info::new("Perennial", env!("CARGO_PKG_VERSION")))
        .servers(Some([server]))
        .paths(paths.build())
        .components(Some(components))
        .build()
}

/// Where clients find a call: at the first of its aliases, where it has any.
fn path_of(settings: &ServiceSettings, call: Call) -> String {
    let alias = settings.aliases.iter().find(|(_, aliased)| **aliased == call).map(|(path, _)| path.clone());
    alias.unwrap_or_else(|| format!("{}{}", settings.base, call.path()))
}

/// One method of a call.
struct Described {
    method: HttpMethod,
    /// The path goes on with a session key.
    of_one: bool,
    summary: &'static str,
    body: Option<&'static str>,
    answer: Answer,
    /// Besides those that every call has.
    refusals: Vec<Refusal>,
}

#[derive(Clone, Copy)]
enum Answer {
    /// 200 with a body of this name.
    Of(&'static str),
    Nothing,
}

const SESSION: Answer = Answer::Of("SessionAnswer");

fn describe(call: Call) -> Vec<Described> {
    let (summary, body, answer) = post(call);
    let posted = Described { method: HttpMethod::Post, of_one: false, summary, body, answer, refusals: refusals(call) };
    let read = |summary| Described {
        method: HttpMethod::Get,
        of_one: false,
        summary,
        body: None,
        answer: SESSION,
        refusals: Vec::new(),
    };
    match call {
        Call::Session => vec![read("Who is this? Changes nothing, and is never 401."), posted],
        Call::Sessions => {
            let list = Described { answer: Answer::Of("SessionsAnswer"), ..read("The person's devices.") };
            let one = Described { method: HttpMethod::Delete, of_one: true, ..posted };
            let not_found = [refusals(call), vec![Refusal::NotFound]].concat();
            vec![Described { refusals: refusals(call), ..list }, Described { refusals: not_found, ..one }]
        }
        Call::Token
        | Call::Register
        | Call::VerifyOtp
        | Call::ResendOtp
        | Call::Login
        | Call::MfaSetup
        | Call::MfaSetupConfirm
        | Call::MfaVerify
        | Call::Reauthenticate
        | Call::PasswordChange
        | Call::Logout
        | Call::LogoutAll => vec![posted],
    }
}

/// What the unsafe method of a call does, takes and answers.
fn post(call: Call) -> (&'static str, Option<&'static str>, Answer) {
    match call {
        Call::Session => ("Who is this, with an access token made anew where it is missing.", None, SESSION),
        Call::Token => ("Refreshes.", None, SESSION),
        Call::Register => {
            ("Begins an account. The answer never says whether the address has one.", Some("RegisterBody"), SESSION)
        }
        Call::VerifyOtp => ("Finishes a registration with the mailed code.", Some("CodeBody"), SESSION),
        Call::ResendOtp => ("Mails a new code; the former one is void.", None, SESSION),
        Call::Login => ("Logs in, or answers the next step.", Some("LoginBody"), SESSION),
        Call::MfaSetup => ("Begins to set a second factor up.", None, Answer::Of("MfaSetupAnswer")),
        Call::MfaSetupConfirm => {
            ("Sets the second factor up; the answer has recovery codes, shown once.", Some("CodeBody"), SESSION)
        }
        Call::MfaVerify => ("Proves the second factor, or spends a recovery code.", Some("CodeBody"), SESSION),
        Call::Reauthenticate => {
            ("Proves the person again: `aal` and the login time rise.", Some("ReauthenticateBody"), SESSION)
        }
        Call::PasswordChange => {
            ("Changes the password; this session stays, the others end.", Some("PasswordChangeBody"), SESSION)
        }
        Call::Logout => ("Ends the sessions of this jar. Always succeeds.", None, Answer::Nothing),
        Call::LogoutAll => ("Ends every session of the person.", None, Answer::Nothing),
        Call::Sessions => {
            ("Ends a session of the person; another's is not found, as an unknown one.", None, Answer::Nothing)
        }
    }
}

/// The refusals of a call, besides those that every call has.
fn refusals(call: Call) -> Vec<Refusal> {
    let ended = Refusal::SessionEnded(EndReason::Unknown);
    let stale = Refusal::StaleToken(Generation(1));
    let waits = Refusal::TooManyAttempts { retry_after: Millis::seconds(1) };
    match call {
        Call::Session => vec![stale, Refusal::InvalidToken, waits],
        Call::Token => vec![Refusal::InvalidToken, stale, Refusal::NotAuthenticated, ended, waits],
        Call::Register => vec![Refusal::NotFound, waits],
        Call::VerifyOtp | Call::ResendOtp | Call::MfaSetupConfirm | Call::MfaVerify => {
            vec![Refusal::InvalidCode, Refusal::NotAuthenticated, waits]
        }
        Call::Login => vec![Refusal::InvalidCredentials, waits],
        Call::MfaSetup => vec![Refusal::NotAuthenticated, Refusal::ReauthenticationRequired, ended],
        Call::Reauthenticate => {
            vec![Refusal::InvalidCredentials, Refusal::InvalidCode, Refusal::NotAuthenticated, ended, waits]
        }
        Call::PasswordChange => vec![Refusal::InvalidCredentials, Refusal::NotAuthenticated, ended, waits],
        Call::Logout | Call::LogoutAll => Vec::new(),
        Call::Sessions => vec![Refusal::NotAuthenticated, ended],
    }
}

/// The refusals that come with access tokens in the `Authorization` header.
fn of_bearers(call: Call) -> Vec<Refusal> {
    match call {
        Call::MfaSetup | Call::Reauthenticate | Call::PasswordChange | Call::Sessions => {
            vec![Refusal::InvalidAccessToken]
        }
        Call::LogoutAll => vec![Refusal::NotAuthenticated, Refusal::InvalidAccessToken],
        Call::Session
        | Call::Token
        | Call::Register
        | Call::VerifyOtp
        | Call::ResendOtp
        | Call::Login
        | Call::MfaSetupConfirm
        | Call::MfaVerify
        | Call::Logout => Vec::new(),
    }
}

fn operation(settings: &ServiceSettings, call: Call, described: &Described) -> Operation {
    let method = match described.method {
        HttpMethod::Get => "get",
        HttpMethod::Delete => "delete",
        _ => "post",
    };
    let mut operation = OperationBuilder::new()
        .operation_id(Some(format!("{}_{method}", call.name())))
        .summary(Some(described.summary))
        .request_body(described.body.map(json_body));
    let mut refusals = described.refusals.clone();
    if settings.transport == Transport::Bearer {
        refusals.extend(of_bearers(call));
    }
    refusals.push(Refusal::AuthUnavailable { retry_after: Millis::seconds(1) });
    refusals.push(Refusal::InternalError);
    if described.of_one {
        operation = operation.parameter(parameter("session_key", ParameterIn::Path, Required::True));
    }
    if described.method != HttpMethod::Get {
        operation = operation.parameter(parameter(settings.csrf_header.as_str(), ParameterIn::Header, Required::False));
        refusals.extend([Refusal::CsrfFailed, Refusal::IdentityChanged, Refusal::UnsupportedMediaType]);
        refusals.extend([Refusal::InvalidRequest(String::new()), Refusal::BodyTooLarge]);
    }
    operation = match described.answer {
        Answer::Of(name) => {
            operation.response("200", json_answer(on_the_wire(settings, call, name), "application/json", "The answer"))
        }
        Answer::Nothing => operation.response("204", Response::new("Done")),
    };
    for (status, codes) in by_status(&refusals) {
        let what = format!("`{}`", codes.join("`, `"));
        let problem = Ref::from_schema_name("Problem").into();
        operation = operation.response(status, json_answer(problem, "application/problem+json", &what));
    }
    operation.build()
}

/// The codes of refusals by their statuses.
fn by_status(refusals: &[Refusal]) -> BTreeMap<String, Vec<&'static str>> {
    let mut codes: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for refusal in refusals {
        codes.entry(problem::status(refusal).as_str().to_owned()).or_default().push(refusal.code());
    }
    codes
}

fn parameter(name: &str, place: ParameterIn, required: Required) -> ParameterBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    ParameterBuilder::new().name(name).parameter_in(place).required(required).schema(Some(text))
}

fn json_body(name: &str) -> RequestBody {
    let content = Content::new(Some(Ref::from_schema_name(name)));
    RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True)).build()
}

fn json_answer(schema: RefOr<Schema>, media_type: &str, what: &str) -> Response {
    ResponseBuilder::new().description(what).content(media_type, Content::new(Some(schema))).build()
}

/// An answer with the fields that the configuration wants, in its envelope.
fn on_the_wire(settings: &ServiceSettings, call: Call, name: &str) -> RefOr<Schema> {
    let wanted = settings.fields.get(&call).into_iter().flatten().map(|(field, _)| field);
    let added = settings.extra_fields.get(&call).into_iter().flat_map(serde_json::Map::keys);
    let fields: Vec<&String> = wanted.chain(added).collect();
    let answer: RefOr<Schema> = if fields.is_empty() {
        Ref::from_schema_name(name).into()
    } else {
        let object = ObjectBuilder::new().schema_type(Type::Object);
        fields.into_iter().fold(object, |object, field| object.property(field, empty())).build().into()
    };
    match settings.envelope {
        Envelope::None => answer,
        Envelope::Data => {
            let success = ObjectBuilder::new().schema_type(Type::Boolean).build();
            let envelope = ObjectBuilder::new().schema_type(Type::Object).property("success", success);
            envelope.property("data", answer).required("success").required("data").build().into()
        }
    }
}
