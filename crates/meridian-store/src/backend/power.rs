//! A disk that loses its power: what was not synced is there, or not, or in part.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use redb::StorageBackend;

use super::tables;
use crate::keyring::Keyring;
use crate::watch::{Event, EventType};
use crate::{GroupResource, Key, StoredObject};

/// What a disk writes at once.
const SECTOR: usize = 512;

#[derive(Debug, Clone)]
enum Write {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

#[derive(Debug, Default)]
struct Content {
    /// What survives.
    synced: Vec<u8>,
    /// What the program reads back.
    seen: Vec<u8>,
    /// What was written since the last sync, by sectors.
    pending: Vec<Write>,
    /// How many operations still reach the disk; nothing for all.
    operations_left: Option<usize>,
}

impl Content {
    /// One operation less.
    fn operate(&mut self) -> Result<(), io::Error> {
        match &mut self.operations_left {
            Some(0) => Err(io::Error::other("the power is gone")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<Content>>);

impl Disk {
    /// The disk as the next start may find it: every sector of a write that was not synced is there or not.
    fn after_power_loss(&self) -> Disk {
        let content = self.0.lock().expect("no panic");
        let mut found = content.synced.clone();
        for write in &content.pending {
            if fastrand::bool() {
                apply(&mut found, write);
            }
        }
        Disk(Arc::new(Mutex::new(Content { synced: found.clone(), seen: found, ..Content::default() })))
    }
}

fn apply(bytes: &mut Vec<u8>, write: &Write) {
    match write {
        Write::Length(length) => bytes.resize(*length, 0),
        Write::Bytes(at, data) => {
            let end = at + data.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*at..end].copy_from_slice(data);
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.0.lock().expect("no panic").seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let content = self.0.lock().expect("no panic");
        let from = usize::try_from(offset).expect("a small disk");
        let bytes = content.seen.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let mut content = self.0.lock().expect("no panic");
        content.operate()?;
        let write = Write::Length(usize::try_from(len).expect("a small disk"));
        apply(&mut content.seen, &write);
        content.pending.push(write);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        let mut content = self.0.lock().expect("no panic");
        content.operate()?;
        content.pending.clear();
        content.synced = content.seen.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut content = self.0.lock().expect("no panic");
        content.operate()?;
        let from = usize::try_from(offset).expect("a small disk");
        apply(&mut content.seen, &Write::Bytes(from, data.to_vec()));
        content.pending.extend(
            data.chunks(SECTOR).enumerate().map(|(i, sector)| Write::Bytes(from + i * SECTOR, sector.to_vec())),
        );
        Ok(())
    }
}

fn key(i: u64) -> Key {
    let plural = if i.is_multiple_of(2) { "secrets" } else { "configmaps" };
    Key::new(GroupResource::new("", plural), "default", &format!("o{i}"))
}

/// A batch of random changes after `objects`.
fn batch(objects: &mut BTreeMap<Key, Arc<StoredObject>>, revision: &mut u64) -> Vec<Event> {
    (0..fastrand::u64(1..6))
        .map(|_| {
            *revision += 1;
            let key = key(fastrand::u64(0..12));
            let previous = objects.get(&key).cloned();
            if let Some(previous) = previous.clone().filter(|_| fastrand::u8(0..4) == 0) {
                objects.remove(&key);
                let object = Arc::new(previous.at_revision(*revision));
                return Event { event_type: EventType::Deleted, object, previous: Some(previous) };
            }
            let body =
                format!("{{\"name\":\"{}\"}},\"data\":\"{}\"}}", key.name, "x".repeat(fastrand::usize(0..9_000)));
            let object = Arc::new(StoredObject::new(key.clone(), *revision, body.into()));
            objects.insert(key, object.clone());
            let event_type = if previous.is_some() { EventType::Modified } else { EventType::Added };
            Event { event_type, object, previous }
        })
        .collect()
}

fn content(objects: &BTreeMap<Key, Arc<StoredObject>>) -> Vec<(Key, u64, Arc<str>)> {
    objects.values().map(|object| (object.key().clone(), object.revision(), object.body().clone())).collect()
}

/// The power fails between two transactions, or within one after a number of operations; what was committed is there,
/// whole, with its history, and what was on its way is there as a whole or not at all.
#[test]
fn a_loss_of_power_loses_no_transaction_that_was_committed() {
    let keyring = Keyring::generate().expect("a key");
    let mut torn = 0;
    for seed in 0..40 {
        fastrand::seed(seed);
        let mut disk = Disk::default();
        let (mut objects, mut revision) = (BTreeMap::new(), 0);
        for round in 0..6 {
            let mut opened = tables::open(disk.clone()).expect("it opens");
            let (loaded, mut ledger) = tables::load_checked(&mut opened, &keyring).expect("it is sound");
            assert_eq!(
                (loaded.revision, loaded.events.len() as u64),
                (revision, revision),
                "seed {seed}, round {round}"
            );
            assert_eq!(content(&loaded.objects), content(&objects), "seed {seed}, round {round}");
            for _ in 0..fastrand::u8(0..5) {
                let batch = batch(&mut objects, &mut revision);
                tables::write_batch(&opened.database, &batch, &mut ledger, &keyring).expect("on disk");
            }
            let (mut wanted, mut next) = (objects.clone(), revision);
            let last = batch(&mut wanted, &mut next);
            disk.0.lock().expect("no panic").operations_left = Some(fastrand::usize(0..12));
            let ended = tables::write_batch(&opened.database, &last, &mut ledger, &keyring);
            let after = disk.after_power_loss();
            drop(opened);
            let survived = revision_of(&after, &keyring);
            assert!(survived == next || (ended.is_err() && survived == revision), "seed {seed}, round {round}");
            torn += usize::from(ended.is_err());
            if survived == next {
                (objects, revision) = (wanted, next);
            }
            disk = after;
        }
    }
    assert!(torn > 20, "only {torn} transactions were cut short");
}

fn revision_of(disk: &Disk, keyring: &Keyring) -> u64 {
    let copy = disk.after_power_loss();
    let mut opened = tables::open(copy).expect("it opens");
    tables::load_checked(&mut opened, keyring).expect("it is sound").0.revision
}
