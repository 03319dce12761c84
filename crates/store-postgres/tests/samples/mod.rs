//! What the tests of this store share: some records, and short words for what is done with them.

#![allow(dead_code, unused_imports, reason = "no test uses all of it")]

use std::{sync::Arc, time::Duration};

use perennial_protocol::{
    id::Sid,
    refresh::{Generation, Rotation},
};
pub(crate) use perennial_store::contract::{NOW, numbered_session as session};
use perennial_store::{Applied, Store, Write};
use perennial_store_postgres::{Options, PostgresStore};

/// Leaves a database as a migration does.
pub(crate) const CLEAN: &str = "DELETE FROM perennial.session; DELETE FROM perennial.recovery_code;
    DELETE FROM perennial.account; DELETE FROM perennial.pending; DELETE FROM perennial.allowance;
    DELETE FROM perennial.audit; DELETE FROM perennial.sealed_key; DELETE FROM perennial.admin_key;
    DELETE FROM perennial.foreign_refresh";

/// A store that waits for a machine which has other work to do, as machines that test have.
pub(crate) async fn patient_store(url: &str) -> PostgresStore {
    let options = Options { silence: Duration::from_secs(5), ..Options::default() };
    PostgresStore::connect(url, options).await.expect("the database is there")
}

pub(crate) fn rotate(sid: Sid, generation: u32) -> Write {
    let from_generation = Generation(generation);
    let to = Rotation { generation: from_generation.next(), ..Rotation::first(NOW) };
    Write::Rotate { sid, from_generation, from_late: 0, to, active_at: NOW }
}

pub(crate) async fn done(store: &PostgresStore, write: Write) {
    let applied = store.apply([write].into()).await.expect("the store is available");
    assert_eq!(applied, Applied::Done);
}

pub(crate) async fn generation(store: &PostgresStore, sid: Sid) -> u32 {
    let sessions = store.load_sessions(&[sid]).await.expect("the store is available");
    sessions.first().expect("the session is there").rotation.generation.0
}

/// Runs `work` for each number, all at once.
pub(crate) async fn for_each<F>(numbers: std::ops::Range<u32>, work: impl Fn(u32) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let asked: Vec<_> = numbers.map(|number| tokio::spawn(work(number))).collect();
    for answer in asked {
        answer.await.expect("the work was done");
    }
}

pub(crate) fn shared(store: PostgresStore) -> Arc<PostgresStore> {
    Arc::new(store)
}
