//! The files: who may read them, which ones are refused, and how they are copied.

mod scratch;

use std::{fs, os::unix::fs::PermissionsExt, path::Path, thread};

use perennial_store::{Store, Write};
use perennial_store_sqlite::{BackupError, Migrated, OpenError, SqliteStore};
use rusqlite::Connection;
use scratch::{Directory, done, generation, rotate, session};

#[track_caller]
fn check_mode(path: &Path, expected: u32) {
    let mode = fs::metadata(path).expect("the file is there").permissions().mode() & 0o777;
    assert_eq!(mode, expected, "{}", path.display());
}

#[tokio::test]
async fn what_is_created_can_be_read_by_its_owner_alone() {
    let directory = Directory::new();
    let database = directory.path().join("deep/data/perennial.db");
    let store = SqliteStore::open(&database).expect("opens");
    done(&store, Write::InsertSession(session(1))).await;
    check_mode(&directory.path().join("deep"), 0o700);
    check_mode(&directory.path().join("deep/data"), 0o700);
    check_mode(&database, 0o600);
    check_mode(&database.with_extension("db-wal"), 0o600);
    check_mode(&database.with_extension("db-shm"), 0o600);
}

#[tokio::test]
async fn a_closed_store_is_one_file() {
    let directory = Directory::new();
    let store = directory.open();
    done(&store, Write::InsertSession(session(1))).await;
    drop(store);
    let names: Vec<_> = fs::read_dir(directory.path()).expect("readable").collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn migrate_tells_the_versions_it_led_from_and_to() {
    let directory = Directory::new();
    let first = SqliteStore::migrate(directory.database()).expect("new");
    assert_eq!(first.from, 0);
    let again = SqliteStore::migrate(directory.database()).expect("again");
    assert_eq!(again, Migrated { from: first.to, to: first.to });
    drop(directory.open());
}

#[tokio::test]
async fn what_the_first_version_wrote_reads_back_without_claims() {
    let directory = Directory::new();
    let first = directory.connect();
    first.execute_batch(include_str!("../migrations/0001_first.sql")).expect("a database of the first version");
    let sid = session(1).sid.0;
    let row = "INSERT INTO session VALUES (?1, 'kkkkkkkkkkkkkkkk', ?1, 'ada', 0, 9, 0, 3, 7, 0, 0, 1, NULL, NULL, 0, 1,
               '[\"pwd\"]', 'Firefox')";
    first.execute(row, [sid]).expect("written");
    first.pragma_update(None, "application_id", 0x5072_6e6c).expect("written");
    first.pragma_update(None, "user_version", 1).expect("written");
    drop(first);
    let found = directory.open().load_sessions(&[session(1).sid]).await.expect("readable");
    assert_eq!((found.len(), found[0].rotation.generation.0), (1, 3));
    assert!(found[0].claims.is_empty() && found[0].device == "Firefox");
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let directory = Directory::new();
    drop(directory.open());
    directory.connect().pragma_update(None, "user_version", 1007).expect("written");
    let refusal = SqliteStore::open(directory.database()).expect_err("newer").to_string();
    assert!(refusal.contains("is of version 1007, and this program knows versions up to "), "{refusal}");
    assert!(refusal.ends_with(": run the program that wrote it, or a newer one"), "{refusal}");
    let version: u32 = directory.connect().query_row("PRAGMA user_version", [], |row| row.get(0)).expect("read");
    assert_eq!(version, 1007);
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let directory = Directory::new();
    directory.connect().execute_batch("CREATE TABLE session (theirs TEXT)").expect("written");
    let before = fs::read(directory.database()).expect("readable");
    assert!(matches!(SqliteStore::open(directory.database()), Err(OpenError::Foreign { .. })));
    assert!(fs::read(directory.database()).expect("readable") == before, "the file was changed");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let directory = Directory::new();
    fs::write(directory.database(), "a letter to a friend, longer than a header of SQLite would be".repeat(9))
        .expect("written");
    let before = fs::read(directory.database()).expect("readable");
    assert!(matches!(SqliteStore::open(directory.database()), Err(OpenError::Sqlite { .. })));
    assert!(fs::read(directory.database()).expect("readable") == before, "the file was changed");
}

#[test]
fn a_place_where_no_file_can_be_is_refused() {
    let directory = Directory::new();
    fs::write(directory.path().join("file"), "").expect("written");
    assert!(matches!(SqliteStore::open(directory.path().join("file/db")), Err(OpenError::Create { .. })));
    assert!(matches!(SqliteStore::open(directory.path()), Err(OpenError::Sqlite { .. })));
    assert!(matches!(SqliteStore::open(""), Err(OpenError::Create { .. })));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_an_error_and_not_a_missing_row() {
    let directory = Directory::new();
    let store = directory.open();
    done(&store, Write::InsertSession(session(1))).await;
    directory.connect().execute_batch("UPDATE session SET assurance_level = 9").expect("written");
    let error = store.load_sessions(&[session(1).sid]).await.expect_err("unreadable").to_string();
    assert!(error.contains("session.assurance_level"), "{error}");
}

#[test]
fn many_may_open_a_new_database_at_once() {
    for _ in 0..10 {
        let directory = Directory::new();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| drop(directory.open()));
            }
        });
    }
}

#[tokio::test]
async fn a_backup_holds_what_was_applied_and_opens_as_a_store() {
    let directory = Directory::new();
    let copy = directory.path().join("copy.db");
    let store = directory.open();
    done(&store, Write::InsertSession(session(1))).await;
    done(&store, rotate(session(1).sid, 0)).await;
    store.backup(&copy).expect("copied");
    done(&store, rotate(session(1).sid, 1)).await;

    check_mode(&copy, 0o600);
    assert!(!directory.path().join("copy.db.unfinished").exists());
    let restored = SqliteStore::open(&copy).expect("opens");
    assert_eq!(generation(&restored, session(1).sid).await, 1);
    assert_eq!(generation(&store, session(1).sid).await, 2);
    done(&restored, rotate(session(1).sid, 1)).await;
}

#[tokio::test]
async fn a_backup_overwrites_nothing() {
    let directory = Directory::new();
    let store = directory.open();
    let precious = directory.path().join("precious");
    fs::write(&precious, "precious").expect("written");
    assert!(matches!(store.backup(&precious), Err(BackupError::Exists(_))));
    assert!(matches!(store.backup(directory.database()), Err(BackupError::Exists(_))));
    assert_eq!(fs::read(&precious).expect("readable"), b"precious");
}

#[test]
fn a_backup_takes_the_place_of_one_that_was_interrupted() {
    let directory = Directory::new();
    let store = directory.open();
    fs::write(directory.path().join("copy.db.unfinished"), "half a backup").expect("written");
    store.backup(directory.path().join("copy.db")).expect("copied");
    let check = Connection::open(directory.path().join("copy.db")).expect("opens");
    let answer: String = check.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("readable");
    assert_eq!(answer, "ok");
}
