//! Objects with resource versions and watches, in memory and durable on disk.
//!
//! The store holds the objects of a Kubernetes-like API: each has a [`Key`] (collection, namespace, name) and a JSON
//! text. Every write gets the next number of one global revision, which is the object's `metadata.resourceVersion`.
//!
//! * A write is acknowledged when it is on disk. One thread writes; writers that arrive while it waits for the disk
//!   share the next transaction and its fsync.
//! * Readers see acknowledged writes only, and never wait for the disk: everything is also in memory, as compact text.
//! * A [`Watch`] delivers every change after a revision, in order, once, also over restarts: the history is on disk with
//!   the objects. It is bounded; a watch that asks for more than is kept, or falls behind it, ends with
//!   [`WatchError::Expired`] and starts again from a list.
//! * The bodies of Secrets are encrypted on disk, under a key in a file beside the database.
//! * One process at a time: a second one is refused by name of the folder and of the process that has it.

#![forbid(unsafe_code)]

mod backend;
mod error;
mod history;
mod key;
mod keyring;
mod lock;
pub mod maintenance;
mod object;
mod record;
mod salvage;
mod state;
mod store;
mod watch;
mod write;
mod writer;

pub use error::{OpenError, StoreError, WatchError};
pub use key::{GroupResource, Key};
pub use object::{ObjectMeta, OwnerReference, StoredObject};
pub use store::{Snapshot, Store};
pub use watch::{Event, EventType, Selection, Watch};
pub use write::{Change, Preconditions};
