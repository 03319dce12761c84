//! Two nodes over one database: what one store promises, both promise together.

mod samples;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use perennial_protocol::{
    admin_key::AdminKey,
    audit::AuditEvent,
    claims::Claims,
    id::{SessionKey, Sid, Subject},
    login::{Account, Email, Pending},
    session::{EndReason, Session},
    time::UnixMillis,
};
use perennial_store::{
    Allowance, AllowanceKey, Applied, Change, EndPlace, ForeignRefresh, Result, SessionEnd, Store, Write,
    contract::Fresh, store_contract,
};
use perennial_store_postgres::PostgresStore;
use perennial_testkit::Cluster;
use samples::{NOW, done, generation, patient_store, rotate, session};

/// Asks one node and then the other.
#[derive(Debug)]
struct InTurn {
    nodes: [PostgresStore; 2],
    next: AtomicUsize,
}

impl InTurn {
    fn node(&self) -> &PostgresStore {
        &self.nodes[self.next.fetch_add(1, Ordering::Relaxed) % 2]
    }
}

#[async_trait]
impl Store for InTurn {
    async fn load_sessions(&self, sids: &[Sid]) -> Result<Vec<Session>> {
        self.node().load_sessions(sids).await
    }

    async fn load_session_by_key(&self, key: &SessionKey) -> Result<Option<Session>> {
        self.node().load_session_by_key(key).await
    }

    async fn load_sessions_of(&self, subject: &Subject, now: UnixMillis, limit: usize) -> Result<Vec<Session>> {
        self.node().load_sessions_of(subject, now, limit).await
    }

    async fn load_ends(&self, after: EndPlace, limit: usize) -> Result<Vec<SessionEnd>> {
        self.node().load_ends(after, limit).await
    }

    async fn load_account(&self, id: &Subject) -> Result<Option<Account>> {
        self.node().load_account(id).await
    }

    async fn load_account_by_email(&self, email: &Email) -> Result<Option<Account>> {
        self.node().load_account_by_email(email).await
    }

    async fn load_accounts(&self, after: Option<&Email>, limit: usize) -> Result<Vec<Account>> {
        self.node().load_accounts(after, limit).await
    }

    async fn load_pending(&self, token_hashes: &[[u8; 32]]) -> Result<Option<Pending>> {
        self.node().load_pending(token_hashes).await
    }

    async fn load_allowance(&self, key: &AllowanceKey) -> Result<Option<Allowance>> {
        self.node().load_allowance(key).await
    }

    async fn load_admin_key(&self, hash: &[u8; 32]) -> Result<Option<AdminKey>> {
        self.node().load_admin_key(hash).await
    }

    async fn load_admin_keys(&self, limit: usize) -> Result<Vec<AdminKey>> {
        self.node().load_admin_keys(limit).await
    }

    async fn load_audit(&self, limit: usize) -> Result<Vec<AuditEvent>> {
        self.node().load_audit(limit).await
    }

    async fn apply(&self, change: Change) -> Result<Applied> {
        self.node().apply(change).await
    }

    async fn sweep(&self, before: UnixMillis, limit: usize) -> Result<usize> {
        self.node().sweep(before, limit).await
    }

    async fn load_foreign_refreshes(&self, token_hashes: &[[u8; 32]]) -> Result<Vec<ForeignRefresh>> {
        self.node().load_foreign_refreshes(token_hashes).await
    }

    async fn sweep_foreign_refreshes(&self, before: UnixMillis, limit: usize) -> Result<usize> {
        self.node().sweep_foreign_refreshes(before, limit).await
    }
}

fn cluster() -> &'static Cluster {
    Box::leak(Box::new(Cluster::shared()))
}

async fn two_nodes() -> Fresh {
    let database = cluster().used_database(samples::CLEAN);
    let nodes = [patient_store(&database.url()).await, patient_store(&database.tcp_url()).await];
    let store = Arc::new(InTurn { nodes, next: AtomicUsize::new(0) });
    Fresh { store, surroundings: Box::new(database) }
}

store_contract! { two_nodes, concurrency }

store_contract! { two_nodes, changes:
    later_writes_of_a_change_see_earlier_ones
    loads_see_what_was_applied_before_they_began
    sweep_forgets_at_most_so_many_rows_of_each
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_nodes_never_win_the_same_rotation() {
    let database = cluster().used_database(samples::CLEAN);
    let nodes = [patient_store(&database.url()).await, patient_store(&database.url()).await];
    done(&nodes[0], Write::InsertSession(session(1))).await;
    let race = async |store: &PostgresStore| {
        let mut won = 0;
        for from in 0..300 {
            let applied = store.apply([rotate(session(1).sid, from)].into()).await.expect("available");
            won += u32::from(applied == Applied::Done);
            // Whoever lost follows: the other node's rotation is seen here.
            assert!(generation(store, session(1).sid).await > from);
        }
        won
    };
    let (first, second) = tokio::join!(race(&nodes[0]), race(&nodes[1]));
    assert_eq!(first + second, 300, "{first} + {second}");
    assert_eq!(generation(&nodes[1], session(1).sid).await, 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_that_name_the_same_sessions_crosswise_all_happen() {
    let database = cluster().used_database(samples::CLEAN);
    let nodes = [patient_store(&database.url()).await, patient_store(&database.url()).await].map(Arc::new);
    for number in 0..10 {
        done(&nodes[0], Write::InsertSession(session(number))).await;
    }
    let touch = |number: u32, at| Write::Touch { sid: session(number).sid, at: UnixMillis(NOW.0 + i64::from(at)) };
    samples::for_each(0..200, |caller| {
        let node = Arc::clone(&nodes[caller as usize % 2]);
        let mut writes: Vec<Write> = (0..10).map(|number| touch(number, caller)).collect();
        if caller % 4 < 2 {
            writes.reverse();
        }
        async move { assert_eq!(node.apply(Change(writes)).await.expect("available"), Applied::Done) }
    })
    .await;
    assert_eq!(database.sql("SELECT count(DISTINCT active_at), max(active_at) FROM perennial.session"), {
        format!("1|{}", NOW.0 + 199)
    });
}

/// A login that is being finished, and a new second factor that ends every other session of the person.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_session_that_an_old_factor_started_outlives_the_change_of_the_factor() {
    let database = cluster().used_database(samples::CLEAN);
    let nodes = [patient_store(&database.url()).await, patient_store(&database.url()).await].map(Arc::new);
    for round in 0..60 {
        let account = account(round);
        done(&nodes[0], Write::InsertAccount(account.clone())).await;
        let factor =
            |last_step| Write::SetSecondFactor { account: account.id.clone(), sealed_secret: vec![], last_step };
        done(&nodes[0], factor(0)).await;
        let mine = Session { subject: account.id.clone(), ..session(round) };
        let login = [Write::AdvanceSecondFactor { account: account.id.clone(), step: 1 }, Write::InsertSession(mine)];
        let (subject, reason) = (account.id.clone(), EndReason::Revoked);
        let end_all = Write::EndSessionsOf { subject, except: None, at: NOW, reason };
        let (login, change) = (nodes[0].apply(login.into()), nodes[1].apply([end_all, factor(1)].into()));
        let (login, change) = tokio::join!(login, change);
        assert_eq!(change.expect("available"), Applied::Done);
        let lives = !nodes[0].load_sessions_of(&account.id, NOW, 1).await.expect("available").is_empty();
        // It came first and was ended, or it came second and its step was no good any more.
        assert!(!lives, "round {round}: {login:?}");
    }
}

fn account(number: u32) -> Account {
    let mut bytes = [9; 12];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    Account {
        id: Subject::from_random(bytes),
        email: Email::parse(&format!("person{number}@example.com")).expect("an address"),
        name: "Ada".into(),
        password_hash: "$argon2id$".into(),
        disabled: false,
        created_at: NOW,
        last_login_at: None,
        second_factor: None,
        claims: Claims::default(),
    }
}
