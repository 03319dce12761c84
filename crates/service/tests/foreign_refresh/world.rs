//! Nodes over one store, an issuer that counts its calls, and time that passes by itself.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use perennial_edge::foreign::{
    ForeignRefreshes, ForeignResult, ForeignToken, IssuerAnswer, IssuerCall, Renewal, Spent,
};
use perennial_protocol::{
    admin_key::AdminKey,
    audit::AuditEvent,
    id::{SessionKey, Sid, Subject},
    key::KeyId,
    login::{Account, Email, Pending},
    refusal::Refusal,
    session::Session,
    time::{Millis, UnixMillis},
};
use perennial_service::{
    clock::Clock,
    entropy::SystemEntropy,
    keys::{KeyKind, KeyRecord, Keyring, Keys},
    operations::foreign_refresh::ForeignRefresher,
};
use perennial_store::{
    Allowance, AllowanceKey, Applied, Change, EndPlace, ForeignRefresh, MemoryStore, Result, SessionEnd, Store,
    StoreError,
};
use tokio::time::{Instant, sleep};

/// The clock of every node, which the runtime's time moves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RuntimeClock(Instant);

impl Clock for RuntimeClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(1_790_000_000_000 + i64::try_from(self.0.elapsed().as_millis()).expect("it is not late"))
    }
}

/// A store that can be cut off.
#[derive(Debug, Default)]
pub(crate) struct Cuttable {
    pub(crate) memory: MemoryStore,
    is_cut: AtomicBool,
    looks: AtomicU32,
    loses_an_answer: AtomicBool,
    stands_still: AtomicBool,
}

impl Cuttable {
    pub(crate) fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::SeqCst);
    }

    /// The next change happens, and is not acknowledged.
    pub(crate) fn lose_an_answer(&self) {
        self.loses_an_answer.store(true, Ordering::SeqCst);
    }

    /// The machine stops for 15 seconds after the next change.
    pub(crate) fn stand_still(&self) {
        self.stands_still.store(true, Ordering::SeqCst);
    }

    /// How often somebody looked at refreshes.
    pub(crate) fn looks(&self) -> u32 {
        self.looks.load(Ordering::SeqCst)
    }

    fn reach(&self) -> Result<&MemoryStore> {
        match self.is_cut.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("it is cut off".into())),
            false => Ok(&self.memory),
        }
    }
}

#[rustfmt::skip]
#[async_trait]
impl Store for Cuttable {
    async fn load_foreign_refreshes(&self, token_hashes: &[[u8; 32]]) -> Result<Vec<ForeignRefresh>> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        let rows = self.reach()?.load_foreign_refreshes(token_hashes).await;
        // Whoever looks at the same time sees the same.
        tokio::task::yield_now().await;
        rows
    }

    async fn apply(&self, change: Change) -> Result<Applied> {
        let applied = self.reach()?.apply(change).await;
        if self.stands_still.swap(false, Ordering::SeqCst) {
            tokio::time::advance(Duration::from_secs(15)).await;
        }
        match self.loses_an_answer.swap(false, Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("nobody knows whether it happened".into())),
            false => applied,
        }
    }

    async fn sweep_foreign_refreshes(&self, before: UnixMillis, limit: usize) -> Result<usize> {
        self.reach()?.sweep_foreign_refreshes(before, limit).await
    }

    // Nothing else is asked here.
    async fn load_sessions(&self, _: &[Sid]) -> Result<Vec<Session>> { unreachable!() }
    async fn load_session_by_key(&self, _: &SessionKey) -> Result<Option<Session>> { unreachable!() }
    async fn load_sessions_of(&self, _: &Subject, _: UnixMillis, _: usize) -> Result<Vec<Session>> { unreachable!() }
    async fn load_ends(&self, _: EndPlace, _: usize) -> Result<Vec<SessionEnd>> { unreachable!() }
    async fn load_account(&self, _: &Subject) -> Result<Option<Account>> { unreachable!() }
    async fn load_account_by_email(&self, _: &Email) -> Result<Option<Account>> { unreachable!() }
    async fn load_accounts(&self, _: Option<&Email>, _: usize) -> Result<Vec<Account>> { unreachable!() }
    async fn load_pending(&self, _: &[[u8; 32]]) -> Result<Option<Pending>> { unreachable!() }
    async fn load_allowance(&self, _: &AllowanceKey) -> Result<Option<Allowance>> { unreachable!() }
    async fn load_admin_key(&self, _: &[u8; 32]) -> Result<Option<AdminKey>> { unreachable!() }
    async fn load_admin_keys(&self, _: usize) -> Result<Vec<AdminKey>> { unreachable!() }
    async fn load_audit(&self, _: usize) -> Result<Vec<AuditEvent>> { unreachable!() }
    async fn sweep(&self, _: UnixMillis, _: usize) -> Result<usize> { unreachable!() }
}

/// One store, and what every node is made of.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) store: Arc<Cuttable>,
    clock: RuntimeClock,
    pub(crate) issuer: Issuer,
}

/// A node; it can be told of other keys.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    refresher: Arc<ForeignRefresher>,
    keyring: Keyring,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { store: Arc::default(), clock: RuntimeClock(Instant::now()), issuer: Issuer::default() }
    }

    /// A node that knows these MAC keys and uses the last one.
    pub(crate) fn node(&self, macs: &[u16]) -> Node {
        let keyring = Keyring::new(keys(macs));
        let (store, clock) = (Arc::clone(&self.store) as Arc<dyn Store>, Arc::new(self.clock));
        let refresher = ForeignRefresher::new(store, keyring.clone(), clock, Arc::new(SystemEntropy));
        Node { refresher: Arc::new(refresher), keyring }
    }

    pub(crate) fn two_nodes(&self) -> [Node; 2] {
        [self.node(&[1]), self.node(&[1])]
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.clock.now()
    }
}

impl Node {
    pub(crate) async fn spend(&self, token: &str, call: IssuerCall) -> std::result::Result<Spent, Refusal> {
        self.refresher.spend("users", &ForeignToken::new(token.into()), call).await
    }

    pub(crate) async fn spend_at(&self, issuer: &str, call: IssuerCall) -> std::result::Result<Spent, Refusal> {
        self.refresher.spend(issuer, &ForeignToken::new("a".into()), call).await
    }

    /// The same, for somebody else to wait for.
    pub(crate) fn spending(
        &self,
        token: &'static str,
        call: IssuerCall,
    ) -> tokio::task::JoinHandle<std::result::Result<Spent, Refusal>> {
        let node = self.clone();
        tokio::spawn(async move { node.spend(token, call).await })
    }

    pub(crate) async fn settled(&self) {
        self.refresher.settled().await;
    }

    pub(crate) fn learns(&self, macs: &[u16]) {
        self.keyring.replace(keys(macs));
    }
}

/// Keys of which the last MAC key signs.
fn keys(macs: &[u16]) -> Keys {
    static SIGNING: OnceLock<Vec<u8>> = OnceLock::new();
    let signing = SIGNING.get_or_init(|| {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key pair");
        pair.to_pkcs8v1().expect("a document").as_ref().to_vec()
    });
    let record = |kind, id, active_from, secret| KeyRecord {
        kind,
        id: KeyId(id),
        active_from: UnixMillis(active_from),
        secret: zeroize::Zeroizing::new(secret),
    };
    let mac = |(from, id): (i64, &u16)| record(KeyKind::Mac, *id, from, vec![u8::try_from(*id).expect("small"); 32]);
    let mut records: Vec<KeyRecord> = (0..).zip(macs).map(mac).collect();
    records.push(record(KeyKind::Signing, 1, 0, signing.clone()));
    records.push(record(KeyKind::Seal, 1, 0, vec![9; 32]));
    Keys::at(&records, UnixMillis(1000)).expect("one key of each kind")
}

/// An issuer that counts how often it is called.
#[derive(Debug, Default, Clone)]
pub(crate) struct Issuer(Arc<AtomicU32>);

impl Issuer {
    pub(crate) fn calls(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    /// A call that takes so long, and then comes to `answer` of its number.
    pub(crate) fn call(&self, millis: u64, answer: impl FnOnce(u32) -> IssuerAnswer + Send + 'static) -> IssuerCall {
        let calls = Arc::clone(&self.0);
        Box::pin(async move {
            let number = calls.fetch_add(1, Ordering::SeqCst) + 1;
            sleep(Duration::from_millis(millis)).await;
            answer(number)
        })
    }

    /// A call of 100 ms that yields `successor`, for an hour.
    pub(crate) fn renews(&self, successor: &'static str) -> IssuerCall {
        self.call(100, |number| renewed(number, Some(successor)))
    }

    pub(crate) fn refuses(&self) -> IssuerCall {
        self.call(100, |_| IssuerAnswer::Refused)
    }
}

pub(crate) fn renewed(number: u32, successor: Option<&str>) -> IssuerAnswer {
    let successor = successor.map(|text| ForeignToken::new(text.into()));
    IssuerAnswer::Renewed(Renewal { result: result(number), successor, lives: Millis::hours(1) })
}

fn result(number: u32) -> ForeignResult {
    ForeignResult::checked(format!("tokens of call {number}").as_bytes()).expect("it is small")
}

/// What everybody hears of the issuer's call of this number.
pub(crate) fn tokens_of(number: u32) -> std::result::Result<Spent, Refusal> {
    Ok(Spent::Renewed(result(number)))
}

#[track_caller]
pub(crate) fn is_unavailable(outcome: &std::result::Result<Spent, Refusal>) {
    assert!(matches!(outcome, Err(Refusal::AuthUnavailable { .. })), "{outcome:?}");
}

pub(crate) async fn seconds(count: u64) {
    sleep(Duration::from_secs(count)).await;
}
