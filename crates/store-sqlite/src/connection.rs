//! How the file and each connection to it are opened.
//!
//! The write-ahead log lets reads and the one writer pass each other, and `synchronous = FULL` makes a
//! commit survive a power loss: with less, the end of a session could be taken back.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, Result};

use crate::{error::OpenError, limits};

/// Makes sure that the file exists, readable by its owner alone, and answers its absolute path: a name
/// such as `:memory:` or an empty one means something else to SQLite.
pub(crate) fn create_file(path: &Path) -> Result<PathBuf, OpenError> {
    let failed = |source| OpenError::Create { path: path.to_owned(), source };
    let path = std::path::absolute(path).map_err(failed)?;
    if let Some(parent) = path.parent().filter(|parent| !parent.exists()) {
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed)?;
    }
    match create_private(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
        _ => Ok(path),
    }
}

/// Creates an empty file that its owner alone can read, where there is no file yet.
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    sync_parent(path)
}

/// Makes the name of a new file survive a power loss.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().map_or_else(|| fs::canonicalize("."), |parent| Ok(parent.to_owned()))?;
    File::open(parent)?.sync_all()
}

/// The connection that writes, not yet set up: what a migration starts from.
pub(crate) fn open_writer(path: &Path) -> Result<Connection> {
    let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | flags())?;
    wait_for_locks(&mut connection, limits::WRITE_LOCK_WAIT)?;
    Ok(connection)
}

/// Turns the write-ahead log on; `false` where the file system cannot carry it.
pub(crate) fn use_log(connection: &Connection) -> Result<bool> {
    let began = Instant::now();
    loop {
        // The switch needs the file alone, and SQLite does not wait for that by itself.
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0)) {
            Err(error) if is_busy(&error) && began.elapsed() < limits::WRITE_LOCK_WAIT => {
                thread::sleep(limits::LOCK_POLL);
            }
            mode => return mode.map(|mode| mode.eq_ignore_ascii_case("wal")),
        }
    }
}

/// What the writing connection promises and how much it keeps.
pub(crate) fn set_up_writer(connection: &Connection) -> Result<()> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", limits::CHECKPOINT_PAGES)?;
    connection.pragma_update_and_check(None, "journal_size_limit", limits::LOG_SIZE, |_| Ok(()))?;
    set_up(connection)
}

/// A connection that can only read.
pub(crate) fn open_reader(path: &Path) -> Result<Connection> {
    let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | flags())?;
    wait_for_locks(&mut connection, limits::READ_LOCK_WAIT)?;
    set_up(&connection)?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> Result<()> {
    connection.pragma_update(None, "cache_size", -limits::CACHE_KIB)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_prepared_statement_cache_capacity(limits::STATEMENTS);
    Ok(())
}

/// Each connection is used by one thread at a time, so SQLite need not lock it again.
fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE
}

fn wait_for_locks(connection: &mut Connection, wait: Duration) -> Result<()> {
    let mut began = Instant::now();
    connection.busy_handler(Some(move |looks: i32| {
        if looks == 0 {
            began = Instant::now();
        }
        thread::sleep(limits::LOCK_POLL);
        began.elapsed() < wait
    }))
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pragma<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> T {
        connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).expect("a pragma that answers")
    }

    #[test]
    fn the_writer_syncs_every_commit_and_the_reader_cannot_write() {
        let path = std::env::temp_dir().join(format!("perennial-store-unit-{}.db", std::process::id()));
        let path = create_file(&path).expect("created");
        let writer = open_writer(&path).expect("opens");
        assert!(use_log(&writer).expect("answered"));
        set_up_writer(&writer).expect("set up");
        assert_eq!(pragma::<String>(&writer, "journal_mode"), "wal");
        assert_eq!(pragma::<u32>(&writer, "synchronous"), 2, "FULL");
        assert!(pragma::<bool>(&writer, "foreign_keys"));
        assert_eq!(pragma::<u32>(&writer, "wal_autocheckpoint"), limits::CHECKPOINT_PAGES);
        writer.execute_batch("CREATE TABLE kept (it INTEGER)").expect("written");
        let reader = open_reader(&path).expect("opens");
        assert!(reader.execute_batch("INSERT INTO kept VALUES (1)").is_err());
        drop((reader, writer));
        fs::remove_file(path).expect("removed");
    }
}
