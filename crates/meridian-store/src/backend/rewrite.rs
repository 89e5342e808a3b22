//! The whole store in a new file, which then takes the place of the old one.
//!
//! One way for all that must not leave the old bytes behind: a new format, a new key, and a file that is mostly empty.
//! Until the new file is on disk under the old name, the old one is the store: a crash at any moment loses nothing.

use std::fs;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::{FILE, Loaded, sync_folder, tables};
use crate::keyring::Keyring;

/// Where the new file is until it is whole.
pub(crate) fn new_file(dir: &Path) -> PathBuf {
    dir.join(format!("{FILE}.new"))
}

/// Writes everything into the new file.
pub(crate) fn write(dir: &Path, loaded: &Loaded, keyring: &Keyring) -> Result<(), Failure> {
    let path = new_file(dir);
    let written = tables::open_file(&path).and_then(|opened| tables::write_all(&opened.database, loaded, keyring));
    if written.is_err() {
        // It is in the way on a disk that is full.
        let _ = fs::remove_file(&path);
    }
    written
}

/// Puts the new file in the place of the old one.
pub(crate) fn replace(dir: &Path) -> Result<(), Failure> {
    fs::File::open(new_file(dir))?.sync_all()?;
    fs::rename(new_file(dir), dir.join(FILE))?;
    Ok(sync_folder(dir)?)
}
