//! How many refresh rotations a second the store makes durable, next to how often this disk can sync, and
//! what a load costs.
//!
//! `cargo run --release -p perennial-store-sqlite --example write_rate [DIRECTORY]`. Every caller rotates a
//! session of its own and waits for the answer. Each row of the table is measured right after the bare
//! syncs beside it, because a shared disk changes its mind.

use std::{
    env,
    fs::{self, File},
    io::{self, Seek, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use perennial_protocol::{
    id::{SessionKey, Sid, Subject},
    refresh::{Branch, Parent, Rotation},
    session::Session,
    time::UnixMillis,
};
use perennial_store::{Applied, Store, Write, contract::numbered_session};
use perennial_store_sqlite::SqliteStore;
use tokio::runtime::Handle;

const CALLERS: [u32; 4] = [1, 8, 64, 512];
/// Sessions in the database, so that rotations touch pages all over it.
const SESSIONS: u32 = 20_000;
const ROW: Duration = Duration::from_secs(3);
const SYNCS: Duration = Duration::from_secs(1);
const LOADS: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> io::Result<()> {
    let parent = env::args().nth(1).map_or_else(env::temp_dir, PathBuf::from);
    let directory = parent.join(format!("perennial-write-rate-{}", std::process::id()));
    fs::create_dir(&directory)?;
    let measured = measure(&directory).await;
    fs::remove_dir_all(&directory)?;
    measured
}

async fn measure(directory: &Path) -> io::Result<()> {
    let store = Arc::new(SqliteStore::open(directory.join("rate.db")).map_err(io::Error::other)?);
    fill(&store).await;
    let mut out = io::stdout();
    writeln!(out, "{SESSIONS} sessions, synchronous = FULL\n")?;
    writeln!(out, "| callers | rotations/s | µs a rotation | commits/s | rotations a commit | bare syncs/s |")?;
    writeln!(out, "|--:|--:|--:|--:|--:|--:|")?;
    for callers in CALLERS {
        let syncs = bare_syncs(directory)?;
        let before = store.commits();
        let began = Instant::now();
        let rotations = f64::from(rotate_for_a_while(&store, callers).await);
        let seconds = began.elapsed().as_secs_f64();
        let commits = (store.commits() - before) as f64;
        writeln!(
            out,
            "| {callers} | {:.0} | {:.1} | {:.0} | {:.1} | {syncs:.0} |",
            rotations / seconds,
            seconds * 1e6 / rotations,
            commits / seconds,
            rotations / commits,
        )?;
    }
    writeln!(out, "\n| one caller loads a session | µs |\n|---|--:|")?;
    writeln!(out, "| on its own thread, as the store does | {:.1} |", load_for_a_while(&store).await)?;
    writeln!(out, "| handed to another thread | {:.1} |", load_elsewhere_for_a_while(&store).await)
}

/// How often a second 4 KiB inside a file can be overwritten and made durable, which is the least that a
/// commit needs.
fn bare_syncs(directory: &Path) -> io::Result<f64> {
    let path = directory.join("bare");
    fs::write(&path, vec![0; 4096 * 1024])?;
    let mut file = File::options().write(true).open(&path)?;
    file.sync_all()?;
    let (began, mut count) = (Instant::now(), 0_u32);
    while began.elapsed() < SYNCS {
        file.seek(SeekFrom::Start(u64::from(count % 1024) * 4096))?;
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        count += 1;
    }
    let seconds = began.elapsed().as_secs_f64();
    fs::remove_file(path)?;
    Ok(f64::from(count) / seconds)
}

async fn fill(store: &SqliteStore) {
    for start in (0..SESSIONS).step_by(1000) {
        let change: Vec<Write> = (start..start + 1000).map(|number| Write::InsertSession(session(number))).collect();
        let applied = store.apply(perennial_store::Change(change)).await;
        assert_eq!(applied.expect("the store is available"), Applied::Done);
    }
}

async fn rotate_for_a_while(store: &Arc<SqliteStore>, callers: u32) -> u32 {
    let until = Instant::now() + ROW;
    let rotate = |caller| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            let mut count = 0;
            while Instant::now() < until {
                // The callers' sessions change, as those of many people do.
                let number = (caller + count * callers) % SESSIONS;
                rotate_once(&store, sid(number)).await;
                count += 1;
            }
            count
        })
    };
    let mut count = 0;
    for caller in (0..callers).map(rotate).collect::<Vec<_>>() {
        count += caller.await.expect("a caller does not panic");
    }
    count
}

/// Loads and rotates, as a refresh does.
async fn rotate_once(store: &SqliteStore, sid: Sid) {
    let sessions = store.load_sessions(&[sid]).await.expect("the store is available");
    let from = sessions.first().expect("the session is there").rotation;
    let parent = Parent::Known(Branch(from.generation.0));
    let to = Rotation { generation: from.generation.next(), parent, ..Rotation::first(UnixMillis(1)) };
    let write = Write::Rotate {
        sid,
        from_generation: from.generation,
        from_late: from.late,
        to,
        active_at: UnixMillis(i64::from(to.generation.0)),
    };
    // With more callers than sessions, one session may have two: the slower one is stale.
    let _ = store.apply([write].into()).await.expect("the store is available");
}

async fn load_for_a_while(store: &SqliteStore) -> f64 {
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < LOADS {
        load_one(store, count).await;
        count += 1;
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(count)
}

async fn load_elsewhere_for_a_while(store: &Arc<SqliteStore>) -> f64 {
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < LOADS {
        let (store, runtime) = (Arc::clone(store), Handle::current());
        let loaded = tokio::task::spawn_blocking(move || runtime.block_on(load_one(&store, count)));
        loaded.await.expect("a load does not panic");
        count += 1;
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(count)
}

async fn load_one(store: &SqliteStore, number: u32) {
    let sessions = store.load_sessions(&[sid(number % SESSIONS)]).await.expect("the store is available");
    assert_eq!(sessions.len(), 1);
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
