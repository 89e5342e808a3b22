//! Reading a store whose tree is broken.
//!
//! Rows explain themselves ([`crate::record`]), so the file is searched for rows wherever they are. That finds old ones
//! too, in pages that are free again: of each object the newest counts, and a removal that is found removes it. What
//! cannot be known is what no row tells: an object whose newest row is damaged comes back as it was before, and one that
//! was removed long ago may come back.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::keyring::Keyring;
use crate::record::{self, MAGIC, Record, RecordError, RecordKind};
use crate::{Key, StoredObject, object};

/// What could be read of a file.
#[derive(Debug, Default)]
pub struct Salvage {
    /// The newest readable state of every object that is not known to be removed, in the order of their keys.
    pub objects: Vec<Arc<StoredObject>>,
    /// The newest revision of any row.
    pub revision: u64,
    /// Rows that could be read, old ones included.
    pub rows: usize,
    /// Places where a row begins that is not whole.
    pub damaged: usize,
    /// Rows that are encrypted under a key that is not at hand, or that do not open.
    pub sealed: usize,
}

/// Searches a file for rows.
///
/// # Errors
/// It cannot be read.
pub(crate) fn search(file: &Path, keyring: &Keyring) -> io::Result<Salvage> {
    let mut bytes = Vec::new();
    File::open(file)?.read_to_end(&mut bytes)?;
    let mut found = Search::default();
    let mut at = 0;
    while let Some(next) = find(&bytes[at..]) {
        at += next;
        at += found.row(&bytes[at..], keyring).unwrap_or(MAGIC.len());
    }
    Ok(found.finish())
}

/// Where the next row begins.
fn find(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, MAGIC)
}

#[derive(Debug, Default)]
struct Search {
    result: Salvage,
    newest: BTreeMap<Key, (u64, Arc<str>)>,
    removed: BTreeMap<Key, u64>,
}

impl Search {
    /// Takes the row at the beginning of `bytes`; its length when it is whole.
    fn row(&mut self, bytes: &[u8], keyring: &Keyring) -> Option<usize> {
        let length = record::announced_length(bytes);
        let Some(row) = length.and_then(|length| bytes.get(..length)) else {
            self.result.damaged += 1;
            return None;
        };
        match record::decode(row, keyring) {
            Ok(record) => self.take(record),
            Err(RecordError::NoKey(..) | RecordError::Forged(_)) => self.result.sealed += 1,
            Err(_) => {
                self.result.damaged += 1;
                return None;
            }
        }
        length
    }

    fn take(&mut self, record: Record) {
        let Record { kind, key, revision, version, body } = record;
        self.result.rows += 1;
        self.result.revision = self.result.revision.max(revision);
        if kind == RecordKind::Deleted {
            let newest = self.removed.entry(key.clone()).or_default();
            *newest = revision.max(*newest);
        }
        if kind == RecordKind::Added || object::check_body(&key, &body).is_err() {
            return;
        }
        let newest = self.newest.entry(key).or_insert_with(|| (version, body.clone()));
        if version > newest.0 {
            *newest = (version, body);
        }
    }

    fn finish(self) -> Salvage {
        let Search { mut result, newest, removed } = self;
        result.objects = newest
            .into_iter()
            .filter(|(key, (version, _))| removed.get(key).is_none_or(|removal| removal < version))
            .map(|(key, (version, body))| Arc::new(StoredObject::new(key, version, body)))
            .collect();
        result
    }
}
