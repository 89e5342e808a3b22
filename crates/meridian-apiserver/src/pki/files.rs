//! Files that only their owner reads, and that are never half written.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::PkiError;

/// Makes a folder of mode 0700, or narrows the one that there is.
pub(super) fn make_folder(folder: &Path) -> Result<(), PkiError> {
    let failed = |error| PkiError::File { path: folder.to_owned(), error };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let mode = fs::metadata(folder).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    }
    Ok(())
}

/// Takes a file's rights away from everybody but its owner.
///
/// # Errors
/// The file is not ours.
pub fn narrow(path: &Path) -> Result<(), PkiError> {
    let failed = |error| PkiError::File { path: path.to_owned(), error };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(file = %path.display(), "others could read this file: its mode is 0600 from now on");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    }
    Ok(())
}

/// The text of a file; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<String>, PkiError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PkiError::File { path: path.to_owned(), error }),
    }
}

/// Removes a file that may be missing.
pub(super) fn remove(path: &Path) -> Result<(), PkiError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(PkiError::File { path: path.to_owned(), error }),
        _ => Ok(()),
    }
}

/// Writes a file of mode 0600: a reader sees the old text or the new one, never half of it, whenever the process ends.
///
/// # Errors
/// It cannot be written.
pub fn write_private(path: &Path, text: &str) -> Result<(), PkiError> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = Path::new(&new);
    let write = || -> std::io::Result<()> {
        // One that an end in between has left would keep its own mode.
        match fs::remove_file(new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(new, path)
    };
    write().map_err(|error| PkiError::File { path: path.to_owned(), error })
}
