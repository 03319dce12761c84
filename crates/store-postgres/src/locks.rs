//! The rows that a change of several writes is going to touch, locked before its first write.
//!
//! All that is named is locked in the one order of places, so that two changes wait for each other in a
//! row and not in a circle. The account of every subject is locked with it: a login that is being finished
//! and a change that ends every session of its person come one after the other, and the second one sees
//! what the first one did.

use std::collections::BTreeSet;

use perennial_store::{Change, Write};

use crate::{
    order::Order,
    value::{Value, values},
};

const ACCOUNTS: &str = "SELECT 1 FROM perennial.account WHERE id = ANY($1) ORDER BY id FOR UPDATE";
const PENDING: &str = "SELECT 1 FROM perennial.pending WHERE token_hash = ANY($1) ORDER BY token_hash FOR UPDATE";
const ALLOWANCES: &str = "SELECT 1 FROM perennial.allowance WHERE key = ANY($1) ORDER BY key FOR UPDATE";
const SESSIONS: &str = "SELECT 1 FROM perennial.session WHERE sid = ANY($1) ORDER BY sid FOR UPDATE";
const SESSIONS_OF: &str = "SELECT 1 FROM perennial.session
     WHERE sid = ANY($1) OR (subject = ANY($2) AND ended_at IS NULL) ORDER BY sid FOR UPDATE";

const FOREIGN: &str = "SELECT 1 FROM perennial.foreign_refresh
     WHERE token_hash = ANY($1) OR successor = ANY($2) ORDER BY token_hash FOR UPDATE";

/// What is named in a change.
#[derive(Debug, Default)]
struct Named {
    accounts: BTreeSet<String>,
    pending: BTreeSet<[u8; 32]>,
    allowances: BTreeSet<[u8; 16]>,
    sessions: BTreeSet<[u8; 16]>,
    /// Those whose every session is meant.
    subjects: BTreeSet<String>,
    foreign: BTreeSet<[u8; 32]>,
    foreign_successors: BTreeSet<[u8; 32]>,
}

/// The statements that lock all that `change` names and that is there.
pub(crate) fn locks(change: &Change) -> Vec<Order> {
    let mut named = Named::default();
    for write in &change.0 {
        named.add(write);
    }
    named.orders()
}

impl Named {
    fn add(&mut self, write: &Write) {
        match write {
            Write::InsertSession(session) => {
                self.accounts.insert(session.subject.as_str().to_owned());
            }
            Write::Rotate { sid, .. }
            | Write::Confirm { sid, .. }
            | Write::Touch { sid, .. }
            | Write::EndSession { sid, .. }
            | Write::Reauthenticate { sid, .. } => {
                self.sessions.insert(sid.0);
            }
            Write::EndSessionsOf { subject, .. } => {
                self.accounts.insert(subject.as_str().to_owned());
                self.subjects.insert(subject.as_str().to_owned());
            }
            Write::SetPasswordHash { account, .. }
            | Write::ReplacePasswordHash { account, .. }
            | Write::SetClaims { account, .. }
            | Write::SetDisabled { account, .. }
            | Write::RecordLogin { account, .. }
            | Write::ExpectPassword { account, .. }
            | Write::ExpectNoSecondFactor { account }
            | Write::SetSecondFactor { account, .. }
            | Write::AdvanceSecondFactor { account, .. }
            | Write::ReplaceRecoveryCodes { account, .. }
            | Write::UseRecoveryCode { account, .. } => {
                self.accounts.insert(account.as_str().to_owned());
            }
            Write::SpendAttempt { token_hash, .. }
            | Write::ReplaceCode { token_hash, .. }
            | Write::ConsumePending { token_hash, .. } => {
                self.pending.insert(*token_hash);
            }
            Write::SpendAllowance { key, .. } | Write::ClearAllowance { key } | Write::RefundAllowance { key } => {
                self.allowances.insert(key.0);
            }
            // A change names one key of the admin API at most, and no other row with it.
            Write::InsertAdminKey(_) | Write::RevokeAdminKey { .. } | Write::UseAdminKey { .. } => {}
            Write::LeaseForeignRefresh { token_hash, .. }
            | Write::FinishForeignRefresh { token_hash, .. }
            | Write::ReleaseForeignRefresh { token_hash, .. } => {
                self.foreign.insert(*token_hash);
            }
            Write::ShortenForeignResults { successors, .. } => self.foreign_successors.extend(successors),
            // Steps of a person are removed by whoever holds their account.
            Write::RemovePendingOf { subject } => {
                self.accounts.insert(subject.as_str().to_owned());
            }
            Write::InsertAccount(_) | Write::InsertPending(_) | Write::Audit(_) => {}
        }
    }

    fn orders(self) -> Vec<Order> {
        let mut orders = Vec::new();
        let mut lock = |sql, values: Vec<Value>| orders.push(Order::of_many_rows(sql, values));
        if !self.accounts.is_empty() {
            lock(ACCOUNTS, vec![texts(self.accounts)]);
        }
        if !self.pending.is_empty() {
            lock(PENDING, values![listed(self.pending).as_slice()]);
        }
        if !self.allowances.is_empty() {
            lock(ALLOWANCES, values![listed(self.allowances).as_slice()]);
        }
        if !self.subjects.is_empty() {
            lock(SESSIONS_OF, values![listed(self.sessions).as_slice(), texts(self.subjects)]);
        } else if !self.sessions.is_empty() {
            lock(SESSIONS, values![listed(self.sessions).as_slice()]);
        }
        if !self.foreign.is_empty() || !self.foreign_successors.is_empty() {
            let (hashes, successors) = (listed(self.foreign), listed(self.foreign_successors));
            lock(FOREIGN, values![hashes.as_slice(), successors.as_slice()]);
        }
        orders
    }
}

fn texts(set: BTreeSet<String>) -> Value {
    Value::Texts(set.into_iter().collect())
}

fn listed<T>(set: BTreeSet<T>) -> Vec<T> {
    set.into_iter().collect()
}
