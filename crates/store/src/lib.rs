//! The store as everything above it sees it: a few loads, and one way to write.
//!
//! A write is a `Change`: guarded writes that happen all together or not at all. A guard that does not
//! hold makes the change `Stale`, and whoever asked loads again and decides again. `apply` answers after
//! the change is durable. Every store passes `contract`, one function per promise.

pub mod change;
pub mod contract;
pub mod foreign;
pub mod memory;
pub mod sealed_keys;

use async_trait::async_trait;
use perennial_protocol::{
    admin_key::AdminKey,
    audit::AuditEvent,
    id::{SessionKey, Sid, Subject},
    login::{Account, Email, Pending},
    session::{Ended, Session},
    time::{Millis, UnixMillis},
};

pub use change::{Allowance, AllowanceKey, Applied, Change, Write};
pub use foreign::{ForeignRefresh, ForeignState, LeaseId, SealedResult};
pub use memory::MemoryStore;
pub use sealed_keys::{SealedKey, SealedKeyStore};

/// The store could not answer: nothing is known about what was asked, and a write may or may not have
/// happened. It never means "no".
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    #[error("the store holds a row that cannot be read: {0}")]
    Corrupt(String),
}

pub type Result<T> = std::result::Result<T, StoreError>;

/// One entry of the log of ends: which session was ended before its time, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEnd {
    pub sid: Sid,
    pub session_key: SessionKey,
    pub ended: Ended,
}

impl SessionEnd {
    pub const fn place(&self) -> EndPlace {
        EndPlace { at: self.ended.at, sid: self.sid }
    }
}

/// A place in the log of ends, which is in the order of the ends' times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndPlace {
    pub at: UnixMillis,
    pub sid: Sid,
}

impl EndPlace {
    /// Before every end at `at`, and after every earlier one.
    pub const fn before(at: UnixMillis) -> Self {
        Self { at: UnixMillis(at.0.saturating_sub(1)), sid: Sid([0xff; 16]) }
    }
}

/// What a store does. Loads see every change that was applied before they began.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// How long a refresh or a session read waits for an answer before it says `auth_unavailable`. A store that
    /// tells by itself, and sooner, that it is gone may be waited for longer: it is slow then.
    fn patience(&self) -> Millis {
        Millis(200)
    }

    /// The sessions among `sids` that exist, ended ones included, in any order.
    async fn load_sessions(&self, sids: &[Sid]) -> Result<Vec<Session>>;

    async fn load_session_by_key(&self, key: &SessionKey) -> Result<Option<Session>>;

    /// The sessions of `subject` that have neither been ended nor reached their absolute end, newest
    /// first, at most `limit`.
    async fn load_sessions_of(&self, subject: &Subject, now: UnixMillis, limit: usize) -> Result<Vec<Session>>;

    /// The log of ends after `after`, at most `limit` entries. An end that is committed late appears at the
    /// place of its time, so that whoever reads on has to look back a little.
    async fn load_ends(&self, after: EndPlace, limit: usize) -> Result<Vec<SessionEnd>>;

    async fn load_account(&self, id: &Subject) -> Result<Option<Account>>;

    async fn load_account_by_email(&self, email: &Email) -> Result<Option<Account>>;

    /// Accounts in the order of their e-mail addresses, after `after`, at most `limit`.
    async fn load_accounts(&self, after: Option<&Email>, limit: usize) -> Result<Vec<Account>>;

    /// The pending step under the first of `token_hashes` that is known, even if its time is over.
    async fn load_pending(&self, token_hashes: &[[u8; 32]]) -> Result<Option<Pending>>;

    async fn load_allowance(&self, key: &AllowanceKey) -> Result<Option<Allowance>>;

    async fn load_admin_key(&self, hash: &[u8; 32]) -> Result<Option<AdminKey>>;

    /// Keys of the admin API, revoked ones included, in the order of their names, at most `limit`.
    async fn load_admin_keys(&self, limit: usize) -> Result<Vec<AdminKey>>;

    /// What is kept under these hashes of foreign tokens, even if its time is over, in any order.
    async fn load_foreign_refreshes(&self, token_hashes: &[[u8; 32]]) -> Result<Vec<ForeignRefresh>>;

    /// The newest events first, at most `limit`.
    async fn load_audit(&self, limit: usize) -> Result<Vec<AuditEvent>>;

    /// Applies all of `change`, durably, or nothing of it.
    async fn apply(&self, change: Change) -> Result<Applied>;

    /// Forgets what nobody can ask for any more: sessions whose absolute end is before `before`, pending
    /// steps and allowances that ended before it. At most `limit` rows of each; answers how many went.
    async fn sweep(&self, before: UnixMillis, limit: usize) -> Result<usize>;

    /// Forgets leases and results of foreign refreshes whose time was over before `before`. At most `limit`;
    /// answers how many went.
    async fn sweep_foreign_refreshes(&self, before: UnixMillis, limit: usize) -> Result<usize>;
}
