//! Writes conditions to the store, beside the loop that finds them.

use crate::{events, status};
use jiff::Timestamp;
use meridian_store::{Change, Key, Store, StoreError};
use meridian_translate::Condition;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// How many statuses are written at one time; they share the store's transactions.
const AT_ONCE: usize = 64;

/// What is to be said of an object.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// Its conditions; none of an Ingress that is not ours any more.
    pub(crate) conditions: Arc<[Condition]>,
    /// Where it is reached, of Ingresses.
    pub(crate) load_balancer: Option<Arc<Value>>,
    /// Addresses that were allocated to its hosts, of ServiceEntries.
    pub(crate) addresses: Option<Arc<Value>>,
}

/// Hands conditions to a task that writes them. What is waiting for an object is replaced by what comes later, so that
/// at most one report per object waits.
pub(crate) struct StatusWriter {
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<HashMap<Key, Report>>,
    filled: Notify,
}

impl StatusWriter {
    /// Starts the task on the current runtime. It ends with the store.
    pub(crate) fn spawn(store: Store) -> StatusWriter {
        let queue = Arc::new(Queue::default());
        tokio::spawn(drain(store, queue.clone()));
        StatusWriter { queue }
    }

    /// Queues reports.
    pub(crate) fn write(&self, reports: impl Iterator<Item = (Key, Report)>) {
        let mut waiting = self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(reports);
        if !waiting.is_empty() {
            self.queue.filled.notify_one();
        }
    }
}

async fn drain(store: Store, queue: Arc<Queue>) {
    let mut writes = JoinSet::new();
    loop {
        queue.filled.notified().await;
        loop {
            let batch = std::mem::take(&mut *queue.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            if batch.is_empty() {
                break;
            }
            for (key, report) in batch {
                while writes.len() >= AT_ONCE {
                    writes.join_next().await;
                }
                writes.spawn(write_one(store.clone(), key, report));
            }
            // One object's reports stay in order: the next batch waits for this one.
            while writes.join_next().await.is_some() {}
        }
    }
}

async fn write_one(store: Store, key: Key, report: Report) {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let written = store
        .modify(&key, |current| -> Result<Change, StoreError> {
            let mut object = current.to_value("", "");
            let generation = current.metadata().generation;
            let (before, conditions) = (object.get("status"), &*report.conditions);
            let status = match &report.load_balancer {
                None if conditions.is_empty() => None,
                None => status::merge(before, conditions, generation, &now),
                Some(load_balancer) => status::merge_ingress(before, conditions, load_balancer, generation, &now),
            };
            let status = match &report.addresses {
                None => status,
                Some(addresses) => status::with_addresses(before, status, addresses),
            };
            Ok(match status {
                Some(status) => {
                    object["status"] = status;
                    Change::Put(object)
                }
                None => Change::Keep,
            })
        })
        .await;
    if report.load_balancer.is_some() {
        events::follow(&store, &key, written.as_deref().ok(), &report.conditions, &now).await;
    }
    match written {
        // Deleted meanwhile, or the process ends: nobody waits for this status.
        Ok(_) | Err(StoreError::NotFound(_) | StoreError::Closed) => {}
        Err(error) => tracing::warn!(object = %key, %error, "the status could not be written"),
    }
}
