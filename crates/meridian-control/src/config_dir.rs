//! A folder of YAML as a source of objects: loaded at the start and followed.

mod plan;
mod scan;

use crate::source;
use meridian_apiserver::{Api, ApiError, Reason};
use meridian_resources::{Kind, ObjectRef, kind};
use meridian_store::GroupResource;
use notify::{RecursiveMode, Watcher};
use plan::Folder;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How long a folder must be quiet before it is read: an editor writes a file in several steps.
const SETTLE: Duration = Duration::from_millis(20);

/// Why a folder cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigDirError {
    /// It cannot be read.
    #[error("--config {dir}: {reason}; name a folder that exists and can be read")]
    Unreadable {
        /// The folder.
        dir: PathBuf,
        /// The operating system's reason.
        reason: std::io::Error,
    },
    /// It cannot be watched.
    #[error("--config {dir} cannot be watched: {reason}")]
    Unwatchable {
        /// The folder.
        dir: PathBuf,
        /// The watcher's reason.
        reason: notify::Error,
    },
}

/// A folder of YAML that is followed.
pub struct ConfigDir {
    dir: PathBuf,
    folder: Folder,
    api: Api,
    changed: Arc<Notify>,
    _watcher: notify::RecommendedWatcher,
}

impl ConfigDir {
    /// Watches `dir`, whose objects go through `api`, the same admission that `kubectl apply` meets. Nothing is read yet.
    ///
    /// # Errors
    /// The folder does not exist or cannot be read or watched.
    pub fn open(dir: &Path, api: Api) -> Result<Self, ConfigDirError> {
        let unreadable = |reason| ConfigDirError::Unreadable { dir: dir.to_owned(), reason };
        let unwatchable = |reason| ConfigDirError::Unwatchable { dir: dir.to_owned(), reason };
        std::fs::read_dir(dir).map_err(unreadable)?;
        let changed = Arc::new(Notify::new());
        let signal = changed.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
            // Reading the folder is no change of it.
            Ok(event) if event.kind.is_access() => {}
            Ok(_) => signal.notify_one(),
            Err(error) => {
                tracing::warn!(%error, "watching the configuration folder");
                signal.notify_one();
            }
        })
        .map_err(unwatchable)?;
        watcher.watch(dir, RecursiveMode::Recursive).map_err(unwatchable)?;
        let folder = Folder::resume(earlier(&api));
        Ok(Self { dir: dir.to_owned(), folder, api, changed, _watcher: watcher })
    }

    /// Brings the objects in step with the folder once. Problems are logged, with file, line and column.
    pub async fn sync(&mut self) {
        let scan = match scan::scan(&self.dir) {
            Ok(scan) => scan,
            // Its objects stay: a folder that is swapped for another may be away for a moment.
            Err(error) => return tracing::error!(dir = %self.dir.display(), %error, "the folder cannot be read"),
        };
        let plan = self.folder.take(&scan);
        for problem in &plan.problems {
            tracing::error!("{problem}");
        }
        for object in &plan.delete {
            match self.remove(object).await {
                Ok(()) => tracing::info!(%object, "removed: no file of the folder has it any more"),
                Err(error) => tracing::error!(%object, %error, "cannot be removed"),
            }
        }
        for (object, value, source) in plan.put {
            match self.put(&object, source::annotate(value, &source)).await {
                Ok(()) => tracing::debug!(%object, %source, "applied"),
                Err(error) => {
                    tracing::error!("{source}: {object}: {error}");
                    self.folder.not_done(&object);
                }
            }
        }
    }

    /// Creates or replaces an object, and its namespace where it does not exist.
    async fn put(&self, object: &ObjectRef, value: Value) -> Result<(), ApiError> {
        match self.api.put(object.kind, value.clone()).await {
            Err(error) if error.reason == Reason::NotFound => {
                let Some(namespace) = &object.namespace else { return Err(error) };
                let kind = kind::by_group_kind("", "Namespace").ok_or(error)?;
                let metadata = json!({ "name": &**namespace });
                self.api.put(kind, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})).await?;
                tracing::info!(%namespace, "created the namespace");
                self.api.put(object.kind, value).await.map(|_| ())
            }
            result => result.map(|_| ()),
        }
    }

    /// Removes an object; nothing to remove is no error.
    async fn remove(&self, object: &ObjectRef) -> Result<(), ApiError> {
        match self.api.remove(object.kind, object.namespace.as_deref().unwrap_or_default(), &object.name).await {
            Err(error) if error.reason == Reason::NotFound => Ok(()),
            result => result,
        }
    }

    /// Follows the folder for ever.
    pub async fn follow(mut self) {
        loop {
            self.changed.notified().await;
            while tokio::time::timeout(SETTLE, self.changed.notified()).await.is_ok() {}
            self.sync().await;
        }
    }
}

/// What an earlier process took from a folder, with the file of each.
fn earlier(api: &Api) -> Vec<(ObjectRef, PathBuf)> {
    let of_kind = |kind: &'static Kind| {
        let objects = api.store().list(&GroupResource::of(kind), None).objects;
        objects.into_iter().filter_map(move |object| {
            let annotations = object.metadata().annotations;
            let file = source::file(&annotations)?;
            let namespace = kind.namespaced.then(|| object.key().namespace.clone());
            Some((ObjectRef { kind, namespace, name: object.key().name.clone() }, PathBuf::from(file)))
        })
    };
    kind::all().iter().copied().flat_map(of_kind).collect()
}
