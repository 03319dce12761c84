//! A store in memory, for tests and simulations: it is gone with the process.
//!
//! One mutex around plain maps, so a change runs alone; `tables` says what each write does, and `table`
//! puts rows back when a guard does not hold. Loads look at every row where that is simpler.

mod table;
mod tables;

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use perennial_protocol::{
    admin_key::AdminKey,
    audit::AuditEvent,
    id::{SessionKey, Sid, Subject},
    login::{Account, Email, Pending},
    session::Session,
    time::UnixMillis,
};

use self::tables::Tables;
use crate::{Allowance, AllowanceKey, Applied, Change, EndPlace, ForeignRefresh, Result, SessionEnd, Store};

/// A store that keeps nothing.
#[derive(Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
}

/// A copy as of now, which goes its own way: what a backup holds.
impl Clone for MemoryStore {
    fn clone(&self) -> Self {
        Self { tables: Mutex::new(self.tables().clone()) }
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("MemoryStore")
    }
}

impl MemoryStore {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load_sessions(&self, sids: &[Sid]) -> Result<Vec<Session>> {
        let tables = self.tables();
        Ok(tables.sessions.rows.values().filter(|session| sids.contains(&session.sid)).cloned().collect())
    }

    async fn load_session_by_key(&self, key: &SessionKey) -> Result<Option<Session>> {
        let tables = self.tables();
        let sid = tables.session_keys.rows.get(key);
        Ok(sid.and_then(|sid| tables.sessions.rows.get(sid)).cloned())
    }

    async fn load_sessions_of(&self, subject: &Subject, now: UnixMillis, limit: usize) -> Result<Vec<Session>> {
        let tables = self.tables();
        let lives =
            |session: &&Session| session.subject == *subject && session.ended.is_none() && session.ends_at > now;
        let mut sessions: Vec<Session> = tables.sessions.rows.values().filter(lives).cloned().collect();
        sessions.sort_by_key(|session| std::cmp::Reverse(session.created_at));
        sessions.truncate(limit);
        Ok(sessions)
    }

    async fn load_ends(&self, after: EndPlace, limit: usize) -> Result<Vec<SessionEnd>> {
        let tables = self.tables();
        let end = |session: &Session| {
            let ended = session.ended?;
            Some(SessionEnd { sid: session.sid, session_key: session.session_key.clone(), ended })
        };
        let mut ends: Vec<SessionEnd> =
            tables.sessions.rows.values().filter_map(end).filter(|end| end.place() > after).collect();
        ends.sort_by_key(SessionEnd::place);
        ends.truncate(limit);
        Ok(ends)
    }

    async fn load_account(&self, id: &Subject) -> Result<Option<Account>> {
        Ok(self.tables().accounts.rows.get(id).cloned())
    }

    async fn load_account_by_email(&self, email: &Email) -> Result<Option<Account>> {
        let tables = self.tables();
        let id = tables.emails.rows.get(email);
        Ok(id.and_then(|id| tables.accounts.rows.get(id)).cloned())
    }

    async fn load_accounts(&self, after: Option<&Email>, limit: usize) -> Result<Vec<Account>> {
        let tables = self.tables();
        let later = tables.emails.rows.iter().filter(|(email, _)| after.is_none_or(|after| *email > after));
        Ok(later.filter_map(|(_, id)| tables.accounts.rows.get(id)).take(limit).cloned().collect())
    }

    async fn load_pending(&self, token_hashes: &[[u8; 32]]) -> Result<Option<Pending>> {
        let tables = self.tables();
        Ok(token_hashes.iter().find_map(|hash| tables.pending.rows.get(hash)).cloned())
    }

    async fn load_allowance(&self, key: &AllowanceKey) -> Result<Option<Allowance>> {
        Ok(self.tables().allowances.rows.get(key).copied())
    }

    async fn load_admin_key(&self, hash: &[u8; 32]) -> Result<Option<AdminKey>> {
        Ok(self.tables().admin_keys.rows.values().find(|key| key.hash == *hash).cloned())
    }

    async fn load_admin_keys(&self, limit: usize) -> Result<Vec<AdminKey>> {
        Ok(self.tables().admin_keys.rows.values().take(limit).cloned().collect())
    }

    async fn load_foreign_refreshes(&self, token_hashes: &[[u8; 32]]) -> Result<Vec<ForeignRefresh>> {
        let tables = self.tables();
        Ok(tables.foreign.rows.values().filter(|row| token_hashes.contains(&row.token_hash)).cloned().collect())
    }

    async fn load_audit(&self, limit: usize) -> Result<Vec<AuditEvent>> {
        Ok(self.tables().audit.rows.values().rev().take(limit).cloned().collect())
    }

    async fn apply(&self, change: Change) -> Result<Applied> {
        Ok(self.tables().apply(change))
    }

    async fn sweep(&self, before: UnixMillis, limit: usize) -> Result<usize> {
        Ok(self.tables().sweep(before, limit))
    }

    async fn sweep_foreign_refreshes(&self, before: UnixMillis, limit: usize) -> Result<usize> {
        Ok(self.tables().sweep_foreign_refreshes(before, limit))
    }
}
