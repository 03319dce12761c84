//! The service: what every operation works with.

use std::{sync::Arc, time::Duration};

use perennial_protocol::{
    key::Purpose,
    login::throttle::Spend,
    refusal::Refusal,
    time::{Millis, UnixMillis},
};
use perennial_store::{AllowanceKey, Applied, Change, Store, StoreError, Write};

use crate::{
    authority::{ForwardedTokens, KnownSessions},
    clock::Clock,
    credentials::{AccessTokens, PasswordPool},
    ends::{self, Ends},
    entropy::{self, Entropy},
    flights::Flights,
    keys::{Keyring, Keys},
    limits,
    mail::MailQueue,
    operations::refresh::{Landed, Presentation},
    settings::ServiceSettings,
};

/// Everything an operation may use.
#[derive(Debug)]
pub struct Service {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub keyring: Keyring,
    pub passwords: PasswordPool,
    pub access: AccessTokens,
    pub mail: MailQueue,
    pub ends: Ends,
    pub known: KnownSessions,
    pub forwarded: ForwardedTokens,
    /// The decisions under way.
    pub refreshes: Flights<Presentation, Result<Option<Landed>, Refusal>>,
    pub settings: ServiceSettings,
}

impl Service {
    pub fn new(
        settings: ServiceSettings,
        store: Arc<dyn Store>,
        keyring: Keyring,
        mail: MailQueue,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            passwords: PasswordPool::new(settings.hash_permits, &*entropy),
            access: AccessTokens::new(settings.issuer.clone()),
            store,
            clock,
            entropy,
            keyring,
            mail,
            ends: Ends::default(),
            known: KnownSessions::default(),
            forwarded: ForwardedTokens::default(),
            refreshes: Flights::default(),
            settings,
        }
    }

    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    pub fn keys(&self) -> Arc<Keys> {
        self.keyring.keys()
    }

    /// An answer of the store, or `auth_unavailable` once `patience` is over.
    pub async fn ask<T>(
        &self,
        patience: Millis,
        question: impl Future<Output = perennial_store::Result<T>>,
    ) -> Result<T, Refusal> {
        let outcome = tokio::time::timeout(Duration::from(patience), question).await;
        match outcome {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.unavailable(&error)),
            Err(_) => Err(self.unavailable(&StoreError::Unavailable(format!("no answer in {patience}")))),
        }
    }

    /// Applies a change within the patience of ordinary calls.
    pub async fn apply(&self, writes: Vec<Write>) -> Result<Applied, Refusal> {
        self.apply_within(limits::STORE_WAIT, writes).await
    }

    /// Applies a change within `patience`. This node remembers the ends in it, and has the log looked at for
    /// those of whole persons.
    pub async fn apply_within(&self, patience: Millis, writes: Vec<Write>) -> Result<Applied, Refusal> {
        let own = ends::ends_in(&writes);
        let ends = writes.iter().any(|write| matches!(write, Write::EndSession { .. } | Write::EndSessionsOf { .. }));
        let applied = self.ask(patience, self.store.apply(Change(writes))).await?;
        if ends && applied == Applied::Done {
            self.ends.note(own);
            self.ends.look_soon();
        }
        Ok(applied)
    }

    /// Looks at the log of ends.
    pub async fn follow_ends(&self) -> Result<(), Refusal> {
        let kept = limits::ENDS_KEPT.max(self.settings.lifetimes.access_longest());
        self.ask(limits::ENDS_WAIT, ends::follow(&self.ends, &*self.store, kept, self.now())).await
    }

    /// Spends allowances before what they limit is tried: all of them, or none if one is used up.
    pub async fn spend(&self, spends: &[Spend]) -> Result<(), Refusal> {
        for _ in 0..limits::APPLY_ATTEMPT_MAX {
            // A look first: once an allowance is used up, a flood of tries costs no write.
            self.refuse_used_up(spends).await?;
            let now = self.now();
            let write = |spend: &Spend| Write::SpendAllowance {
                key: self.allowance_key(spend),
                limit: spend.limit,
                window: spend.window,
                now,
            };
            if self.apply(spends.iter().map(write).collect()).await? == Applied::Done {
                return Ok(());
            }
            // Others spent or cleared some of it meanwhile: the next look tells which.
        }
        Err(Refusal::TooManyAttempts { retry_after: self.jittered(Millis::seconds(1)) })
    }

    async fn refuse_used_up(&self, spends: &[Spend]) -> Result<(), Refusal> {
        for spend in spends {
            let used = self.ask(limits::STORE_WAIT, self.store.load_allowance(&self.allowance_key(spend))).await?;
            let now = self.now();
            if let Some(used) = used.filter(|used| used.used >= spend.limit && used.window_ends_at > now) {
                let left = used.window_ends_at.since(now).max(Millis::seconds(1));
                return Err(Refusal::TooManyAttempts { retry_after: self.jittered(left) });
            }
        }
        Ok(())
    }

    /// The writes that forget every use of these allowances.
    pub fn clear(&self, spends: &[Spend]) -> Vec<Write> {
        spends.iter().map(|spend| Write::ClearAllowance { key: self.allowance_key(spend) }).collect()
    }

    /// The writes that give back the one use that each of these allowances was spent for.
    pub fn refund(&self, spends: &[Spend]) -> Vec<Write> {
        spends.iter().map(|spend| Write::RefundAllowance { key: self.allowance_key(spend) }).collect()
    }

    fn allowance_key(&self, spend: &Spend) -> AllowanceKey {
        AllowanceKey(self.keys().mac.sign_steadily(Purpose::ThrottleKey, &[&spend.scope.bytes()]))
    }

    /// A span made longer by up to a quarter, so that those who wait do not come back together.
    pub fn jittered(&self, span: Millis) -> Millis {
        let share = i64::from(entropy::number(&*self.entropy) % 250);
        Millis(span.0 + span.0 * share / 1000)
    }

    /// The refusal for "nothing is known".
    pub fn busy(&self) -> Refusal {
        Refusal::AuthUnavailable { retry_after: self.jittered(Millis::seconds(2)) }
    }

    fn unavailable(&self, error: &StoreError) -> Refusal {
        match error {
            StoreError::Unavailable(reason) => tracing::warn!(%reason, "the store did not answer"),
            StoreError::Corrupt(reason) => tracing::error!(%reason, "the store holds a damaged row"),
        }
        self.busy()
    }
}
