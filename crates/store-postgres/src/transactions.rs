//! Changes of several writes: a transaction each, on a connection that nobody else uses meanwhile.
//!
//! Two round trips: `BEGIN`, the locks and every write go out together; when every guard holds, `COMMIT`
//! follows. Otherwise the transaction is rolled back and nothing has happened. A connection goes back to
//! the pool only when its transaction is known to be over. The work is a task of its own, so that a caller
//! who goes away leaves nothing half done.

use std::{sync::Arc, time::Duration};

use deadpool_postgres::{ClientWrapper, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use perennial_store::{Applied, Result};
use tokio::time::timeout;

use crate::{
    connection::Opener,
    error::{ConnectError, Failure, unavailable},
    limits,
    order::Order,
    pipeline::{command, execute, in_order, prepare},
    pulse::Pulse,
    target::Target,
};

#[derive(Debug)]
pub(crate) struct Transactions {
    pool: Pool,
    pulse: Arc<Pulse>,
}

/// What a change asks for: what it locks, and then what it writes.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) locks: Vec<Order>,
    pub(crate) writes: Vec<Order>,
}

impl Transactions {
    /// The connections are opened when they are needed.
    pub(crate) fn new(
        target: Target,
        pulse: Arc<Pulse>,
        connections: usize,
    ) -> std::result::Result<Self, ConnectError> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(target.config().clone(), Opener(target), recycling);
        let pool = Pool::builder(manager).max_size(connections.max(1)).runtime(Runtime::Tokio1).build();
        let pool = pool.map_err(|error| ConnectError::Url(error.to_string()))?;
        Ok(Self { pool, pulse })
    }

    /// Applies all of `plan`, durably, or nothing of it.
    pub(crate) async fn apply(&self, plan: Plan) -> Result<Applied> {
        let pulse = Arc::clone(&self.pulse);
        self.run(limits::TRANSACTION_WAIT, move |client| async move {
            let mut undone = Failure::Collided("it was not tried".into());
            for _ in 1..=limits::ATTEMPTS {
                match attempt(&client, &pulse, &plan).await {
                    Err(failure @ (Failure::Collided(_) | Failure::Held(_))) => undone = failure,
                    outcome => return (client, outcome),
                }
            }
            (client, Err(undone))
        })
        .await
    }

    /// Carries out each of `orders` as a transaction of its own; answers how many rows they changed.
    pub(crate) async fn carry_out(&self, orders: Vec<Order>) -> Result<u64> {
        let pulse = Arc::clone(&self.pulse);
        self.run(limits::SWEEP_WAIT, move |client| async move {
            let outcome = one_by_one(&client, &pulse, &orders).await;
            (client, outcome)
        })
        .await
    }

    /// Runs `work` on a connection of its own. The connection comes back with the outcome, and is kept when
    /// the database answered.
    async fn run<T, F>(&self, at_most: Duration, work: impl FnOnce(Exclusive) -> F + Send + 'static) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = (Exclusive, std::result::Result<T, Failure>)> + Send + 'static,
    {
        if !self.pulse.is_anybody_there() {
            return Err(unavailable("the database cannot be reached"));
        }
        let (pool, pulse) = (self.pool.clone(), Arc::clone(&self.pulse));
        let task = tokio::spawn(async move {
            let work = async {
                let (mut client, outcome) = work(Exclusive::take(&pool).await?).await;
                client.is_clean = !matches!(outcome, Err(Failure::Unknown(_) | Failure::ReadOnly(_)));
                if matches!(outcome, Err(Failure::ReadOnly(_))) {
                    pulse.demote();
                }
                outcome
            };
            timeout(at_most, work).await.unwrap_or_else(|_| Err(Failure::Unknown("no answer to a change".into())))
        });
        let answered = async { Ok(task.await.map_err(|_| unavailable("the store is being closed"))??) };
        self.pulse.patient(at_most, answered).await
    }
}

/// A connection of the pool, which closes it instead of taking it back unless it is clean.
struct Exclusive {
    client: Option<Object>,
    is_clean: bool,
}

impl Exclusive {
    async fn take(pool: &Pool) -> std::result::Result<Self, Failure> {
        let wait = Some(limits::TRANSACTION_WAIT);
        let timeouts = Timeouts { wait, create: Some(limits::OPEN_WAIT), recycle: wait };
        match pool.timeout_get(&timeouts).await {
            Ok(client) => Ok(Self { client: Some(client), is_clean: false }),
            Err(error) => Err(Failure::Unknown(format!("no connection to the database: {error}"))),
        }
    }
}

impl std::ops::Deref for Exclusive {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        self.client.as_ref().expect("the connection is there until it is dropped")
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        if let Some(client) = self.client.take().filter(|_| !self.is_clean) {
            drop(Object::take(client));
        }
    }
}

async fn attempt(client: &ClientWrapper, pulse: &Pulse, plan: &Plan) -> std::result::Result<Applied, Failure> {
    match write(client, pulse, plan).await {
        Ok(Applied::Done) => {
            command(client, "COMMIT").await?;
            pulse.beat();
            Ok(Applied::Done)
        }
        Err(failure @ Failure::Unknown(_)) => Err(failure),
        other => {
            command(client, "ROLLBACK").await?;
            other
        }
    }
}

/// Everything up to the end of the transaction, in one round trip.
async fn write(client: &ClientWrapper, pulse: &Pulse, plan: &Plan) -> std::result::Result<Applied, Failure> {
    let orders = || plan.locks.iter().chain(&plan.writes);
    let statements = prepare(client, orders()).await?;
    let mut questions = vec![command(client, "BEGIN ISOLATION LEVEL READ COMMITTED")];
    questions.extend(statements.iter().zip(orders()).map(|(statement, order)| execute(client, statement, order)));
    let mut answers = in_order(questions).await.into_iter();
    // After the first error the others only say that the transaction is over.
    let rows = answers.try_fold(Vec::new(), |mut rows, answer| {
        rows.push(answer?);
        Ok::<_, Failure>(rows)
    })?;
    pulse.beat();
    // The transaction itself comes first.
    let is_stale = orders().zip(&rows[1..]).any(|(order, rows)| order.guard.outcome(*rows) == Applied::Stale);
    Ok(if is_stale { Applied::Stale } else { Applied::Done })
}

async fn one_by_one(client: &ClientWrapper, pulse: &Pulse, orders: &[Order]) -> std::result::Result<u64, Failure> {
    let statements = prepare(client, orders.iter()).await?;
    let mut rows = 0;
    for (statement, order) in statements.iter().zip(orders) {
        rows += execute(client, statement, order).await?;
        pulse.beat();
    }
    Ok(rows)
}
