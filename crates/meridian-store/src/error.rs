//! Everything that can go wrong, and what the user can do about it.

use std::path::PathBuf;

use crate::Key;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process (or another handle of this one) has the store open.
    #[error("the store in {dir} is in use by {holder}; stop it, or choose another data folder")]
    InUse {
        /// The data folder.
        dir: PathBuf,
        /// Who has it, for example `process 12 (meridian)`.
        holder: String,
    },
    /// There is something else, or nothing, where the data folder should be.
    #[error("{dir} is no data folder: there is {found}; choose another with --data")]
    NotAFolder {
        /// The path that should be the data folder.
        dir: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// The file exists but its content is not a store, or is damaged.
    #[error(
        "the store {file} is damaged: {reason}\n\
         `meridian store export --data {dir} --output FILE` writes what can still be read; then restore that, or your \
         backup, with `meridian store import --data NEW-FOLDER FILE`, or move the folder away to start with an empty store"
    )]
    Damaged {
        /// The data folder.
        dir: PathBuf,
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
    /// Objects are encrypted under a key that is not there.
    #[error(
        "the store's key {file} is missing: put it back from your copy. Without it the Secrets of this store are lost; \
         `meridian store export --no-secrets` writes everything else, for `meridian store import` into a new folder"
    )]
    KeyMissing {
        /// The key file.
        file: PathBuf,
    },
    /// The key is not the one under which objects are encrypted.
    #[error(
        "the store's key {file} is that of another store (it is {found:016x}, the store needs {expected:016x}): put the \
         right one back from your copy. Without it the Secrets of this store are lost; \
         `meridian store export --no-secrets` writes everything else, for `meridian store import` into a new folder"
    )]
    WrongKey {
        /// The key file.
        file: PathBuf,
        /// The identifier of the key in the file.
        found: u64,
        /// The identifier of the key that the store needs.
        expected: u64,
    },
    /// The key file cannot be read or written, or holds something else.
    #[error("the store's key {file} cannot be used: {reason}; put the right one back from your copy")]
    KeyUnusable {
        /// The key file.
        file: PathBuf,
        /// What was found; never the key.
        reason: std::io::Error,
    },
    /// A backup was to be restored into a store that has objects.
    #[error(
        "the store in {dir} has {objects} objects; a backup is restored into a new folder, so that nothing is mixed"
    )]
    NotEmpty {
        /// The data folder.
        dir: PathBuf,
        /// How many objects it has.
        objects: usize,
    },
    /// The operating system refused.
    #[error("cannot open the store {path}: {reason}; the folder must be one that this user can write to")]
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
