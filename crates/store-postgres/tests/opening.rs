//! How a store is opened: versions of the schema, what a connection promises, the clock, and the keys.

mod samples;

use perennial_protocol::{key::KeyId, time::UnixMillis};
use perennial_store::{Applied, SealedKey, SealedKeyStore};
use perennial_store_postgres::{ConnectError, Migrated, Options, PostgresStore};
use perennial_testkit::Cluster;
use samples::patient_store;

#[tokio::test]
async fn a_database_is_migrated_once() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    let first = PostgresStore::migrate(&database.url()).await.expect("migrated");
    assert_eq!(first.from, 0);
    let second = PostgresStore::migrate(&database.tcp_url()).await.expect("nothing to do");
    assert_eq!(second, Migrated { from: first.to, to: first.to });
    assert_eq!(database.sql("SELECT count(*) FROM perennial.migration"), first.to.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_together_migrate_once() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    let nodes: Vec<_> = (0..6)
        .map(|_| {
            let url = database.url();
            tokio::spawn(async move { PostgresStore::migrate(&url).await.expect("migrated") })
        })
        .collect();
    let mut migrations = 0;
    for node in nodes {
        let Migrated { from, to } = node.await.expect("it ends");
        assert!(from == 0 || from == to, "{from} {to}");
        migrations += u32::from(from == 0);
    }
    assert_eq!(migrations, 1);
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    PostgresStore::migrate(&database.url()).await.expect("migrated");
    database.sql("INSERT INTO perennial.migration VALUES (1007, 0)");
    let refused = PostgresStore::connect(&database.url(), Options::default()).await.expect_err("too new");
    assert!(matches!(refused, ConnectError::Newer { found: 1007, .. }), "{refused}");
    assert!(refused.to_string().contains("run the program that wrote it, or a newer one"), "{refused}");
}

#[tokio::test]
async fn a_schema_of_another_program_is_left_alone() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    database.sql("CREATE SCHEMA perennial; CREATE TABLE perennial.flower (name TEXT)");
    let refused = PostgresStore::migrate(&database.url()).await.expect_err("not ours");
    assert!(matches!(refused, ConnectError::Foreign { .. }), "{refused}");
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'perennial'"), "1");
}

#[tokio::test]
async fn tables_of_an_app_may_have_the_same_names() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    database.sql("CREATE TABLE session (mine TEXT); CREATE TABLE account (mine TEXT)");
    let store = patient_store(&database.url()).await;
    samples::done(&store, perennial_store::Write::InsertSession(samples::session(1))).await;
    assert_eq!(database.sql("SELECT count(*) FROM public.session"), "0");
}

/// Whoever runs the program need not be allowed to create anything, once somebody else has.
#[tokio::test]
async fn a_role_with_few_rights_serves_a_database_that_is_migrated() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    PostgresStore::migrate(&database.url()).await.expect("migrated");
    let role = format!("role_of_{}", database.name());
    database.sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA perennial TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA perennial TO {role}"
    ));
    let url = database.url().replace("user=postgres", &format!("user={role}"));
    let store = patient_store(&url).await;
    samples::done(&store, perennial_store::Write::InsertSession(samples::session(1))).await;
    drop(store);
    database.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[tokio::test]
async fn a_commit_is_durable_whatever_the_database_is_set_to() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    database.sql(&format!("ALTER DATABASE {} SET synchronous_commit = off", database.name()));
    database.sql(&format!("ALTER DATABASE {} SET default_transaction_isolation = serializable", database.name()));
    let store = patient_store(&database.url()).await;
    database.sql(
        "CREATE TABLE seen (setting TEXT);
         CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO public.seen VALUES
                 (current_setting('synchronous_commit') || ' ' || current_setting('transaction_isolation'));
             RETURN NEW; END $$;
         CREATE TRIGGER see AFTER INSERT ON perennial.session FOR EACH ROW EXECUTE FUNCTION see()",
    );
    samples::done(&store, perennial_store::Write::InsertSession(samples::session(1))).await;
    let two = [2, 3].map(|number| perennial_store::Write::InsertSession(samples::session(number)));
    assert_eq!(perennial_store::Store::apply(&store, two.into()).await.expect("available"), Applied::Done);
    assert_eq!(database.sql("SELECT DISTINCT setting FROM seen"), "on read committed");
}

#[tokio::test]
async fn the_clock_is_that_of_the_database() {
    let cluster = Cluster::shared();
    let database = cluster.used_database(samples::CLEAN);
    let store = patient_store(&database.url()).await;
    let now = || database.sql("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint");
    let now = || now().parse::<i64>().expect("a number");
    let (before, between, after) = (now(), store.database_now().await.expect("available"), now());
    assert!((before..=after).contains(&between.0), "{before} {between:?} {after}");
    assert!(store.database_now().await.expect("available") >= between, "it goes on in one connection");
}

#[tokio::test]
async fn a_sealed_key_is_kept_once_until_it_is_removed() {
    let cluster = Cluster::shared();
    let database = cluster.used_database(samples::CLEAN);
    let nodes = [patient_store(&database.url()).await, patient_store(&database.url()).await];
    let key = |kind: &str, id, sealed: &[u8]| SealedKey {
        kind: kind.into(),
        id: KeyId(id),
        active_from: UnixMillis(i64::from(id)),
        sealed: sealed.to_vec(),
    };
    let keys = [key("mac", 1, &[]), key("mac", 2, &[0, 255]), key("mac", u16::MAX, &[1]), key("signing", 1, &[7; 300])];
    assert_eq!(nodes[0].load_keys().await.expect("available"), []);
    for key in [3, 1, 0, 2].map(|number| &keys[number]) {
        assert_eq!(nodes[0].insert_key(key).await.expect("available"), Applied::Done);
    }
    let sealed_anew = [key("mac", 1, b"anew"), key("signing", 1, b"anew")];
    assert_eq!(nodes[0].replace_keys(&sealed_anew).await.expect("available"), Applied::Done);
    assert_eq!(nodes[1].load_keys().await.expect("available")[0], sealed_anew[0]);
    let one_is_missing = [keys[0].clone(), key("mac", 9, b"anew")];
    assert_eq!(nodes[0].replace_keys(&one_is_missing).await.expect("available"), Applied::Stale);
    assert_eq!(nodes[1].load_keys().await.expect("available")[0], sealed_anew[0], "nothing of it happened");
    assert_eq!(nodes[0].replace_keys(&[keys[0].clone(), keys[3].clone()]).await.expect("available"), Applied::Done);
    let other = key("mac", 2, b"of another node");
    assert_eq!(nodes[1].insert_key(&other).await.expect("available"), Applied::Stale);
    assert_eq!(nodes[1].load_keys().await.expect("available"), keys);
    assert_eq!(nodes[1].remove_key("mac", KeyId(2)).await.expect("available"), Applied::Done);
    assert_eq!(nodes[0].remove_key("mac", KeyId(2)).await.expect("available"), Applied::Stale);
    assert_eq!(nodes[0].load_keys().await.expect("available").len(), 3);
    assert_eq!(format!("{:?}", keys[3]), "SealedKey(signing 1, active from 1)");
}

#[tokio::test]
async fn a_store_shows_no_password() {
    let cluster = Cluster::shared();
    let database = cluster.used_database(samples::CLEAN);
    let url = database.tcp_url().replace("postgres@", "postgres:secret@");
    let store = patient_store(&url).await;
    let shown = format!("{store:?}");
    assert!(shown.starts_with("PostgresStore(127.0.0.1:") && !shown.contains("secret"), "{shown}");
}
