//! `/admin/users`: the people who can log in.

use axum::response::Response;
use perennial_protocol::{
    admin_key::AdminScope,
    claims::Claims,
    id::Subject,
    login::{Account, Email},
    refusal::Refusal,
    time::UnixMillis,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::request::{AdminRequest, Named, answer};
use crate::{
    limits,
    operations::operator::{
        self,
        claims::set_claims as put_claims,
        create_account::{NewAccount, create_account},
        disable as switch,
        import::{Imported, Line, import_batch},
        set_password as change,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    email: String,
    #[serde(default)]
    name: String,
    password: String,
    #[serde(default)]
    claims: Map<String, Value>,
}

pub(super) async fn create(request: AdminRequest) -> Response {
    answer(run_create(&request).await)
}

async fn run_create(request: &AdminRequest) -> Result<Option<Value>, Refusal> {
    request.may(AdminScope::UsersWrite)?;
    let New { email, name, password, claims } = request.json()?;
    let new = NewAccount { email: address(&email)?, name, password, claims: checked(claims)? };
    let account = create_account(&request.service, &request.by(), new).await?;
    Ok(Some(of_account(&account, request.service.now())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    /// The one with this address, if there is one.
    email: Option<String>,
    /// Those behind this address.
    after: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn list(request: AdminRequest) -> Response {
    answer(run_list(&request).await)
}

async fn run_list(request: &AdminRequest) -> Result<Option<Value>, Refusal> {
    request.may(AdminScope::UsersRead)?;
    let Page { email, after, limit } = request.query()?;
    let service = &request.service;
    let limit = limit.unwrap_or(limits::ADMIN_PAGE_MAX).clamp(1, limits::ADMIN_PAGE_MAX);
    let mut next = None;
    let accounts: Vec<Account> = match email {
        Some(email) => {
            let email = address(&email)?;
            let found = service.ask(limits::STORE_WAIT, service.store.load_account_by_email(&email)).await?;
            found.into_iter().collect()
        }
        None => {
            let after = after.as_deref().map(address).transpose()?;
            let question = service.store.load_accounts(after.as_ref(), limit);
            let page = service.ask(limits::STORE_WAIT, question).await?;
            next = page.last().filter(|_| page.len() == limit).map(|last| last.email.clone());
            page
        }
    };
    let now = service.now();
    let lines: Vec<Value> = accounts.iter().map(|account| of_account(account, now)).collect();
    Ok(Some(json!({ "users": lines, "next": next })))
}

pub(super) async fn show(name: Named, request: AdminRequest) -> Response {
    answer(run_show(&name, &request).await)
}

async fn run_show(name: &Named, request: &AdminRequest) -> Result<Option<Value>, Refusal> {
    request.may(AdminScope::UsersRead)?;
    Ok(Some(of_account(&named(request, name).await?, request.service.now())))
}

pub(super) async fn disable(name: Named, request: AdminRequest) -> Response {
    answer(run_disable(&name, &request).await)
}

async fn run_disable(name: &Named, request: &AdminRequest) -> Result<Option<Value>, Refusal> {
    request.may(AdminScope::UsersWrite)?;
    let account = named(request, name).await?;
    switch::disable(&request.service, &request.by(), &account).await?;
    Ok(None)
}

pub(super) async fn enable(name: Named, request: AdminRequest) -> Response {
    answer(run_enable(&name, &request).await)
}

async fn run_enable(name: &Named, request: &AdminRequest) -> Result<Option<Value>, Refusal> {
    request.may(AdminScope::UsersWrite)?;
    let account = named(request, name).await?;
    switch::enable(&request.service, &request.by(), &account).await?;
    Ok(None)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    password: String,
}

pub(super) async fn set_password(name: Named, request: AdminRequest) -> Response {
    answer(run_set_password(&name, &request).await)
}

async fn run_set_password(name: &Named, request: &AdminRequest) -> Result<Option<Value>, Refusal> {
    request.may(AdminScope::UsersWrite)?;
    let NewPassword { password } = request.json()?;
    let account = named(request, name).await?;
    change::set_password(&request.service, &request.by(), &account, &password).await?;
    Ok(None)
}

pub(super) async fn set_claims(name: Named, request: AdminRequest) -> Response {
    answer(run_set_claims(&name, &request).await)
}

async fn run_set_claims(name: &Named, request: &AdminRequest) -> Result<Option<Value>, Refusal> {
    request.may(AdminScope::UsersWrite)?;
    let claims = checked(request.json()?)?;
    let account = named(request, name).await?;
    put_claims(&request.service, &request.by(), &account, claims).await?;
    Ok(None)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    users: Vec<Value>,
}

pub(super) async fn import(request: AdminRequest) -> Response {
    answer(run_import(&request).await)
}

async fn run_import(request: &AdminRequest) -> Result<Option<Value>, Refusal> {
    request.may(AdminScope::UsersWrite)?;
    let Import { users } = request.json()?;
    if users.len() > limits::ADMIN_IMPORT_MAX {
        let limit = limits::ADMIN_IMPORT_MAX;
        return Err(Refusal::InvalidRequest(format!("One call imports at most {limit} users.")));
    }
    let mut outcomes = Vec::with_capacity(users.len());
    for batch in users.chunks(limits::IMPORT_BATCH) {
        let lines = batch.iter().cloned().map(Line::from_value).collect();
        outcomes.extend(import_batch(&request.service, &request.by(), lines).await?);
    }
    let count = |wanted: &Imported| outcomes.iter().filter(|outcome| *outcome == wanted).count();
    let refused: Vec<Value> = outcomes
        .iter()
        .enumerate()
        .filter_map(|(index, outcome)| match outcome {
            Imported::Refused(reason) => Some(json!({ "index": index, "reason": reason })),
            Imported::Added | Imported::AlreadyThere => None,
        })
        .collect();
    let (added, already_there) = (count(&Imported::Added), count(&Imported::AlreadyThere));
    Ok(Some(json!({ "added": added, "already_there": already_there, "refused": refused })))
}

async fn named(request: &AdminRequest, name: &Named) -> Result<Account, Refusal> {
    let id = Subject::parse(&name.0).map_err(|_| Refusal::NotFound)?;
    operator::account(&request.service, &id).await
}

fn address(text: &str) -> Result<Email, Refusal> {
    Email::parse(text).map_err(|why| Refusal::InvalidRequest(why.to_string()))
}

fn checked(claims: Map<String, Value>) -> Result<Claims, Refusal> {
    Claims::new(claims).map_err(|why| Refusal::InvalidRequest(format!("{why}.")))
}

/// An account as the operator sees it.
pub fn of_account(account: &Account, now: UnixMillis) -> Value {
    let ago = |at: UnixMillis| now.since(at).whole_seconds().max(0);
    json!({
        "id": account.id,
        "email": account.email,
        "name": account.name,
        "disabled": account.disabled,
        "second_factor": account.second_factor.is_some(),
        "claims": account.claims,
        "created_seconds_ago": ago(account.created_at),
        "last_login_seconds_ago": account.last_login_at.map(ago),
    })
}
