//! Accounts that come from another system, with the hashes of their passwords.
//!
//! A person is imported whole or not at all. Who is here already is left alone, so that an import can be run
//! again: what has changed here since is newer.

use std::collections::BTreeSet;

use perennial_protocol::{
    audit::AuditKind,
    claims::Claims,
    id::Subject,
    login::{Account, Email},
    refusal::Refusal,
    time::UnixMillis,
};
use perennial_store::{Applied, Write};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Operator, claims::fit_for_account};
use crate::{
    credentials::KeptHash,
    limits,
    operations::register::{new_account, tidy_name},
    service::Service,
    settings::Registration,
};

/// A person as the other system tells.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    email: String,
    #[serde(default)]
    name: String,
    /// The id that the app knows the person by; a new one is made where there is none.
    id: Option<String>,
    /// Without one, no password is right until one is set.
    password_hash: Option<String>,
    #[serde(default)]
    claims: Map<String, Value>,
    /// In seconds since 1970.
    created_at: Option<i64>,
    #[serde(default = "believed")]
    email_verified: bool,
    #[serde(default)]
    disabled: bool,
}

crate::closed!(Line);

const fn believed() -> bool {
    true
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    Added,
    /// There is an account with this address, which stays as it is.
    AlreadyThere,
    /// A sentence that says why, and repeats no secret.
    Refused(String),
}

impl Line {
    /// Reads a line; a sentence where it cannot be read. What it holds is not repeated: it may be a hash.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| {
            let what = if error.is_data() {
                "lacks `email`, or has a field that is unknown or of the wrong type"
            } else {
                "is not a JSON object"
            };
            format!("it {what} (column {})", error.column())
        })
    }

    /// The same of JSON that was read before.
    pub fn from_value(value: Value) -> Result<Self, String> {
        let wrong = "it lacks `email`, or has a field that is unknown or of the wrong type";
        serde_json::from_value(value).map_err(|_| wrong.to_owned())
    }

    /// The account of the line.
    fn account(self, service: &Service) -> Result<Account, String> {
        let email = Email::parse(&self.email).map_err(|why| why.to_string())?;
        if !self.email_verified && service.settings.registration != Registration::Unverified {
            let sentence = "its address was never verified; its owner can register it here";
            return Err(sentence.to_owned());
        }
        let name = tidy_name(&self.name).map_err(|refusal| sentence(&refusal))?;
        // Django writes `!` and something random where somebody has no password.
        let password_hash = self.password_hash.filter(|hash| !hash.starts_with('!')).unwrap_or_default();
        if !password_hash.is_empty() {
            KeptHash::parse(&password_hash).map_err(|why| why.to_string())?;
        }
        let claims = Claims::new(self.claims).map_err(|why| why.to_string())?;
        fit_for_account(&claims).map_err(|refusal| sentence(&refusal))?;
        let fresh = new_account(service, email, name, password_hash);
        let id = self.id.map(|id| Subject::parse(&id)).transpose().map_err(|why| why.to_string())?;
        let created_at = match self.created_at {
            None => fresh.created_at,
            Some(seconds) => past(seconds, fresh.created_at).ok_or("created_at is seconds since 1970, in the past")?,
        };
        Ok(Account { id: id.unwrap_or(fresh.id), claims, created_at, disabled: self.disabled, ..fresh })
    }
}

fn past(seconds: i64, now: UnixMillis) -> Option<UnixMillis> {
    seconds.checked_mul(1000).map(UnixMillis).filter(|at| at.0 >= 0 && *at <= now)
}

fn sentence(refusal: &Refusal) -> String {
    match refusal {
        Refusal::InvalidRequest(sentence) => sentence.clone(),
        other => other.code().to_owned(),
    }
}

/// Imports up to `limits::IMPORT_BATCH` lines as one change; answers what became of each, in their order.
pub async fn import_batch(
    service: &Service,
    by: &Operator,
    lines: Vec<Result<Line, String>>,
) -> Result<Vec<Imported>, Refusal> {
    let mut outcomes = Vec::with_capacity(lines.len());
    let (mut emails, mut ids, mut new) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for line in lines {
        let account = match line.and_then(|line| line.account(service)) {
            Ok(account) => account,
            Err(reason) => {
                outcomes.push(Imported::Refused(reason));
                continue;
            }
        };
        let twice = emails.contains(&account.email);
        let outcome = if twice { Imported::AlreadyThere } else { place(service, &account, &ids).await? };
        if outcome == Imported::Added {
            emails.insert(account.email.clone());
            ids.insert(account.id.clone());
            new.push((outcomes.len(), account));
        }
        outcomes.push(outcome);
    }
    // Two imports that meet take their people in one order, and neither waits for the other in a circle.
    new.sort_by(|(_, one), (_, other)| one.email.cmp(&other.email));
    let writes = new.iter().flat_map(|(_, account)| of(service, by, account)).collect();
    if service.apply(writes).await? == Applied::Stale {
        one_by_one(service, by, new, &mut outcomes).await?;
    }
    Ok(outcomes)
}

/// Somebody registered meanwhile: each goes by itself.
async fn one_by_one(
    service: &Service,
    by: &Operator,
    new: Vec<(usize, Account)>,
    outcomes: &mut [Imported],
) -> Result<(), Refusal> {
    for (index, account) in new {
        if service.apply(of(service, by, &account)).await? == Applied::Stale {
            outcomes[index] = match place(service, &account, &BTreeSet::new()).await? {
                Imported::Added => return Err(service.busy()),
                found => found,
            };
        }
    }
    Ok(())
}

/// Whether there is room for this account.
async fn place(service: &Service, account: &Account, ids: &BTreeSet<Subject>) -> Result<Imported, Refusal> {
    let by_email = service.store.load_account_by_email(&account.email);
    if service.ask(limits::STORE_WAIT, by_email).await?.is_some() {
        return Ok(Imported::AlreadyThere);
    }
    let by_id = service.ask(limits::STORE_WAIT, service.store.load_account(&account.id)).await?;
    Ok(match by_id {
        // The same person, who came between the two questions.
        Some(found) if found.email == account.email => Imported::AlreadyThere,
        None if !ids.contains(&account.id) => Imported::Added,
        Some(_) | None => Imported::Refused("its id belongs to another account".to_owned()),
    })
}

fn of(service: &Service, by: &Operator, account: &Account) -> Vec<Write> {
    let line = by.line(service, AuditKind::AccountImported, Some(&account.id), "");
    vec![Write::InsertAccount(account.clone()), line]
}
