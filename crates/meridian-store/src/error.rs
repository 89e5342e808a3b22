//! Everything that can go wrong, and what the user can do about it.

use std::path::PathBuf;

use crate::Key;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process (or another handle of this one) has the store open.
    #[error("the store in {dir} is in use by another process; stop that process, or choose another data folder")]
    InUse {
        /// The data folder.
        dir: PathBuf,
    },
    /// The file exists but its content is not a store, or is damaged.
    #[error(
        "the store {file} is damaged: {reason}; restore it from a backup, or move the file away to start with an empty store"
    )]
    Damaged {
        /// The database file.
        file: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The store was written by a newer program.
    #[error(
        "the store {file} has format {found}, this program reads format {supported}; use the newer program that wrote it"
    )]
    NewerFormat {
        /// The database file.
        file: PathBuf,
        /// The format found in the file.
        found: u64,
        /// The newest format that this program reads.
        supported: u64,
    },
    /// The operating system refused.
    #[error("cannot open the store {path}: {reason}")]
    Io {
        /// The path that could not be used.
        path: PathBuf,
        /// The system's answer.
        reason: std::io::Error,
    },
}

/// Why a read or a write of the store failed. A write that failed has changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such object.
    #[error("{0} not found")]
    NotFound(Key),
    /// An object of that name exists.
    #[error("{0} already exists")]
    AlreadyExists(Key),
    /// The object is not the one, or not in the state, that the caller expected.
    #[error("{key} has changed: {expected} was expected, {found} was found; read it again and repeat the change")]
    Conflict {
        /// The object.
        key: Key,
        /// The precondition, for example `resourceVersion 12`.
        expected: String,
        /// The state, for example `resourceVersion 15`.
        found: String,
    },
    /// An object that this one needs (its namespace) does not exist.
    #[error("{required} not found")]
    RequiredMissing {
        /// The object that is missing.
        required: Key,
    },
    /// Objects hold the deletion back with `metadata.finalizers`.
    #[error("{0} has finalizers")]
    Finalizers(Key),
    /// The value is not an object with `metadata`.
    #[error("{key} cannot be stored: {reason}")]
    Malformed {
        /// The object.
        key: Key,
        /// What is wrong with the value.
        reason: &'static str,
    },
    /// The disk refused the write; nothing of it was applied.
    #[error("the write is not on disk: {0}; free space or repair the disk, then repeat the command")]
    Disk(String),
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

/// Why a watch could not start, or ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The history after this revision is not kept any more. Kubernetes answers 410 `Expired`.
    #[error("too old resource version: {requested} ({oldest})")]
    Expired {
        /// The revision that was asked for, or reached by a watcher that fell behind.
        requested: u64,
        /// The oldest revision from which a watch can start.
        oldest: u64,
    },
    /// The revision has not happened yet, for example because it belongs to another store.
    #[error("Too large resource version: {requested}, current: {current}")]
    Future {
        /// The revision that was asked for.
        requested: u64,
        /// The newest revision.
        current: u64,
    },
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}
