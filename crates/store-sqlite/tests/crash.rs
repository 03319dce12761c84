//! A process that is killed while it writes: what it was told is durable is there.

mod scratch;

use std::{
    collections::BTreeMap,
    env,
    io::{self, BufRead, BufReader, Write as _},
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use perennial_store::Write;
use perennial_store_sqlite::SqliteStore;
use rusqlite::Connection;
use scratch::{Directory, done, generation, rotate, session};
use tokio::task::JoinSet;

/// Where the process that is to be killed writes; set in that process alone.
const VICTIM: &str = "PERENNIAL_TEST_VICTIM_DATABASE";
const SESSIONS: u32 = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_has_written_all_that_it_was_told_is_durable() {
    if let Some(database) = env::var_os(VICTIM) {
        write_until_killed(database.into()).await;
    }
    let directory = Directory::new();
    for round in 1..=3 {
        let acknowledged = kill_after(&directory, 1000 * round);
        assert_eq!(integrity(&directory), "ok");
        let store = directory.open();
        for (number, acknowledged) in acknowledged {
            let found = generation(&store, session(number).sid).await;
            // One more rotation may have been written without its answer.
            let expected = acknowledged..=acknowledged + 1;
            assert!(expected.contains(&found), "session {number}: {found} found, {acknowledged} acknowledged");
        }
    }
}

/// Runs the other process, kills it after so many acknowledged rotations, and answers the last generation
/// that it was told of each session.
fn kill_after(directory: &Directory, rotations: usize) -> BTreeMap<u32, u32> {
    let mut victim = Command::new(env::current_exe().expect("this test is a program"))
        .args(["--exact", "a_killed_process_has_written_all_that_it_was_told_is_durable", "--nocapture"])
        .env(VICTIM, directory.database())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the process starts");
    let mut lines = BufReader::new(victim.stdout.take().expect("its output is piped"));
    let mut acknowledged = BTreeMap::new();
    let (mut count, mut line) = (0, String::new());
    while lines.read_line(&mut line).expect("readable") > 0 {
        if let Some((number, generation)) = parse(&line) {
            acknowledged.insert(number, generation);
            count += 1;
            if count == rotations {
                // SIGKILL: nothing of the process runs after this. What it wrote before is still read.
                victim.kill().expect("it runs until it is killed");
            }
        }
        line.clear();
    }
    let status = victim.wait().expect("it was started");
    assert!(count >= rotations, "it ended by itself with {status}, after {count} rotations");
    acknowledged
}

/// Reads `ack NUMBER GENERATION`; a line that was cut off by the end says nothing.
fn parse(line: &str) -> Option<(u32, u32)> {
    let (number, generation) = line.strip_suffix('\n')?.strip_prefix("ack ")?.split_once(' ')?;
    Some((number.parse().ok()?, generation.parse().ok()?))
}

fn integrity(directory: &Directory) -> String {
    let connection = Connection::open(directory.database()).expect("opens");
    connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("readable")
}

async fn write_until_killed(database: PathBuf) -> ! {
    let store = Arc::new(SqliteStore::open(database).expect("opens"));
    let mut callers = JoinSet::new();
    for number in 0..SESSIONS {
        let store = Arc::clone(&store);
        callers.spawn(async move {
            let sid = session(number).sid;
            let _ = perennial_store::Store::apply(&*store, [Write::InsertSession(session(number))].into()).await;
            let mut generation = generation(&store, sid).await;
            loop {
                done(&store, rotate(sid, generation)).await;
                generation += 1;
                let line = format!("ack {number} {generation}\n");
                io::stdout().write_all(line.as_bytes()).expect("somebody reads");
            }
        });
    }
    let ended = callers.join_next().await;
    panic!("a caller ended by itself: {ended:?}");
}
