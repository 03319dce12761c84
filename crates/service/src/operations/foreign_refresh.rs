//! Spending a foreign issuer's refresh token: by one node, once, and everybody hears what came of it.
//!
//! The first who comes takes a lease in the store and calls the issuer; on its own node others wait for it, on other nodes
//! they look at the store until the result is there. The lease is written before the call, so that a node
//! which dies in the middle leaves behind that the token may be spent: another one tries when the lease is over.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use perennial_edge::foreign::{
    ForeignRefreshes, ForeignResult, ForeignToken, IssuerAnswer, IssuerCall, Renewal, Spent,
};
use perennial_protocol::{
    refusal::Refusal,
    time::{Millis, UnixMillis},
};
use perennial_store::{Applied, Change, ForeignRefresh, ForeignState, LeaseId, SealedResult, Store, StoreError, Write};
use tokio::time::{Instant, sleep, timeout};
use zeroize::Zeroizing;

use crate::{
    clock::Clock,
    credentials::foreign::{KeyedToken, keyed},
    entropy::{self, Entropy},
    flights::Flights,
    keys::{Keyring, Keys},
    limits,
};

/// Spends foreign tokens for the gateways of this process.
pub struct ForeignRefresher {
    shared: Arc<Shared>,
    flights: Flights<[u8; 32], Result<Spent, Refusal>>,
}

struct Shared {
    store: Arc<dyn Store>,
    keyring: Keyring,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for ForeignRefresher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ForeignRefresher({:?})", self.flights)
    }
}

impl ForeignRefresher {
    pub fn new(store: Arc<dyn Store>, keyring: Keyring, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { shared: Arc::new(Shared { store, keyring, clock, entropy }), flights: Flights::default() }
    }

    /// Waits until nothing is under way: a process that stops earlier may leave a token spent, and its successor
    /// with nobody.
    pub async fn settled(&self) {
        self.flights.landed().await;
    }
}

#[async_trait]
impl ForeignRefreshes for ForeignRefresher {
    async fn spend(&self, issuer: &str, token: &ForeignToken, call: IssuerCall) -> Result<Spent, Refusal> {
        let spending = Spending { shared: Arc::clone(&self.shared), issuer: issuer.into(), token: token.clone() };
        let current = spending.known(&self.shared.keyring.keys())[0].hash;
        let told = self.flights.join(current, spending.outcome(call)).await;
        told.unwrap_or_else(|| Err(self.shared.busy()))
    }
}

/// One token that is to be spent.
struct Spending {
    shared: Arc<Shared>,
    issuer: String,
    token: ForeignToken,
}

/// What the rows of a token say together.
enum Found<'r> {
    Done(&'r [u8; 32], &'r SealedResult),
    Leased,
    Nothing,
}

fn found(rows: &[ForeignRefresh], now: UnixMillis) -> Found<'_> {
    let mut found = Found::Nothing;
    for row in rows.iter().filter(|row| row.ends_at > now) {
        match &row.state {
            ForeignState::Done { sealed, .. } => return Found::Done(&row.token_hash, sealed),
            ForeignState::Leased(_) => found = Found::Leased,
        }
    }
    found
}

impl Spending {
    /// The token under every key. A node may know a key that another one does not know yet, or not any more,
    /// so lease and result stand under every key: two nodes meet at the one that both know.
    fn known(&self, keys: &Keys) -> Vec<KeyedToken> {
        keyed(&keys.mac, &self.issuer, self.token.expose())
    }

    async fn outcome(self, call: IssuerCall) -> Result<Spent, Refusal> {
        let lease = LeaseId(entropy::bytes(&*self.shared.entropy));
        let give_up = Instant::now() + Duration::from(limits::FOREIGN_WAIT);
        let mut pause = limits::FOREIGN_LOOK_FIRST;
        loop {
            let keys = self.shared.keyring.keys();
            let known = self.known(&keys);
            let hashes: Vec<[u8; 32]> = known.iter().map(|key| key.hash).collect();
            let now = self.shared.clock.now();
            let rows = self.shared.ask(self.shared.store.load_foreign_refreshes(&hashes)).await?;
            match found(&rows, now) {
                Found::Done(hash, sealed) => return self.told(&known, hash, sealed),
                Found::Leased => {}
                Found::Nothing => match self.lease(&hashes, lease, now).await {
                    Ok(Applied::Stale) => {}
                    Ok(Applied::Done) if self.is_in_time(now) => {
                        return self.call(&keys, &known, lease, call).await;
                    }
                    // Without an answer it may have been taken all the same, and would stand in everybody's way.
                    late => {
                        self.release(&known, lease).await;
                        return Err(late.err().unwrap_or_else(|| self.shared.busy()));
                    }
                },
            }
            if Instant::now() >= give_up {
                count("not_awaited");
                return Err(self.shared.busy());
            }
            sleep(pause.into()).await;
            pause = Millis(pause.0 * 2).min(limits::FOREIGN_LOOK_LONGEST);
        }
    }

    /// Takes the lease under every key, or under none.
    async fn lease(&self, hashes: &[[u8; 32]], lease: LeaseId, now: UnixMillis) -> Result<Applied, Refusal> {
        let mut sorted = hashes.to_vec();
        // Nodes that think of different keys first do not wait for each other in a circle.
        sorted.sort_unstable();
        let until = now.plus(limits::FOREIGN_LEASE);
        let mut writes: Vec<Write> =
            sorted.into_iter().map(|token_hash| Write::LeaseForeignRefresh { token_hash, lease, until, now }).collect();
        // That this token is presented shows that its predecessor's answer arrived. Whoever still comes with the
        // predecessor after a while is none of those who were under way, and the issuer shall see it.
        let until = now.plus(limits::FOREIGN_OVERLAP);
        writes.push(Write::ShortenForeignResults { successors: hashes.to_vec(), until });
        self.shared.apply(writes).await
    }

    /// Whether a call that begins now is over before the lease of `leased_at` is: a machine may have stood still since.
    fn is_in_time(&self, leased_at: UnixMillis) -> bool {
        self.shared.clock.now().plus(limits::FOREIGN_CALL_WAIT) < leased_at.plus(limits::FOREIGN_LEASE)
    }

    fn told(&self, known: &[KeyedToken], hash: &[u8; 32], sealed: &SealedResult) -> Result<Spent, Refusal> {
        let opened = known.iter().find(|key| key.hash == *hash).and_then(|key| key.open(sealed));
        let kept = opened.and_then(|bytes| Kept::read(&bytes));
        match kept {
            Some(Kept::Renewed(result)) => {
                count("shared");
                Ok(Spent::Renewed(result))
            }
            Some(Kept::Refused) => Ok(Spent::Refused),
            Some(Kept::Unknown) => Err(self.shared.busy()),
            None => {
                tracing::error!("the result of a foreign refresh does not open: somebody changed the store");
                Err(self.shared.busy())
            }
        }
    }

    async fn call(
        &self,
        keys: &Keys,
        known: &[KeyedToken],
        lease: LeaseId,
        call: IssuerCall,
    ) -> Result<Spent, Refusal> {
        let answer = timeout(limits::FOREIGN_CALL_WAIT.into(), call).await.unwrap_or(IssuerAnswer::Unknown);
        match answer {
            IssuerAnswer::Renewed(Renewal { result, successor, lives }) => {
                count("renewed");
                let successor = successor.filter(|successor| *successor != self.token);
                // A token that stays as it is will be good for another answer when this one has died.
                let kept_for = if successor.is_some() { lives } else { lives.min(limits::FOREIGN_BURST) };
                let successors = successor.map(|token| keyed(&keys.mac, &self.issuer, token.expose()));
                let successors = successors.unwrap_or_default();
                self.keep(known, lease, &Kept::Renewed(result.clone()), &successors, kept_for).await;
                Ok(Spent::Renewed(result))
            }
            IssuerAnswer::Refused => {
                count("refused");
                self.keep(known, lease, &Kept::Refused, &[], limits::FOREIGN_REFUSAL_KEPT).await;
                Ok(Spent::Refused)
            }
            IssuerAnswer::Unknown => {
                count("unknown");
                self.keep(known, lease, &Kept::Unknown, &[], limits::FOREIGN_PAUSE).await;
                Err(self.shared.busy())
            }
            IssuerAnswer::Unsent => {
                count("unsent");
                self.release(known, lease).await;
                Err(self.shared.busy())
            }
        }
    }

    /// Gives the lease back; where that fails, it runs out by itself.
    async fn release(&self, known: &[KeyedToken], lease: LeaseId) {
        let release = |key: &KeyedToken| Write::ReleaseForeignRefresh { token_hash: key.hash, lease };
        let _ = self.shared.apply(known.iter().map(release).collect()).await;
    }

    /// Puts what came of it in place of the lease, before anybody is told.
    async fn keep(
        &self,
        known: &[KeyedToken],
        lease: LeaseId,
        outcome: &Kept,
        successors: &[KeyedToken],
        kept_for: Millis,
    ) {
        let kept_until = self.shared.clock.now().plus(kept_for);
        let bytes = outcome.bytes();
        let finish = |(position, key): (usize, &KeyedToken)| {
            let sealed = key.seal(&bytes, &*self.shared.entropy).expect("the longest result can be kept");
            let successor = successors.get(position).map(|successor| successor.hash);
            Write::FinishForeignRefresh { token_hash: key.hash, lease, sealed, successor, kept_until }
        };
        let writes: Vec<Write> = known.iter().enumerate().map(finish).collect();
        for _ in 0..limits::FOREIGN_KEEP_ATTEMPTS {
            // A stale one may be our own, whose answer was lost.
            if self.shared.apply(writes.clone()).await.is_ok() {
                return;
            }
            sleep(limits::FOREIGN_KEEP_PAUSE.into()).await;
        }
        tracing::warn!("the outcome of a foreign refresh was not kept; another node may send the spent token again");
    }
}

/// What is kept of a call.
enum Kept {
    Renewed(ForeignResult),
    Refused,
    Unknown,
}

const RENEWED: u8 = 1;
const REFUSED: u8 = 2;
const UNKNOWN: u8 = 3;

const _: () = assert!(1 + ForeignResult::BYTES_MAX + KeyedToken::OVERHEAD <= SealedResult::BYTES_MAX);

impl Kept {
    fn bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Renewed(result) => [&[RENEWED], result.expose()].concat(),
            Self::Refused => vec![REFUSED],
            Self::Unknown => vec![UNKNOWN],
        })
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (&RENEWED, result) => ForeignResult::checked(result).map(Self::Renewed),
            (&REFUSED, []) => Some(Self::Refused),
            (&UNKNOWN, []) => Some(Self::Unknown),
            _ => None,
        }
    }
}

impl Shared {
    async fn apply(&self, writes: Vec<Write>) -> Result<Applied, Refusal> {
        self.ask(self.store.apply(Change(writes))).await
    }

    async fn ask<T>(&self, question: impl Future<Output = perennial_store::Result<T>>) -> Result<T, Refusal> {
        let none = |_| Err(StoreError::Unavailable(format!("no answer in {}", limits::STORE_WAIT)));
        timeout(limits::STORE_WAIT.into(), question).await.unwrap_or_else(none).map_err(|error| {
            tracing::warn!(reason = %error, "the store did not say who spends a foreign token");
            self.busy()
        })
    }

    fn busy(&self) -> Refusal {
        let jitter = i64::from(entropy::number(&*self.entropy) % 500);
        Refusal::AuthUnavailable { retry_after: Millis(limits::FOREIGN_PAUSE.0 + jitter) }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("perennial_foreign_refresh_total", "outcome" => outcome).increment(1);
}
