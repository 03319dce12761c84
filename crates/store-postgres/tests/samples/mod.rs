//! What the tests of this store share: some records, and short words for what is done with them.

#![allow(dead_code, reason = "no test uses all of it")]

use std::{sync::Arc, time::Duration};

use perennial_protocol::{
    claims::Claims,
    id::{SessionKey, Sid, Subject},
    refresh::{Generation, Rotation, Salt},
    session::{AssuranceLevel, Authentication, Session},
    time::UnixMillis,
};
use perennial_store::{Applied, Store, Write};
use perennial_store_postgres::{Options, PostgresStore};

pub(crate) const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

/// Leaves a database as a migration does.
pub(crate) const CLEAN: &str = "DELETE FROM perennial.session; DELETE FROM perennial.recovery_code;
    DELETE FROM perennial.account; DELETE FROM perennial.pending; DELETE FROM perennial.allowance;
    DELETE FROM perennial.audit; DELETE FROM perennial.sealed_key; DELETE FROM perennial.admin_key";

/// A store that waits for a machine which has other work to do, as machines that test have.
pub(crate) async fn patient_store(url: &str) -> PostgresStore {
    let options = Options { silence: Duration::from_secs(5), ..Options::default() };
    PostgresStore::connect(url, options).await.expect("the database is there")
}

pub(crate) fn session(number: u32) -> Session {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    let mut key = [0; 12];
    key[..4].copy_from_slice(&number.to_be_bytes());
    Session {
        sid: Sid(bytes),
        session_key: SessionKey::from_random(key),
        salt: Salt([1; 16]),
        subject: Subject::from_random([1; 12]),
        created_at: NOW,
        ends_at: UnixMillis(i64::MAX),
        active_at: NOW,
        rotation: Rotation::first(NOW),
        ended: None,
        authentication: Authentication { at: NOW, level: AssuranceLevel::One, methods: vec!["pwd".into()] },
        device: "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0".into(),
        claims: Claims::default(),
    }
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
