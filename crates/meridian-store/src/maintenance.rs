//! What is done to a store that no process serves: looking into it, making it smaller, another key, backup and restore.
//!
//! Everything takes the store's lock, and is refused with [`OpenError::InUse`] while another process has it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::backend::{self, Backend, Loaded};
use crate::keyring::{self, Keyring};
use crate::{Event, EventType, GroupResource, Key, OpenError, StoreError, StoredObject, object, salvage as search};

pub use crate::salvage::Salvage;

/// How far a restored store's revisions begin after those of its backup. Watchers that had seen revisions which the
/// backup does not have are told that these are too old, and start again; they would otherwise miss what took their place.
const GAP: u64 = 1_000_000;

/// A store as it was found.
#[derive(Debug)]
pub struct Contents {
    /// The database file.
    pub file: PathBuf,
    /// Its length in bytes.
    pub file_bytes: u64,
    /// How many of them are objects and changes.
    pub used_bytes: u64,
    /// The layout of the file.
    pub format: u64,
    /// The newest revision.
    pub revision: u64,
    /// The oldest revision from which a watch can go on.
    pub history_from: u64,
    /// The identifier of the key under which Secrets are encrypted; nothing before the first write.
    pub key: Option<u64>,
    /// Every object, in the order of their keys.
    pub objects: Vec<Arc<StoredObject>>,
}

impl Contents {
    fn of(dir: &Path, file_bytes: u64, loaded: Loaded) -> Contents {
        Contents {
            file: dir.join(backend::FILE),
            file_bytes,
            used_bytes: loaded.bytes,
            format: loaded.format,
            revision: loaded.revision,
            history_from: loaded.revision - loaded.events.len() as u64,
            key: loaded.key,
            objects: loaded.objects.into_values().collect(),
        }
    }

    /// How many objects each collection has.
    pub fn collections(&self) -> BTreeMap<&GroupResource, usize> {
        let mut counts = BTreeMap::new();
        for object in &self.objects {
            *counts.entry(&object.key().resource).or_default() += 1;
        }
        counts
    }
}

/// Reads a store and checks all of it: every page's checksum, every row, and that history and objects fit together.
/// Nothing is changed but what a crash left undone.
///
/// # Errors
/// As [`crate::Store::open`]; and there must be a store.
pub fn inspect(dir: &Path) -> Result<Contents, OpenError> {
    let (backend, loaded) = existing(dir)?;
    Ok(Contents::of(dir, backend.file_length(), loaded))
}

/// As [`inspect`], without the Secrets, whose key need not be there; and without the history.
///
/// # Errors
/// As [`inspect`], but for the key.
pub fn inspect_open(dir: &Path) -> Result<Contents, OpenError> {
    let _lock = backend::take_lock(dir)?;
    must_exist(dir)?;
    let loaded = backend::load_open(dir).map_err(|failure| failure.explain(dir))?;
    let length = std::fs::metadata(dir.join(backend::FILE)).map_or(0, |file| file.len());
    Ok(Contents::of(dir, length, loaded))
}

/// Reads what can be read of a store that may be damaged, or whose key may be lost.
///
/// # Errors
/// The file cannot be read at all, or is in use.
pub fn salvage(dir: &Path) -> Result<Salvage, OpenError> {
    let _lock = backend::take_lock(dir)?;
    // A key that is unusable opens nothing; the rest is readable without it.
    let keyring = Keyring::read(dir).ok().flatten().unwrap_or_else(Keyring::empty);
    let file = dir.join(backend::FILE);
    search::search(&file, &keyring).map_err(|reason| OpenError::Io { path: file, reason })
}

/// Gives the space that is not used back to the disk. Returns the file's length in bytes before and after.
///
/// # Errors
/// As [`inspect`].
pub fn compact(dir: &Path) -> Result<(u64, u64), OpenError> {
    let (mut backend, mut loaded) = existing(dir)?;
    let before = backend.file_length();
    backend.rewrite(&mut loaded).map_err(|failure| failure.explain(dir))?;
    Ok((before, backend.file_length()))
}

/// Makes a new key and encrypts every Secret under it. The old key and everything that was encrypted under it are gone
/// afterwards. A rotation that is cut short is completed when the store is opened the next time.
///
/// # Errors
/// As [`inspect`].
pub fn rotate_key(dir: &Path) -> Result<(), OpenError> {
    let (backend, _) = existing(dir)?;
    let unusable = |reason| OpenError::KeyUnusable { file: keyring::path_in(dir), reason };
    let rotated = backend.into_keyring().rotated().map_err(|reason| unusable(std::io::Error::other(reason)))?;
    rotated.write(dir).map_err(unusable)?;
    // Opening finds a store whose key is not the one in use.
    Backend::open(dir).map(drop)
}

/// An object of a backup: with its `metadata.uid`, `creationTimestamp` and `generation`.
///
/// # Errors
/// [`StoreError::Malformed`].
pub fn restored(key: Key, value: Value) -> Result<StoredObject, StoreError> {
    let body = object::body_of_restored(&key, value)?;
    Ok(StoredObject::new(key, 0, body))
}

/// Writes the objects of a backup into a store that has none, in one transaction. `revision` is the backup's. Returns
/// the store's revision.
///
/// # Errors
/// [`OpenError::NotEmpty`], and as [`crate::Store::open`].
pub fn restore(dir: &Path, objects: Vec<StoredObject>, revision: u64) -> Result<u64, OpenError> {
    let (mut backend, mut loaded) = Backend::open(dir)?;
    if !loaded.objects.is_empty() {
        return Err(OpenError::NotEmpty { dir: dir.to_path_buf(), objects: loaded.objects.len() });
    }
    loaded.revision = loaded.revision.max(revision) + GAP;
    loaded.events.clear();
    for object in objects {
        loaded.revision += 1;
        let object = Arc::new(object.at_revision(loaded.revision));
        loaded.events.push_back(Event { event_type: EventType::Added, object: object.clone(), previous: None });
        loaded.objects.insert(object.key().clone(), object);
    }
    backend.rewrite(&mut loaded).map_err(|failure| failure.explain(dir))?;
    Ok(loaded.revision)
}

/// Opens a store that must be there.
fn existing(dir: &Path) -> Result<(Backend, Loaded), OpenError> {
    must_exist(dir)?;
    Backend::open_existing(dir)
}

fn must_exist(dir: &Path) -> Result<(), OpenError> {
    if dir.is_dir() && !dir.join(backend::FILE).exists() {
        return Err(OpenError::NotAFolder { dir: dir.to_path_buf(), found: "no store in it" });
    }
    Ok(())
}
