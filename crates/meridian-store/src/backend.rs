//! The store's folder: opening it, writing batches, and what happens when the disk refuses.
//!
//! `store.redb` holds the objects and the recent changes ([`tables`]), `store.key` the key of what is confidential
//! ([`crate::keyring`]), `store.lock` who has the store open ([`crate::lock`]). A transaction is atomic and, once
//! committed, on disk.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Instant;

use redb::Database;

use crate::history::{MAX_BYTES, MAX_EVENTS};
use crate::keyring::{self, Keyring};
use crate::lock::{Lock, Refused};
use crate::state::State;
use crate::watch::{Event, EventType};
use crate::{Key, OpenError, StoredObject};

use failure::{Failure, guard};
use ledger::Ledger;
pub(crate) use tables::Loaded;

mod failure;
mod ledger;
#[cfg(test)]
mod power;
mod rewrite;
mod tables;
#[cfg(test)]
mod tests;

/// The layout of the tables: 1 had no history, and nothing in it was encrypted.
pub(crate) const FORMAT: u64 = 2;

/// The file's name in the data folder.
pub(crate) const FILE: &str = "store.redb";

/// A file below this size is not worth writing anew.
const SMALL: u64 = 16 << 20;

/// How many times larger than its content a file may be before it is written anew at the start.
const WASTE: u64 = 4;

/// The open database.
#[derive(Debug)]
pub(crate) struct Backend {
    dir: PathBuf,
    keyring: Keyring,
    /// `None` after a failed write, until the file could be opened again.
    database: Option<Database>,
    ledger: Ledger,
    _lock: Lock,
}

impl Backend {
    /// Opens the store of a folder, makes it when it is not there, and reads all of it. A store of an older format, or
    /// one whose key was changed, is written anew; so is one that is mostly empty space.
    pub(crate) fn open(dir: &Path) -> Result<(Backend, Loaded), OpenError> {
        make_folder(dir)?;
        let (mut backend, mut loaded) = Backend::open_existing(dir)?;
        if loaded.format == 0 {
            backend.begin(&mut loaded).map_err(|failure| failure.explain(dir))?;
        }
        let stale = loaded.format < FORMAT || loaded.key != Some(backend.keyring.active());
        if stale {
            backend.rewrite(&mut loaded).map_err(|failure| failure.explain(dir))?;
        } else if is_wasteful(dir, &loaded)
            && let Err(failure) = backend.rewrite(&mut loaded)
        {
            tracing::warn!(reason = %failure, "the store could not be made smaller, and goes on as it is");
        }
        backend.forget_old_keys()?;
        Ok((backend, loaded))
    }

    /// Opens the store of a folder that exists and reads it. Makes an empty one, and a key, when there is none.
    pub(crate) fn open_existing(dir: &Path) -> Result<(Backend, Loaded), OpenError> {
        let lock = take_lock(dir)?;
        let known =
            Keyring::read(dir).map_err(|reason| OpenError::KeyUnusable { file: keyring::path_in(dir), reason })?;
        remove_unfinished(dir)?;
        let without = Keyring::empty();
        let (database, loaded, ledger) =
            guard(|| open_and_load(dir, known.as_ref().unwrap_or(&without))).map_err(|failure| failure.explain(dir))?;
        let keyring = match (known, loaded.key) {
            (Some(known), Some(key)) if known.opener(key).is_none() => {
                return Err(OpenError::WrongKey { file: keyring::path_in(dir), found: known.active(), expected: key });
            }
            (Some(known), _) => known,
            (None, Some(_)) => return Err(OpenError::KeyMissing { file: keyring::path_in(dir) }),
            // It is on disk before anything is sealed under it.
            (None, None) => make_key(dir)?,
        };
        // The file's name must be on disk too before any write into it is acknowledged.
        sync_folder(dir).map_err(|reason| OpenError::Io { path: dir.to_path_buf(), reason })?;
        Ok((Backend { dir: dir.to_path_buf(), keyring, database: Some(database), ledger, _lock: lock }, loaded))
    }

    /// Notes the format and the key in a new file.
    fn begin(&mut self, loaded: &mut Loaded) -> Result<(), Failure> {
        if let Some(database) = &self.database {
            tables::write_all(database, loaded, &self.keyring)?;
        }
        (loaded.format, loaded.key) = (FORMAT, Some(self.keyring.active()));
        Ok(())
    }

    /// Writes a batch in one transaction; returns when it is on disk. `state` is what the batches before it made.
    ///
    /// # Errors
    /// What the disk said. The batch must not be shown to readers then.
    pub(crate) fn commit(&mut self, batch: &[Event], state: &RwLock<State>) -> Result<(), String> {
        // After an input or output error redb refuses to go on with the same handle.
        let database = match self.database.take() {
            Some(database) => database,
            None => self.reopen(state)?,
        };
        tables::write_batch(&database, batch, &mut self.ledger, &self.keyring).map_err(|e| e.to_string())?;
        self.database = Some(database);
        Ok(())
    }

    /// Closes the store and returns its keys.
    pub(crate) fn into_keyring(self) -> Keyring {
        self.keyring
    }

    /// Writes the whole store into a new file, under the key in use, and puts it in the place of the old one.
    pub(crate) fn rewrite(&mut self, loaded: &mut Loaded) -> Result<(), Failure> {
        let before = self.file_length();
        rewrite::write(&self.dir, loaded, &self.keyring)?;
        // The lock is not on this file, so nobody else can come in between.
        self.database = None;
        rewrite::replace(&self.dir)?;
        let (database, found, ledger) = guard(|| open_and_load(&self.dir, &self.keyring))?;
        (self.database, self.ledger, *loaded) = (Some(database), ledger, found);
        tracing::info!(bytes_before = before, bytes = self.file_length(), "the store was written anew");
        Ok(())
    }

    /// Bytes of the file; 0 when it cannot be asked.
    pub(crate) fn file_length(&self) -> u64 {
        fs::metadata(self.dir.join(FILE)).map_or(0, |file| file.len())
    }

    /// Once everything is sealed under the key in use, the others are of no use but to a thief.
    fn forget_old_keys(&mut self) -> Result<(), OpenError> {
        if self.keyring.has_old() {
            self.keyring.forget_old();
            self.keyring
                .write(&self.dir)
                .map_err(|reason| OpenError::KeyUnusable { file: keyring::path_in(&self.dir), reason })?;
        }
        Ok(())
    }

    /// Opens the file after a failed write. That write may have reached the disk although the disk said no: what the
    /// file holds and the acknowledged state does not is taken back, or it would appear at the next start.
    fn reopen(&mut self, state: &RwLock<State>) -> Result<Database, String> {
        let (database, loaded, ledger) =
            guard(|| open_and_load(&self.dir, &self.keyring)).map_err(|failure| failure.to_string())?;
        self.ledger = ledger;
        let state = crate::store::read(state);
        if loaded.revision != state.revision {
            let repair = Repair::between(loaded, &state);
            tables::repair(&database, &repair, &mut self.ledger, &self.keyring).map_err(|e| e.to_string())?;
        }
        tracing::warn!(file = %self.dir.join(FILE).display(), "the store was opened again after a failed write");
        Ok(database)
    }
}

/// What makes the file agree with the acknowledged state.
#[derive(Debug)]
pub(crate) struct Repair {
    revision: u64,
    /// What each object that differs must be; nothing when it must not be there.
    objects: Vec<(Key, Option<Arc<StoredObject>>)>,
    /// Acknowledged changes that the file does not have.
    events: Vec<Event>,
}

impl Repair {
    fn between(loaded: Loaded, state: &State) -> Repair {
        let mut surplus: HashMap<Key, Arc<StoredObject>> = loaded.objects.into_iter().collect();
        let mut objects = Vec::new();
        for (key, object) in &state.objects {
            let on_disk = surplus.remove(key);
            if on_disk.is_none_or(|on_disk| on_disk.revision() != object.revision()) {
                objects.push((key.clone(), Some(object.clone())));
            }
        }
        objects.extend(surplus.into_keys().map(|key| (key, None)));
        let events = state.history.after(loaded.revision).cloned().collect();
        Repair { revision: state.revision, objects, events }
    }
}

/// Whether most of the file is free space.
fn is_wasteful(dir: &Path, loaded: &Loaded) -> bool {
    fs::metadata(dir.join(FILE)).is_ok_and(|file| file.len() > SMALL && file.len() > WASTE * loaded.bytes)
}

fn open_and_load(dir: &Path, keyring: &Keyring) -> Result<(Database, Loaded, Ledger), Failure> {
    let began = Instant::now();
    let mut opened = tables::open_file(&dir.join(FILE))?;
    let (loaded, ledger) = tables::load_checked(&mut opened, keyring)?;
    let (objects, changes, elapsed) = (loaded.objects.len(), loaded.events.len(), began.elapsed());
    tracing::debug!(objects, changes, bytes = loaded.bytes, ?elapsed, "the store was read");
    Ok((opened.database, loaded, ledger))
}

/// Reads what is not confidential, without a key and without the history.
pub(crate) fn load_open(dir: &Path) -> Result<Loaded, Failure> {
    guard(|| {
        let mut opened = tables::open_file(&dir.join(FILE))?;
        tables::load_open(&mut opened)
    })
}

fn make_folder(dir: &Path) -> Result<(), OpenError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|reason| match fs::symlink_metadata(dir) {
        Ok(found) if !dir.is_dir() => OpenError::NotAFolder {
            dir: dir.to_path_buf(),
            found: if found.is_symlink() { "a link that leads to no folder" } else { "a file" },
        },
        _ => OpenError::Io { path: dir.to_path_buf(), reason },
    })
}

pub(crate) fn take_lock(dir: &Path) -> Result<Lock, OpenError> {
    if !dir.is_dir() {
        let found = if dir.symlink_metadata().is_ok() { "not a folder" } else { "nothing" };
        return Err(OpenError::NotAFolder { dir: dir.to_path_buf(), found });
    }
    Lock::take(dir).map_err(|refused| match refused {
        Refused::Held(holder) => OpenError::InUse { dir: dir.to_path_buf(), holder },
        Refused::Io(reason) => OpenError::Io { path: dir.to_path_buf(), reason },
    })
}

/// What a process left that died while it wrote the store anew. The old file is still the store.
fn remove_unfinished(dir: &Path) -> Result<(), OpenError> {
    let path = rewrite::new_file(dir);
    match fs::remove_file(&path) {
        Err(reason) if reason.kind() != io::ErrorKind::NotFound => Err(OpenError::Io { path, reason }),
        _ => Ok(()),
    }
}

fn make_key(dir: &Path) -> Result<Keyring, OpenError> {
    let unusable = |reason| OpenError::KeyUnusable { file: keyring::path_in(dir), reason };
    let keyring = Keyring::generate().map_err(|reason| unusable(io::Error::other(reason)))?;
    keyring.write(dir).map_err(unusable)?;
    Ok(keyring)
}

pub(crate) fn sync_folder(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
