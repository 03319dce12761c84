//! How many refresh rotations a second the store makes durable, next to what `pgbench` gets out of the same
//! server with as many clients, each updating one row by its key and waiting for the answer.
//!
//! `cargo run --release -p perennial-store-postgres --example write_rate [LANES]`. Every caller rotates sessions and
//! waits for each answer. Each row of the table is measured right after the `pgbench` run beside it, because
//! a shared machine changes its mind. The server is one that the tests make: `fsync` is on, and everything
//! goes over its socket.

use std::{
    io::{self, Write as _},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use perennial_protocol::{
    id::{SessionKey, Sid, Subject},
    refresh::{Branch, Parent, Rotation},
    session::Session,
    time::UnixMillis,
};
use perennial_store::{Applied, Change, Store, Write, contract::numbered_session};
use perennial_store_postgres::{Options, PostgresStore};
use perennial_testkit::{Cluster, Database};

const CALLERS: [u32; 4] = [1, 8, 64, 256];
/// Sessions in the database, so that rotations touch pages all over it.
const SESSIONS: u32 = 20_000;
const ROW: Duration = Duration::from_secs(4);

/// What a rotation is, as a script of `pgbench`.
const SCRIPT: &str = "\\set number random(0, 19999)
UPDATE perennial.session
SET generation = generation + 1, parent = generation, delivered_at = 1, late = 0, confirmed = false, active_at = 1
WHERE sid = decode(lpad(to_hex(((:number::bigint * 2654435761) % 4294967296)), 8, '0') || '0000000000000000'
                   || lpad(to_hex(:number::bigint), 8, '0'), 'hex')
  AND ended_at IS NULL;
";

#[tokio::main]
async fn main() -> io::Result<()> {
    let cluster = Cluster::own();
    let database = cluster.database();
    let mut options = Options::default();
    if let Some(lanes) = std::env::args().nth(1) {
        options.lanes = lanes.parse().map_err(io::Error::other)?;
    }
    let lanes = options.lanes;
    let store = PostgresStore::connect(&database.url(), options).await.map_err(io::Error::other)?;
    let store = Arc::new(store);
    fill(&store).await;
    database.sql("VACUUM ANALYZE");
    let script = std::env::temp_dir().join(format!("perennial-rotate-{}.sql", std::process::id()));
    std::fs::write(&script, SCRIPT)?;
    let measured =
        measure(&store, &cluster, &database, &script).await.map(|()| writeln!(io::stdout(), "\n{lanes} lanes"))?;
    std::fs::remove_file(script)?;
    drop(store);
    database.keep();
    measured
}

async fn measure(
    store: &Arc<PostgresStore>,
    cluster: &Cluster,
    database: &Database<'_>,
    script: &Path,
) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{SESSIONS} sessions, {}, synchronous_commit = on\n", database.sql("SHOW server_version"))?;
    writeln!(out, "| callers | rotations/s | µs a rotation | pgbench/s | ratio | load and rotate/s |")?;
    writeln!(out, "|--:|--:|--:|--:|--:|--:|")?;
    let before = pages(database);
    for callers in CALLERS {
        let bench = cluster.pgbench(database.name(), script, callers as usize, ROW.as_secs());
        let (rotations, seconds) = for_a_while(store, callers, Kind::Rotate).await;
        let (both, both_seconds) = for_a_while(store, callers, Kind::LoadAndRotate).await;
        let rate = rotations / seconds;
        writeln!(
            out,
            "| {callers} | {rate:.0} | {:.0} | {bench:.0} | {:.2} | {:.0} |",
            1e6 * f64::from(callers) / rate,
            rate / bench,
            both / both_seconds,
        )?;
    }
    writeln!(out, "\nthe table had {before} pages of 8 KiB, and has {} now", pages(database))
}

fn pages(database: &Database<'_>) -> String {
    database.sql("SELECT pg_relation_size('perennial.session') / 8192")
}

async fn fill(store: &PostgresStore) {
    for start in (0..SESSIONS).step_by(500) {
        let change: Vec<Write> = (start..start + 500).map(|number| Write::InsertSession(session(number))).collect();
        let applied = store.apply(Change(change)).await;
        assert_eq!(applied.expect("the store is available"), Applied::Done);
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// The one statement of a rotation.
    Rotate,
    /// A load before it, as a refresh does.
    LoadAndRotate,
}

/// How many rotations were done, and in how many seconds.
async fn for_a_while(store: &Arc<PostgresStore>, callers: u32, kind: Kind) -> (f64, f64) {
    let mut generations: Vec<Vec<(u32, Rotation)>> = vec![Vec::new(); callers as usize];
    for (number, rotation) in load_all(store).await {
        generations[(number % callers) as usize].push((number, rotation));
    }
    let began = Instant::now();
    let tasks: Vec<_> = generations
        .into_iter()
        .map(|mine| {
            let store = Arc::clone(store);
            tokio::spawn(rotate_for_a_while(store, mine, kind, began + ROW))
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += task.await.expect("a caller does not panic");
    }
    (f64::from(count), began.elapsed().as_secs_f64())
}

async fn rotate_for_a_while(
    store: Arc<PostgresStore>,
    mut mine: Vec<(u32, Rotation)>,
    kind: Kind,
    until: Instant,
) -> u32 {
    let mut count = 0;
    loop {
        for (number, rotation) in &mut mine {
            if Instant::now() >= until {
                return count;
            }
            let from = match kind {
                Kind::Rotate => *rotation,
                Kind::LoadAndRotate => load(&store, *number).await,
            };
            *rotation = rotate(&store, sid(*number), from).await;
            count += 1;
        }
    }
}

async fn load_all(store: &PostgresStore) -> Vec<(u32, Rotation)> {
    let mut all = Vec::new();
    for start in (0..SESSIONS).step_by(500) {
        let sids: Vec<Sid> = (start..start + 500).map(sid).collect();
        let sessions = store.load_sessions(&sids).await.expect("the store is available");
        let number = |session: &Session| u32::from_be_bytes([12, 13, 14, 15].map(|byte: usize| session.sid.0[byte]));
        all.extend(sessions.iter().map(|session| (number(session), session.rotation)));
    }
    all
}

async fn load(store: &PostgresStore, number: u32) -> Rotation {
    let sessions = store.load_sessions(&[sid(number)]).await.expect("the store is available");
    sessions.first().expect("the session is there").rotation
}

async fn rotate(store: &PostgresStore, sid: Sid, from: Rotation) -> Rotation {
    let parent = Parent::Known(Branch(from.generation.0));
    let to = Rotation { generation: from.generation.next(), parent, ..Rotation::first(UnixMillis(1)) };
    let active_at = UnixMillis(i64::from(to.generation.0));
    let write = Write::Rotate { sid, from_generation: from.generation, from_late: from.late, to, active_at };
    let applied = store.apply([write].into()).await.expect("the store is available");
    assert_eq!(applied, Applied::Done);
    to
}

/// Sids are random: neighbours are far apart.
fn sid(number: u32) -> Sid {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_be_bytes());
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    Sid(bytes)
}

fn session(number: u32) -> Session {
    let mut key = [0; 12];
    key.copy_from_slice(&sid(number).0[4..]);
    key[..4].copy_from_slice(&sid(number).0[..4]);
    Session {
        sid: sid(number),
        session_key: SessionKey::from_random(key),
        subject: Subject::from_random(key),
        ..numbered_session(number)
    }
}
