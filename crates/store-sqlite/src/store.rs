//! The port, implemented: loads go to the readers, changes to the writer.

use async_trait::async_trait;
use perennial_protocol::{
    admin_key::AdminKey,
    audit::AuditEvent,
    id::{SessionKey, Sid, Subject},
    login::{Account, Email, Pending},
    session::Session,
    time::UnixMillis,
};
use perennial_store::{Allowance, AllowanceKey, Applied, Change, EndPlace, ForeignRefresh, Result, SessionEnd, Store};

use crate::{
    SqliteStore, load, write,
    writer::{Outcome, Work},
};

#[async_trait]
impl Store for SqliteStore {
    async fn load_sessions(&self, sids: &[Sid]) -> Result<Vec<Session>> {
        self.readers.read(|db| load::sessions(db, sids))
    }

    async fn load_session_by_key(&self, key: &SessionKey) -> Result<Option<Session>> {
        self.readers.read(|db| load::session_by_key(db, key))
    }

    async fn load_sessions_of(&self, subject: &Subject, now: UnixMillis, limit: usize) -> Result<Vec<Session>> {
        self.readers.read(|db| load::sessions_of(db, subject, now, limit))
    }

    async fn load_ends(&self, after: EndPlace, limit: usize) -> Result<Vec<SessionEnd>> {
        self.readers.read(|db| load::ends(db, after, limit))
    }

    async fn load_account(&self, id: &Subject) -> Result<Option<Account>> {
        self.readers.read(|db| load::account(db, id))
    }

    async fn load_account_by_email(&self, email: &Email) -> Result<Option<Account>> {
        self.readers.read(|db| load::account_by_email(db, email))
    }

    async fn load_accounts(&self, after: Option<&Email>, limit: usize) -> Result<Vec<Account>> {
        self.readers.read(|db| load::accounts(db, after, limit))
    }

    async fn load_pending(&self, token_hashes: &[[u8; 32]]) -> Result<Option<Pending>> {
        self.readers.read(|db| load::pending(db, token_hashes))
    }

    async fn load_allowance(&self, key: &AllowanceKey) -> Result<Option<Allowance>> {
        self.readers.read(|db| load::allowance(db, key))
    }

    async fn load_admin_key(&self, hash: &[u8; 32]) -> Result<Option<AdminKey>> {
        self.readers.read(|db| load::admin_key(db, hash))
    }

    async fn load_admin_keys(&self, limit: usize) -> Result<Vec<AdminKey>> {
        self.readers.read(|db| load::admin_keys(db, limit))
    }

    async fn load_foreign_refreshes(&self, token_hashes: &[[u8; 32]]) -> Result<Vec<ForeignRefresh>> {
        self.readers.read(|db| load::foreign_refreshes(db, token_hashes))
    }

    async fn load_audit(&self, limit: usize) -> Result<Vec<AuditEvent>> {
        self.readers.read(|db| load::audit(db, limit))
    }

    async fn apply(&self, change: Change) -> Result<Applied> {
        self.writer.run(Work::Apply(change)).await.map(|outcome| match outcome {
            Outcome::Done { .. } => Applied::Done,
            Outcome::Stale => Applied::Stale,
        })
    }

    async fn sweep(&self, before: UnixMillis, limit: usize) -> Result<usize> {
        self.sweep_tables(write::OVER, before, limit).await
    }

    async fn sweep_foreign_refreshes(&self, before: UnixMillis, limit: usize) -> Result<usize> {
        self.sweep_tables(write::FOREIGN_OVER, before, limit).await
    }
}

impl SqliteStore {
    async fn sweep_tables(&self, over: &'static [&'static str], before: UnixMillis, limit: usize) -> Result<usize> {
        self.writer.run(Work::Sweep { over, before, limit }).await.map(|outcome| match outcome {
            Outcome::Done { swept } => swept,
            Outcome::Stale => 0,
        })
    }
}
