//! All objects of the kinds that Meridian knows, and what becomes of them.
//!
//! Each kind has a watcher of its own. What several of them tell is in no order, but what one tells is. Between the
//! watchers and the reader is a bounded channel: a reader that is slow holds the watchers back, and the API server ends
//! the watch of one that is too slow, which then lists its objects anew.

use crate::client::Client;
use crate::definitions;
use crate::error;
use crate::tree::Tree;
use futures_util::StreamExt;
use kube::api::{Api, ApiResource};
use kube::runtime::watcher::{self, Event, watcher};
use meridian_resources::Kind;
use serde_json::Value;
use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How many changes wait for the reader.
const QUEUE: usize = 1024;

/// How long one watch lasts, in seconds. A connection that died unnoticed is found out after it.
const WATCH_SECONDS: u32 = 150;

/// The first pause after a failure, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(2)];

/// One thing that happened.
#[derive(Debug)]
pub enum Change {
    /// An object is there, or is different.
    Put {
        /// Its kind.
        kind: &'static Kind,
        /// The object, without what only servers look at.
        object: Value,
    },
    /// An object is gone.
    Gone {
        /// Its kind.
        kind: &'static Kind,
        /// Its namespace; empty for kinds without.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// All objects of a kind have been told, and there are no others than these: namespace and name. None, when the
    /// kind is not served any more.
    Listed {
        /// The kind.
        kind: &'static Kind,
        /// Its objects.
        objects: HashSet<(String, String)>,
    },
    /// All objects of all kinds that are served have been told once. This is said once.
    InStep,
}

/// The changes of all kinds. Watching ends when it is dropped.
#[derive(Debug)]
pub struct Watch {
    changes: mpsc::Receiver<Change>,
    task: JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Watch {
    /// Waits for the next change. Nothing is lost when this is dropped; `None`: the runtime ends.
    pub async fn next(&mut self) -> Option<Change> {
        self.changes.recv().await
    }

    /// The next change when it is there already.
    pub fn try_next(&mut self) -> Option<Change> {
        self.changes.try_recv().ok()
    }
}

impl Client {
    /// Follows all objects of these kinds, those of definitions that come later, too. The tasks run on the current
    /// runtime.
    #[must_use]
    pub fn watch(&self, kinds: &'static [&'static Kind]) -> Watch {
        let (sender, changes) = mpsc::channel(QUEUE);
        Watch { changes, task: tokio::spawn(definitions::follow(self.clone(), kinds, sender)) }
    }
}

/// The pauses after failures, each twice as long as the one before, and a bit off so that watchers do not come at once.
#[derive(Debug)]
pub(crate) struct Pauses(Duration);

impl Pauses {
    pub(crate) fn new() -> Self {
        Self(PAUSES[0])
    }

    pub(crate) fn reset(&mut self) {
        self.0 = PAUSES[0];
    }

    /// The next one.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.0.mul_f64(0.75 + fastrand::f64() / 2.0);
        self.0 = (self.0 * 2).min(PAUSES[1]);
        pause
    }

    pub(crate) async fn wait(&mut self) {
        tokio::time::sleep(self.next()).await;
    }
}

/// Tells of a watcher that cannot watch. How many there are is shared, so that a server that is away is told of once
/// and not by each of them.
#[derive(Debug)]
pub(crate) struct Trouble {
    all: Arc<AtomicUsize>,
    resource: &'static str,
    failing: bool,
}

impl Trouble {
    pub(crate) fn new(all: Arc<AtomicUsize>, resource: &'static str) -> Self {
        Self { all, resource, failing: false }
    }

    /// The watch has failed. Whether the next try is to wait.
    pub(crate) fn begins(&mut self, error: &watcher::Error) -> bool {
        let resource = self.resource;
        if matches!(error, watcher::Error::WatchError(status) if status.code == 410) {
            tracing::debug!(resource, "the watch is too old: reading all objects again");
            return false;
        }
        let text = error::of_watch(error);
        if std::mem::replace(&mut self.failing, true) {
            tracing::debug!(resource, "still not watched: {text}");
        } else if self.all.fetch_add(1, Ordering::Relaxed) == 0 || error::is_answer(error) {
            tracing::warn!(resource, "not watched: {text}; what is known counts on");
        } else {
            tracing::debug!(resource, "not watched: {text}");
        }
        true
    }

    /// The watch has succeeded.
    pub(crate) fn ends(&mut self) {
        if std::mem::take(&mut self.failing) {
            if self.all.fetch_sub(1, Ordering::Relaxed) == 1 {
                tracing::info!("all kinds are watched again");
            } else {
                tracing::debug!(resource = self.resource, "watched again");
            }
        }
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        if self.failing {
            self.all.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// The settings of a watch.
pub(crate) fn config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS)
}

/// Follows one kind for ever; tells `listed` after its first list.
pub(crate) async fn follow(
    client: Client,
    kind: &'static Kind,
    resource: ApiResource,
    changes: mpsc::Sender<Change>,
    listed: mpsc::UnboundedSender<&'static Kind>,
    mut trouble: Trouble,
) {
    let api: Api<Tree> = Api::all_with(client.kube.clone(), &resource);
    let mut stream = pin!(watcher(api, client.config_of(kind)));
    let mut pauses = Pauses::new();
    let mut names = HashSet::new();
    while let Some(event) = stream.next().await {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                if trouble.begins(&error) {
                    pauses.wait().await;
                }
                continue;
            }
        };
        if matches!(event, Event::Init) {
            // A list is about to be asked for: nothing has been answered yet.
            names.clear();
            continue;
        }
        pauses.reset();
        trouble.ends();
        let change = match event {
            Event::Init => continue,
            Event::InitApply(object) => {
                names.insert(object.name());
                Change::Put { kind, object: object.into_value(&resource.api_version, kind.kind) }
            }
            Event::Apply(object) => Change::Put { kind, object: object.into_value(&resource.api_version, kind.kind) },
            Event::Delete(object) => {
                let (namespace, name) = object.name();
                Change::Gone { kind, namespace, name }
            }
            Event::InitDone => Change::Listed { kind, objects: std::mem::take(&mut names) },
        };
        let is_listed = matches!(change, Change::Listed { .. });
        if changes.send(change).await.is_err() {
            return;
        }
        if is_listed {
            // Nobody listens any more after the first list.
            let _ = listed.send(kind);
        }
    }
}

impl Client {
    /// How a kind is watched. Secrets of Helm's releases and of service accounts are many and large, and none of ours.
    fn config_of(&self, kind: &Kind) -> watcher::Config {
        let config = if kind.group.is_empty() && kind.kind == "Secret" {
            config().fields("type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token")
        } else {
            config()
        };
        // One request instead of two, and no pages in memory. Kubernetes' own server offers it from 1.34 on.
        if self.in_process { config.streaming_lists() } else { config }
    }
}
