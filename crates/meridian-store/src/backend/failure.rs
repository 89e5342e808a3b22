//! What reading and writing the file can end in.

use std::io;
use std::path::Path;

use redb::{DatabaseError, StorageError, TableError, TransactionError};

use super::{FILE, FORMAT};
use crate::OpenError;
use crate::keyring;
use crate::record::RecordError;

/// Why the file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("it is in use by another process")]
    InUse,
    #[error("{0}")]
    Damaged(String),
    #[error("it has format {0}")]
    Newer(u64),
    #[error("it is encrypted under the key {0:016x}, which is not at hand")]
    NoKey(u64),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Failure {
    /// The same for the user.
    pub(crate) fn explain(self, dir: &Path) -> OpenError {
        let file = dir.join(FILE);
        match self {
            Failure::InUse => OpenError::InUse { dir: dir.to_path_buf(), holder: "another process".to_owned() },
            Failure::Damaged(reason) => OpenError::Damaged { dir: dir.to_path_buf(), file, reason },
            Failure::Newer(found) => OpenError::NewerFormat { file, found, supported: FORMAT },
            Failure::NoKey(expected) => match keyring::Keyring::read(dir) {
                Ok(Some(known)) => OpenError::WrongKey { file: keyring::path_in(dir), found: known.active(), expected },
                _ => OpenError::KeyMissing { file: keyring::path_in(dir) },
            },
            Failure::Io(reason) => OpenError::Io { path: file, reason },
        }
    }
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

impl From<TableError> for Failure {
    fn from(error: TableError) -> Failure {
        redb::Error::from(error).into()
    }
}

impl From<TransactionError> for Failure {
    fn from(error: TransactionError) -> Failure {
        redb::Error::from(error).into()
    }
}

impl From<redb::CommitError> for Failure {
    fn from(error: redb::CommitError) -> Failure {
        redb::Error::from(error).into()
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Failure {
        match error {
            RecordError::NoKey(_, key) => Failure::NoKey(key),
            other => Failure::Damaged(other.to_string()),
        }
    }
}

/// Runs a read of the file. Where a damaged page makes the library panic, that is a finding about the file, not the end
/// of the process.
pub(crate) fn guard<T>(read: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(Failure::Damaged("its pages contradict each other".to_owned())))
}
