//! A copy of the database while it is in use.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::{connection, error::BackupError};

/// Copies everything that was committed when it began into the new file `to`. The file gets its name
/// when it is complete and durable, so an interrupted backup cannot be mistaken for one.
pub(crate) fn backup(from: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::File { path: to.to_owned(), source };
    let to = std::path::absolute(to).map_err(failed)?;
    if to.exists() {
        return Err(BackupError::Exists(to));
    }
    let unfinished = unfinished_name(&to);
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    // SQLite fills an empty file that is there; a file of its own could be read by others.
    connection::create_private(&unfinished).map_err(failed)?;
    let copied = copy(from, &unfinished).and_then(|()| {
        File::open(&unfinished).and_then(|file| file.sync_all()).map_err(failed)?;
        fs::rename(&unfinished, &to).and_then(|()| connection::sync_parent(&to)).map_err(failed)
    });
    if copied.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    copied
}

fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let to = to.to_str().ok_or_else(|| rusqlite::Error::InvalidPath(to.to_owned()))?;
    connection::open_reader(from)?.execute("VACUUM INTO ?1", [to])?;
    Ok(())
}

fn unfinished_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".unfinished");
    name.into()
}
