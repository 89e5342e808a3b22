//! The tables of the database file.
//!
//! `rows` holds the objects, `(collection, namespace, name) -> row`; `changes` the recent past, `revision -> row`;
//! `counters` the format, the newest revision and the identifier of the key. Rows are those of [`crate::record`]. A
//! change keeps what was replaced or removed; what it was replaced by is the object of now, or the change after it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table, TableDefinition,
    TableError, WriteTransaction,
};

use super::failure::Failure;
use super::{Event, EventType, FORMAT, Key, Ledger, Repair, StoredObject};
use crate::keyring::Keyring;
use crate::record::{self, Record, RecordError, RecordKind};
use crate::{GroupResource, object};

const ROWS: TableDefinition<(&str, &str, &str), &[u8]> = TableDefinition::new("rows");
const CHANGES: TableDefinition<u64, &[u8]> = TableDefinition::new("changes");
const COUNTERS: TableDefinition<&str, u64> = TableDefinition::new("counters");

/// The objects in format 1: `(revision, body)`.
const OBJECTS_1: TableDefinition<(&str, &str, &str), (u64, &str)> = TableDefinition::new("objects");

/// Bytes of pages that redb may cache. Reads are served from memory, so that only the trees' upper pages matter.
const CACHE: usize = 2 << 20;

/// What the file holds.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// 0 when the file is new.
    pub(crate) format: u64,
    pub(crate) revision: u64,
    pub(crate) objects: BTreeMap<Key, Arc<StoredObject>>,
    /// The changes up to `revision` without a gap, oldest first.
    pub(crate) events: VecDeque<Event>,
    /// The identifier of the key under which confidential rows are sealed.
    pub(crate) key: Option<u64>,
    /// Bytes of all rows.
    pub(crate) bytes: u64,
}

/// An open database, and what opening it has found.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) database: Database,
    /// The file was not closed, so that the library has compared every checksum and counted the free pages anew.
    repaired: bool,
}

/// Opens a database file, or makes an empty one.
pub(crate) fn open_file(path: &Path) -> Result<Opened, Failure> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    open(redb::backends::FileBackend::new(file)?)
}

pub(crate) fn open(storage: impl redb::StorageBackend) -> Result<Opened, Failure> {
    let repaired = Arc::new(AtomicBool::new(false));
    let mut builder = Database::builder();
    let told = repaired.clone();
    builder.set_cache_size(CACHE).set_repair_callback(move |_| told.store(true, Ordering::Relaxed));
    let database = builder.create_with_backend(storage)?;
    Ok(Opened { database, repaired: repaired.load(Ordering::Relaxed) })
}

/// Compares the checksum of every page that is in use, unless opening has just done so, then reads everything.
pub(crate) fn load_checked(opened: &mut Opened, keyring: &Keyring) -> Result<(Loaded, Ledger), Failure> {
    if opened.repaired {
        return load(&opened.database, keyring);
    }
    let database = &mut opened.database;
    let before = revision(database)?;
    let sound = database.check_integrity()?;
    let (loaded, ledger) = load(database, keyring)?;
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
    Ok((loaded, ledger))
}

/// The newest revision in the file; 0 when it is new.
fn revision(database: &Database) -> Result<u64, Failure> {
    let transaction = database.begin_read()?;
    match transaction.open_table(COUNTERS) {
        Ok(table) => Ok(table.get("revision")?.map_or(0, |value| value.value())),
        Err(TableError::TableDoesNotExist(_)) => Ok(0),
        Err(e) => Err(e.into()),
    }
}

/// Reads the objects that are not encrypted, and nothing of the history.
pub(crate) fn load_open(opened: &mut Opened) -> Result<Loaded, Failure> {
    if !opened.repaired {
        opened.database.check_integrity()?;
    }
    let transaction = opened.database.begin_read()?;
    let mut loaded = load_counters(&transaction)?;
    match loaded.format {
        FORMAT => load_rows(&transaction, &mut loaded, &Keyring::empty(), true)?,
        0 => {}
        _ => load_first_format(&transaction, &mut loaded)?,
    }
    Ok(loaded)
}

/// Reads everything and checks that it fits together.
pub(crate) fn load(database: &Database, keyring: &Keyring) -> Result<(Loaded, Ledger), Failure> {
    let transaction = database.begin_read()?;
    let mut loaded = load_counters(&transaction)?;
    if loaded.format == 0 {
        return Ok(Default::default());
    }
    if loaded.format < FORMAT {
        load_first_format(&transaction, &mut loaded)?;
        let ledger = Ledger::after(loaded.revision);
        return Ok((loaded, ledger));
    }
    if let Some(key) = loaded.key
        && keyring.opener(key).is_none()
    {
        return Err(Failure::NoKey(key));
    }
    load_rows(&transaction, &mut loaded, keyring, false)?;
    let ledger = load_changes(&transaction, &mut loaded, keyring)?;
    Ok((loaded, ledger))
}

/// Format 0 is a file without tables.
fn load_counters(transaction: &ReadTransaction) -> Result<Loaded, Failure> {
    let counters = match transaction.open_table(COUNTERS) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(Loaded::default()),
        Err(e) => return Err(e.into()),
    };
    let counter = |name| -> Result<Option<u64>, Failure> { Ok(counters.get(name)?.map(|value| value.value())) };
    let needed = |name| counter(name)?.ok_or_else(|| Failure::Damaged(format!("it has no counter {name:?}")));
    let format = needed("format")?;
    if format > FORMAT {
        return Err(Failure::Newer(format));
    }
    Ok(Loaded { format, revision: needed("revision")?, key: counter("key")?, ..Loaded::default() })
}

/// Reads the objects; with `skip_sealed`, without those that are encrypted under a key that is not at hand.
fn load_rows(
    transaction: &ReadTransaction,
    loaded: &mut Loaded,
    keyring: &Keyring,
    skip_sealed: bool,
) -> Result<(), Failure> {
    let table = transaction.open_table(ROWS)?;
    let mut skipped = 0;
    for row in table.iter()? {
        let (place, bytes) = row?;
        let record = match record::decode(bytes.value(), keyring) {
            Err(RecordError::NoKey(..)) if skip_sealed => {
                skipped += 1;
                continue;
            }
            decoded => decoded?,
        };
        let Record { kind, key, revision, version, body } = record;
        if kind != RecordKind::Object || revision != version || place.value() != place_of(&key) {
            return Err(Failure::Damaged(format!("the row of {key} is in another's place")));
        }
        if revision > loaded.revision {
            return Err(Failure::Damaged(format!("the object {key} is newer than the store's revision")));
        }
        loaded.bytes += bytes.value().len() as u64;
        loaded.objects.insert(key.clone(), Arc::new(StoredObject::new(key, revision, body)));
    }
    let expected = table.len()?;
    if expected != loaded.objects.len() as u64 + skipped {
        return Err(Failure::Damaged(format!("{} of {expected} objects are there", loaded.objects.len())));
    }
    Ok(())
}

/// Reads the changes, and walks them back from what is now: each must have made what was there after it.
fn load_changes(transaction: &ReadTransaction, loaded: &mut Loaded, keyring: &Keyring) -> Result<Ledger, Failure> {
    let table = transaction.open_table(CHANGES)?;
    let rows = table.len()?;
    let first = (loaded.revision + 1)
        .checked_sub(rows)
        .ok_or_else(|| Failure::Damaged("it holds more changes than have happened".to_owned()))?;
    let mut ledger = Ledger::after(first - 1);
    let mut records = Vec::new();
    for row in table.iter()? {
        let (revision, bytes) = row?;
        let record = record::decode(bytes.value(), keyring)?;
        let expected = first + records.len() as u64;
        if revision.value() != expected || record.revision != expected || record.kind == RecordKind::Object {
            return Err(Failure::Damaged(format!("the change of revision {expected} is not there")));
        }
        loaded.bytes += bytes.value().len() as u64;
        ledger.push(record.body.len());
        records.push(record);
    }
    if records.len() as u64 != rows {
        return Err(Failure::Damaged(format!("{} of {rows} changes are there", records.len())));
    }
    let mut earlier: HashMap<Key, Option<Arc<StoredObject>>> = HashMap::new();
    for record in records.into_iter().rev() {
        let after = match earlier.get(&record.key) {
            Some(known) => known.clone(),
            None => loaded.objects.get(&record.key).cloned(),
        };
        let (key, revision) = (record.key.clone(), record.revision);
        let event = event(record, after).ok_or_else(|| {
            Failure::Damaged(format!("the change of revision {revision} is not what became of {key}"))
        })?;
        earlier.insert(key, event.previous.clone());
        loaded.events.push_front(event);
    }
    Ok(ledger)
}

/// The change of a row after which the object was `after`; nothing when the two do not belong together.
fn event(record: Record, after: Option<Arc<StoredObject>>) -> Option<Event> {
    let Record { kind, key, revision, version, body } = record;
    let previous = (kind != RecordKind::Added).then(|| Arc::new(StoredObject::new(key, version, body)));
    let event_type = match kind {
        RecordKind::Added => EventType::Added,
        RecordKind::Modified => EventType::Modified,
        RecordKind::Deleted => EventType::Deleted,
        RecordKind::Object => return None,
    };
    let object = match (event_type, after, &previous) {
        (EventType::Deleted, None, Some(previous)) => Arc::new(previous.at_revision(revision)),
        (EventType::Added | EventType::Modified, Some(after), _) if after.revision() == revision => after,
        _ => return None,
    };
    Some(Event { event_type, object, previous })
}

fn load_first_format(transaction: &ReadTransaction, loaded: &mut Loaded) -> Result<(), Failure> {
    let table = transaction.open_table(OBJECTS_1)?;
    for row in table.iter()? {
        let (place, value) = row?;
        let ((resource, namespace, name), (revision, body)) = (place.value(), value.value());
        let key = Key::new(GroupResource::named(resource), namespace, name);
        object::check_body(&key, body).map_err(Failure::Damaged)?;
        if revision > loaded.revision {
            return Err(Failure::Damaged(format!("the object {key} is newer than the store's revision")));
        }
        loaded.bytes += body.len() as u64;
        loaded.objects.insert(key.clone(), Arc::new(StoredObject::new(key, revision, body.into())));
    }
    Ok(())
}

fn place_of(key: &Key) -> (&str, &str, &str) {
    (key.resource.as_str(), &key.namespace, &key.name)
}

/// The tables of one transaction, open for writing.
struct Writing<'t> {
    rows: Table<'t, (&'static str, &'static str, &'static str), &'static [u8]>,
    changes: Table<'t, u64, &'static [u8]>,
    keyring: &'t Keyring,
}

impl<'t> Writing<'t> {
    fn open(transaction: &'t WriteTransaction, keyring: &'t Keyring) -> Result<Writing<'t>, Failure> {
        Ok(Writing { rows: transaction.open_table(ROWS)?, changes: transaction.open_table(CHANGES)?, keyring })
    }

    fn put(&mut self, object: &StoredObject) -> Result<(), Failure> {
        let revision = object.revision();
        let row = record::encode(RecordKind::Object, object.key(), (revision, revision), object.body(), self.keyring);
        self.rows.insert(place_of(object.key()), &*row.map_err(unwritable)?)?;
        Ok(())
    }

    fn remove(&mut self, key: &Key) -> Result<(), Failure> {
        self.rows.remove(place_of(key))?;
        Ok(())
    }

    /// Writes a change; returns how much of an object that is not current any more it keeps.
    fn note(&mut self, event: &Event) -> Result<usize, Failure> {
        let kind = match event.event_type {
            EventType::Added => RecordKind::Added,
            EventType::Modified => RecordKind::Modified,
            EventType::Deleted => RecordKind::Deleted,
        };
        let revision = event.object.revision();
        let (version, body) = event.previous.as_ref().map_or((revision, ""), |old| (old.revision(), &**old.body()));
        let row = record::encode(kind, event.object.key(), (revision, version), body, self.keyring);
        self.changes.insert(revision, &*row.map_err(unwritable)?)?;
        Ok(body.len())
    }
}

fn unwritable(reason: &'static str) -> Failure {
    Failure::Io(std::io::Error::other(reason))
}

fn write_counters(transaction: &WriteTransaction, revision: u64, keyring: &Keyring) -> Result<(), Failure> {
    let mut counters = transaction.open_table(COUNTERS)?;
    for (name, value) in [("format", FORMAT), ("revision", revision), ("key", keyring.active())] {
        counters.insert(name, value)?;
    }
    Ok(())
}

/// Writes changes and what they leave behind, and removes changes that are too old.
pub(crate) fn write_batch(
    database: &Database,
    batch: &[Event],
    ledger: &mut Ledger,
    keyring: &Keyring,
) -> Result<(), Failure> {
    let Some(last) = batch.last() else { return Ok(()) };
    let transaction = database.begin_write()?;
    {
        let mut writing = Writing::open(&transaction, keyring)?;
        for event in batch {
            match event.event_type {
                EventType::Deleted => writing.remove(event.object.key())?,
                EventType::Added | EventType::Modified => writing.put(&event.object)?,
            }
            ledger.push(writing.note(event)?);
        }
        if let Some(oldest) = ledger.surplus() {
            writing.changes.retain_in(..=oldest, |_, _| false)?;
        }
    }
    write_counters(&transaction, last.object.revision(), keyring)?;
    Ok(transaction.commit()?)
}

/// Makes the file agree with what was acknowledged.
pub(crate) fn repair(
    database: &Database,
    repair: &Repair,
    ledger: &mut Ledger,
    keyring: &Keyring,
) -> Result<(), Failure> {
    let transaction = database.begin_write()?;
    {
        let mut writing = Writing::open(&transaction, keyring)?;
        for (key, object) in &repair.objects {
            match object {
                Some(object) => writing.put(object)?,
                None => writing.remove(key)?,
            }
        }
        writing.changes.retain_in(repair.revision + 1.., |_, _| false)?;
        ledger.cut_after(repair.revision);
        for event in &repair.events {
            ledger.push(writing.note(event)?);
        }
    }
    write_counters(&transaction, repair.revision, keyring)?;
    Ok(transaction.commit()?)
}

/// Writes everything into an empty file.
pub(crate) fn write_all(database: &Database, loaded: &Loaded, keyring: &Keyring) -> Result<(), Failure> {
    let transaction = database.begin_write()?;
    {
        let mut writing = Writing::open(&transaction, keyring)?;
        for object in loaded.objects.values() {
            writing.put(object)?;
        }
        for event in &loaded.events {
            writing.note(event)?;
        }
    }
    write_counters(&transaction, loaded.revision, keyring)?;
    Ok(transaction.commit()?)
}
