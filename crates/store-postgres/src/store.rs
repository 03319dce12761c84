//! The port, implemented: loads go to the readers, a single write to its lane, other changes to a
//! transaction of their own.

use async_trait::async_trait;
use perennial_protocol::{
    admin_key::AdminKey,
    audit::AuditEvent,
    id::{SessionKey, Sid, Subject},
    login::{Account, Email, Pending},
    session::Session,
    time::{Millis, UnixMillis},
};
use perennial_store::{Allowance, AllowanceKey, Applied, Change, EndPlace, ForeignRefresh, Result, SessionEnd, Store};

use crate::{
    PostgresStore, limits, load,
    locks::locks,
    order::{self, Order, Reach},
    transactions::Plan,
    write,
};

#[async_trait]
impl Store for PostgresStore {
    /// Calls to a database that says nothing are over after `Options::silence`.
    fn patience(&self) -> Millis {
        limits::PATIENCE
    }

    async fn load_sessions(&self, sids: &[Sid]) -> Result<Vec<Session>> {
        load::sessions(&self.readers, sids).await
    }

    async fn load_session_by_key(&self, key: &SessionKey) -> Result<Option<Session>> {
        load::session_by_key(&self.readers, key).await
    }

    async fn load_sessions_of(&self, subject: &Subject, now: UnixMillis, limit: usize) -> Result<Vec<Session>> {
        load::sessions_of(&self.readers, subject, now, limit).await
    }

    async fn load_ends(&self, after: EndPlace, limit: usize) -> Result<Vec<SessionEnd>> {
        load::ends(&self.readers, after, limit).await
    }

    async fn load_account(&self, id: &Subject) -> Result<Option<Account>> {
        load::account(&self.readers, id).await
    }

    async fn load_account_by_email(&self, email: &Email) -> Result<Option<Account>> {
        load::account_by_email(&self.readers, email).await
    }

    async fn load_accounts(&self, after: Option<&Email>, limit: usize) -> Result<Vec<Account>> {
        load::accounts(&self.readers, after, limit).await
    }

    async fn load_pending(&self, token_hashes: &[[u8; 32]]) -> Result<Option<Pending>> {
        load::pending(&self.readers, token_hashes).await
    }

    async fn load_allowance(&self, key: &AllowanceKey) -> Result<Option<Allowance>> {
        load::allowance(&self.readers, key).await
    }

    async fn load_admin_key(&self, hash: &[u8; 32]) -> Result<Option<AdminKey>> {
        load::admin_key(&self.readers, hash).await
    }

    async fn load_admin_keys(&self, limit: usize) -> Result<Vec<AdminKey>> {
        load::admin_keys(&self.readers, limit).await
    }

    async fn load_foreign_refreshes(&self, token_hashes: &[[u8; 32]]) -> Result<Vec<ForeignRefresh>> {
        load::foreign_refreshes(&self.readers, token_hashes).await
    }

    async fn load_audit(&self, limit: usize) -> Result<Vec<AuditEvent>> {
        load::audit(&self.readers, limit).await
    }

    async fn apply(&self, change: Change) -> Result<Applied> {
        let orders = write::orders(&change);
        order::check(&orders)?;
        let locks = if orders.len() > 1 || orders.iter().any(|order| order.reach == Reach::Rows) {
            locks(&change)
        } else {
            Vec::new()
        };
        self.carry_out(orders, locks).await
    }

    async fn sweep(&self, before: UnixMillis, limit: usize) -> Result<usize> {
        self.delete(write::sweep(before, limit)).await
    }

    async fn sweep_foreign_refreshes(&self, before: UnixMillis, limit: usize) -> Result<usize> {
        self.delete(vec![write::sweep_foreign_refreshes(before, limit)]).await
    }
}

impl PostgresStore {
    async fn delete(&self, orders: Vec<Order>) -> Result<usize> {
        let rows = self.transactions.carry_out(orders).await?;
        Ok(usize::try_from(rows).unwrap_or(usize::MAX))
    }

    pub(crate) async fn carry_out(&self, mut writes: Vec<Order>, locks: Vec<Order>) -> Result<Applied> {
        let is_alone = writes.len() == 1;
        match writes.pop() {
            None => Ok(Applied::Done),
            Some(Order { sql, values, guard, reach: Reach::Row(place) }) if is_alone => {
                let order = Order { sql, values, guard, reach: Reach::Row(place.clone()) };
                let rows = self.lanes.write(place, order).await?;
                Ok(guard.outcome(rows))
            }
            Some(last) => {
                writes.push(last);
                self.transactions.apply(Plan { locks, writes }).await
            }
        }
    }
}
