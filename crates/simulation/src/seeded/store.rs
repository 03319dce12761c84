//! The store between the nodes: a memory store that answers late, not at all, after the write, or from
//! yesterday. Each call yields before and after it reaches the tables, so another node's whole request may
//! run between one node's load and its write.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::FutureExt;
use perennial_protocol::{
    admin_key::AdminKey,
    audit::AuditEvent,
    id::{SessionKey, Sid, Subject},
    login::{Account, Email, Pending},
    refresh::{Generation, Parent},
    session::{EndReason, Session},
    time::{Millis, UnixMillis},
};
use perennial_service::clock::Clock;
use perennial_store::{
    Allowance, AllowanceKey, Applied, Change, EndPlace, ForeignRefresh, MemoryStore, Result, SessionEnd, Store,
    StoreError, Write,
};
use tokio::sync::Notify;

use super::{
    chance::Chance,
    clock::{VirtualClock, pass},
    plan::{Loses, Plan, Twist},
    properties::FALSE_ALARM,
    witness::Witness,
};

/// The longest that a call of a store that is up takes on its way there or back.
const LAG_MAX: Millis = Millis(40);

/// How long a call of a store that is down may take to say so: longer than anybody waits.
const HANGS: Millis = Millis(2500);

/// One in so many writes of a store that fails at times happens without being acknowledged.
const UNSAID: u32 = 20;

#[derive(Debug)]
struct State {
    tables: Arc<MemoryStore>,
    /// What the store goes back to when it loses its last write.
    before: Option<Arc<MemoryStore>>,
    down_until: UnixMillis,
    /// When somebody was last refused.
    refused_at: UnixMillis,
}

/// The store of a world.
#[derive(Debug)]
pub struct ShakyStore {
    plan: Plan,
    clock: VirtualClock,
    chance: Arc<Chance>,
    witness: Arc<Witness>,
    state: Mutex<State>,
    /// Rings when a session has ended.
    pub ended: Notify,
}

/// What becomes of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    Refused,
    /// It happened, and nobody is told.
    Unsaid,
}

impl ShakyStore {
    pub fn new(plan: Plan, clock: VirtualClock, chance: Arc<Chance>, witness: Arc<Witness>) -> Self {
        let (down_until, refused_at) = (UnixMillis(0), UnixMillis(0));
        let state = State { tables: Arc::default(), before: None, down_until, refused_at };
        Self { plan, clock, chance, witness, state: Mutex::new(state), ended: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tables(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.state().tables)
    }

    /// Nobody gets an answer until then.
    pub fn go_down(&self, until: UnixMillis) {
        self.state().down_until = until;
    }

    pub fn is_down(&self) -> bool {
        self.state().down_until > self.clock.now()
    }

    /// Whether somebody was refused since then: the store was not up all the time.
    pub fn failed_since(&self, then: UnixMillis) -> bool {
        self.state().refused_at >= then || self.is_down()
    }

    /// The rows as they are, without a fault.
    pub fn rows(&self, sids: &[Sid]) -> Vec<Session> {
        let tables = self.tables();
        let rows = tables.load_sessions(sids).now_or_never().expect("the memory store never waits");
        rows.expect("the memory store never fails")
    }

    /// Writes without a fault, as nobody should.
    pub fn meddle(&self, write: Write) {
        let tables = self.tables();
        let _ = tables.apply(Change(vec![write])).now_or_never();
    }

    /// The store loses the last rotation, and whatever came after it.
    pub fn lose_last_write(&self) {
        let Some(before) = self.state().before.take() else { return };
        self.state().tables = before;
        self.witness.befell("site", "the store loses its last write");
        let sids = self.witness.sessions();
        for row in self.rows(&sids) {
            self.witness.stands_at(row.sid, row.rotation.generation);
            if row.ended.is_none() {
                let now = self.clock.now();
                self.witness.change(row.sid, |life| {
                    let lost = life.ended.is_some() && life.end_lost.is_none();
                    life.end_lost = if lost { Some(now) } else { life.end_lost };
                });
            }
        }
    }

    async fn lag(&self) {
        match self.chance.one_in(2) {
            true => pass(self.chance.between(Millis(1), LAG_MAX)).await,
            false => tokio::task::yield_now().await,
        }
    }

    /// A load reaches the tables.
    async fn reach(&self) -> Result<Arc<MemoryStore>> {
        self.lag().await;
        if self.is_down() { self.refuse().await } else { Ok(self.tables()) }
    }

    /// Its answer is on the way back, and others may write.
    async fn bring<T>(&self, answer: T) -> T {
        self.lag().await;
        answer
    }

    async fn refuse<T>(&self) -> Result<T> {
        self.witness.count("store calls refused");
        self.state().refused_at = self.clock.now();
        if self.chance.one_in(3) {
            pass(HANGS).await;
        }
        self.state().refused_at = self.clock.now();
        Err(StoreError::Unavailable("it is down".to_owned()))
    }

    /// A store that fails at times also fails between a write and its acknowledgement.
    fn fate(&self, change: &Change) -> Fate {
        let fails_at_times = self.plan.outages > Millis::ZERO;
        match self.is_down() {
            true => Fate::Refused,
            false if fails_at_times && self.chance.one_in(UNSAID) && self.bears_silence(change) => Fate::Unsaid,
            false => Fate::Answered,
        }
    }

    /// A rotation that nobody is told of is an answer that got lost.
    fn bears_silence(&self, change: &Change) -> bool {
        change.0.iter().all(|write| match write {
            Write::Rotate { sid, to, .. } => self.witness.life(*sid).is_some_and(|life| {
                let is_new = to.generation != life.generation;
                self.plan.losses > u8::from(!is_new) * life.losses && (is_new || life.crashes == 0)
            }),
            _ => true,
        })
    }

    /// Keeps what the store would go back to. A login that was lost could not be made good by anybody.
    fn remember(&self, change: &Change) {
        let mut state = self.state();
        let is_lost_with = |write: &Write| match self.plan.loses {
            Loses::Nothing => false,
            Loses::Rotations => matches!(write, Write::Rotate { .. }),
            Loses::Ends => matches!(write, Write::Rotate { .. } | Write::EndSession { .. }),
        };
        let lasts = |write: &Write| matches!(write, Write::InsertSession(_) | Write::EndSession { .. });
        if change.0.iter().any(is_lost_with) && !change.0.iter().any(|write| matches!(write, Write::InsertSession(_))) {
            state.before = Some(Arc::new(MemoryStore::clone(&state.tables)));
        } else if change.0.iter().any(lasts) {
            state.before = None;
        }
    }

    /// Tells the witness what the change did.
    fn report(&self, change: &Change) {
        for write in &change.0 {
            match write {
                Write::InsertSession(session) => self.witness.began(session),
                Write::Rotate { sid, from_generation, to, .. } => self.rotated(*sid, *from_generation, to.generation),
                Write::EndSession { sid, reason, .. } => self.ended(*sid, *reason),
                _ => {}
            }
        }
    }

    fn rotated(&self, sid: Sid, from: Generation, to: Generation) {
        self.witness.count(if from == to { "windows begun anew" } else { "rotations" });
        self.witness.stands_at(sid, to);
        if let Some(life) = self.witness.life(sid) {
            self.witness.note(life.subject.as_str(), format!("s{} goes from {} to {}", life.number, from.0, to.0));
        }
    }

    fn ended(&self, sid: Sid, reason: EndReason) {
        let Some(life) = self.witness.life(sid) else { return };
        if life.ended.is_some() && life.end_lost.is_none() {
            return;
        }
        // An end counts from its write, whenever it was decided.
        let now = self.clock.now();
        self.witness.change(sid, |life| (life.ended, life.end_lost) = (Some((now, reason)), None));
        self.ended.notify_waiters();
        self.witness.note(life.subject.as_str(), format!("s{} ends: {}", life.number, reason.name()));
        if reason == EndReason::Reuse && !life.stolen {
            let what = format!("s{} was called stolen, and nobody stole it", life.number);
            self.witness.violated(FALSE_ALARM, life.subject.as_str(), what);
        }
    }

    /// The change as a service would have made it that lacks a safeguard.
    fn twisted(&self, mut change: Change) -> Change {
        match self.plan.twist {
            Twist::WindowNeverBeginsAnew => change.0.retain(|write| match write {
                Write::Rotate { from_generation, to, .. } => *from_generation != to.generation,
                _ => true,
            }),
            Twist::BranchesForgotten => {
                for write in &mut change.0 {
                    if let Write::Rotate { to, .. } = write {
                        to.parent = Parent::Unknown;
                    }
                }
            }
            _ => {}
        }
        change
    }
}

#[async_trait]
impl Store for ShakyStore {
    async fn load_sessions(&self, sids: &[Sid]) -> Result<Vec<Session>> {
        self.bring(self.reach().await?.load_sessions(sids).await).await
    }

    async fn load_session_by_key(&self, key: &SessionKey) -> Result<Option<Session>> {
        self.bring(self.reach().await?.load_session_by_key(key).await).await
    }

    async fn load_sessions_of(&self, subject: &Subject, now: UnixMillis, limit: usize) -> Result<Vec<Session>> {
        self.bring(self.reach().await?.load_sessions_of(subject, now, limit).await).await
    }

    async fn load_account(&self, id: &Subject) -> Result<Option<Account>> {
        self.bring(self.reach().await?.load_account(id).await).await
    }

    async fn load_account_by_email(&self, email: &Email) -> Result<Option<Account>> {
        self.bring(self.reach().await?.load_account_by_email(email).await).await
    }

    async fn load_accounts(&self, after: Option<&Email>, limit: usize) -> Result<Vec<Account>> {
        self.bring(self.reach().await?.load_accounts(after, limit).await).await
    }

    async fn load_pending(&self, token_hashes: &[[u8; 32]]) -> Result<Option<Pending>> {
        self.bring(self.reach().await?.load_pending(token_hashes).await).await
    }

    async fn load_allowance(&self, key: &AllowanceKey) -> Result<Option<Allowance>> {
        self.bring(self.reach().await?.load_allowance(key).await).await
    }

    async fn load_audit(&self, limit: usize) -> Result<Vec<AuditEvent>> {
        self.bring(self.reach().await?.load_audit(limit).await).await
    }

    async fn apply(&self, change: Change) -> Result<Applied> {
        self.lag().await;
        let change = self.twisted(change);
        let fate = self.fate(&change);
        if fate == Fate::Refused {
            return self.refuse().await;
        }
        self.remember(&change);
        let applied = self.tables().apply(change.clone()).await?;
        if applied == Applied::Done {
            self.report(&change);
        }
        if fate == Fate::Unsaid {
            self.lose(&change);
            return self.refuse().await;
        }
        self.lag().await;
        Ok(applied)
    }

    async fn load_ends(&self, after: EndPlace, limit: usize) -> Result<Vec<SessionEnd>> {
        self.bring(self.reach().await?.load_ends(after, limit).await).await
    }

    async fn load_admin_key(&self, hash: &[u8; 32]) -> Result<Option<AdminKey>> {
        self.bring(self.reach().await?.load_admin_key(hash).await).await
    }

    async fn load_admin_keys(&self, limit: usize) -> Result<Vec<AdminKey>> {
        self.bring(self.reach().await?.load_admin_keys(limit).await).await
    }

    async fn sweep(&self, before: UnixMillis, limit: usize) -> Result<usize> {
        self.bring(self.reach().await?.sweep(before, limit).await).await
    }

    async fn load_foreign_refreshes(&self, token_hashes: &[[u8; 32]]) -> Result<Vec<ForeignRefresh>> {
        self.bring(self.reach().await?.load_foreign_refreshes(token_hashes).await).await
    }

    async fn sweep_foreign_refreshes(&self, before: UnixMillis, limit: usize) -> Result<usize> {
        self.bring(self.reach().await?.sweep_foreign_refreshes(before, limit).await).await
    }
}

impl ShakyStore {
    fn lose(&self, change: &Change) {
        self.witness.befell("site", "a write happens and is not acknowledged");
        for write in &change.0 {
            if let Write::Rotate { sid, to, .. } = write {
                let _ = self.witness.spends_loss(*sid, to.generation, self.plan.losses);
            }
        }
    }
}
