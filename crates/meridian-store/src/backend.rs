//! The database file.
//!
//! One table holds the objects, `(collection, namespace, name) -> (revision, body)`, one the counters. A transaction of
//! redb is atomic and, once committed, on disk; the file is locked while it is open.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition, TableError};

use crate::state::{Applied, State};
use crate::{GroupResource, Key, OpenError, StoredObject, object};

#[cfg(test)]
mod tests;

const OBJECTS: TableDefinition<(&str, &str, &str), (u64, &str)> = TableDefinition::new("objects");
const COUNTERS: TableDefinition<&str, u64> = TableDefinition::new("counters");

/// The layout of the tables above.
const FORMAT: u64 = 1;

/// The file's name in the data folder.
const FILE: &str = "store.redb";

/// Bytes of pages that redb may cache. Reads are served from memory, so that only the tree's upper pages matter.
const CACHE: usize = 4 << 20;

/// What the file holds.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) revision: u64,
    pub(crate) objects: BTreeMap<Key, Arc<StoredObject>>,
}

/// The open database.
#[derive(Debug)]
pub(crate) struct Backend {
    file: PathBuf,
    /// `None` after a failed write, until the file could be opened again.
    database: Option<Database>,
}

impl Backend {
    /// Opens the store of a folder, makes it when it is not there, and reads all of it.
    pub(crate) fn open(dir: &Path) -> Result<(Backend, Loaded), OpenError> {
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |reason| OpenError::Io { path, reason }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io(dir))?;
        let file = dir.join(FILE);
        let handle = open_file(&file).map_err(io(&file))?;
        let opened = guard(|| {
            let mut database = open_database(handle)?;
            let loaded = load_checked(&mut database)?;
            Ok((database, loaded))
        });
        let (database, loaded) = opened.map_err(|failure| failure.explain(dir, &file))?;
        // The file's name must be on disk too before any write into it is acknowledged.
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(io(dir))?;
        Ok((Backend { file, database: Some(database) }, loaded))
    }

    /// Writes a batch in one transaction; returns when it is on disk. `state` is what the batches before it made.
    ///
    /// # Errors
    /// What the disk said. The batch must not be shown to readers then.
    pub(crate) fn commit(&mut self, batch: &[Applied], state: &RwLock<State>) -> Result<(), String> {
        // After an input or output error redb refuses to go on with the same handle.
        let database = match self.database.take() {
            Some(database) => database,
            None => self.reopen(state)?,
        };
        write_batch(&database, batch).map_err(|e| e.to_string())?;
        self.database = Some(database);
        Ok(())
    }

    /// Opens the file after a failed write. That write may have reached the disk although the disk said no: what the
    /// file holds and the acknowledged state does not is taken back, or it would appear at the next start.
    fn reopen(&self, state: &RwLock<State>) -> Result<Database, String> {
        let handle = open_file(&self.file).map_err(|e| e.to_string())?;
        let database = guard(|| open_database(handle)).map_err(|failure| failure.to_string())?;
        let Loaded { objects: mut surplus, revision } =
            guard(|| load(&database)).map_err(|failure| failure.to_string())?;
        let state = crate::store::read(state);
        if revision != state.revision {
            let mut repair: Vec<Applied> = Vec::new();
            for (key, object) in &state.objects {
                let on_disk = surplus.remove(key);
                if on_disk.is_none_or(|on_disk| on_disk.revision() != object.revision()) {
                    repair.push(Applied::Put(object.clone()));
                }
            }
            repair.extend(surplus.into_values().map(Applied::Removed));
            write_rows(&database, &repair, state.revision).map_err(|e| e.to_string())?;
        }
        tracing::warn!(file = %self.file.display(), "the store was opened again after a failed write");
        Ok(database)
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn open_database(file: File) -> Result<Database, Failure> {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE);
    let backend = redb::backends::FileBackend::new(file)?;
    Ok(builder.create_with_backend(backend)?)
}

/// Compares the checksum of every page that is in use, then reads everything.
fn load_checked(database: &mut Database) -> Result<Loaded, Failure> {
    let before = revision(database)?;
    let sound = database.check_integrity()?;
    let loaded = load(database)?;
    if !sound {
        // The library has repaired the file: its own bookkeeping, or by going back to the transaction before.
        if before != loaded.revision {
            return Err(Failure::Damaged(format!(
                "the transaction of revision {before} is not whole; start again to go on from revision {}",
                loaded.revision
            )));
        }
        tracing::warn!("the store's free-space records were damaged and have been repaired; no object was affected");
    }
    Ok(loaded)
}

/// The newest revision in the file; 0 when it is new.
fn revision(database: &Database) -> Result<u64, Failure> {
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    match transaction.open_table(COUNTERS) {
        Ok(table) => Ok(table.get("revision").map_err(redb::Error::from)?.map_or(0, |value| value.value())),
        Err(TableError::TableDoesNotExist(_)) => Ok(0),
        Err(e) => Err(redb::Error::from(e).into()),
    }
}

fn load(database: &Database) -> Result<Loaded, Failure> {
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    let counters = match transaction.open_table(COUNTERS) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(Loaded::default()),
        Err(e) => return Err(redb::Error::from(e).into()),
    };
    let counter = |name| -> Result<u64, Failure> {
        let value = counters.get(name).map_err(redb::Error::from)?;
        value.map(|value| value.value()).ok_or_else(|| Failure::Damaged(format!("it has no counter {name:?}")))
    };
    let format = counter("format")?;
    if format > FORMAT {
        return Err(Failure::Newer(format));
    }
    let mut loaded = Loaded { revision: counter("revision")?, objects: BTreeMap::new() };
    let table = transaction.open_table(OBJECTS).map_err(redb::Error::from)?;
    for row in table.iter().map_err(redb::Error::from)? {
        let (key, value) = row.map_err(redb::Error::from)?;
        let ((resource, namespace, name), (revision, body)) = (key.value(), value.value());
        let key = Key::new(GroupResource::from_stored(resource), namespace, name);
        object::check_body(&key, body).map_err(Failure::Damaged)?;
        if revision > loaded.revision {
            return Err(Failure::Damaged(format!("the object {key} is newer than the store's revision")));
        }
        loaded.objects.insert(key.clone(), Arc::new(StoredObject::new(key, revision, body.into())));
    }
    Ok(loaded)
}

fn write_batch(database: &Database, batch: &[Applied]) -> Result<(), redb::Error> {
    let Some(last) = batch.last() else { return Ok(()) };
    write_rows(database, batch, last.object().revision())
}

fn write_rows(database: &Database, rows: &[Applied], revision: u64) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut objects = transaction.open_table(OBJECTS)?;
        let mut counters = transaction.open_table(COUNTERS)?;
        for applied in rows {
            let object = applied.object();
            let key = object.key();
            let row = (key.resource.as_str(), &*key.namespace, &*key.name);
            match applied {
                Applied::Put(_) => objects.insert(row, (object.revision(), &**object.body()))?,
                Applied::Removed(_) => objects.remove(row)?,
            };
        }
        counters.insert("format", FORMAT)?;
        counters.insert("revision", revision)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Why the file could not be read.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("it is in use by another process")]
    InUse,
    #[error("{0}")]
    Damaged(String),
    #[error("it has format {0}")]
    Newer(u64),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Failure {
        match error {
            DatabaseError::DatabaseAlreadyOpen => Failure::InUse,
            other => redb::Error::from(other).into(),
        }
    }
}

impl From<redb::Error> for Failure {
    fn from(error: redb::Error) -> Failure {
        match error {
            // redb says so of a file that is too short or does not begin as its files do.
            redb::Error::Io(e) if matches!(e.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
                Failure::Damaged(e.to_string())
            }
            redb::Error::Io(e) => Failure::Io(e),
            other => Failure::Damaged(other.to_string()),
        }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Failure {
        redb::Error::from(error).into()
    }
}

impl Failure {
    fn explain(self, dir: &Path, file: &Path) -> OpenError {
        let file = file.to_path_buf();
        match self {
            Failure::InUse => OpenError::InUse { dir: dir.to_path_buf() },
            Failure::Damaged(reason) => OpenError::Damaged { file, reason },
            Failure::Newer(found) => OpenError::NewerFormat { file, found, supported: FORMAT },
            Failure::Io(reason) => OpenError::Io { path: file, reason },
        }
    }
}

/// Runs a read of the file. Where a damaged page makes the library panic, that is a finding about the file, not the end
/// of the process.
fn guard<T>(read: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(Failure::Damaged("its pages contradict each other".to_owned())))
}
