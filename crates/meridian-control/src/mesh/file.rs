//! The mesh configuration in a file, which is followed.

use meridian_resources::yaml;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Notify;

/// Why a file cannot be the mesh configuration.
#[derive(Debug, thiserror::Error)]
pub enum MeshFileError {
    /// It cannot be read.
    #[error("{}: {}", .0.display(), .1)]
    Read(PathBuf, #[source] std::io::Error),
    /// It is no YAML, or no mapping.
    #[error("{0}")]
    Yaml(String),
    /// It cannot be followed.
    #[error("{} cannot be followed: {}", .0.display(), .1)]
    Watch(PathBuf, #[source] notify::Error),
}

/// A file with a MeshConfig in YAML.
#[derive(Debug)]
pub struct MeshFile {
    path: PathBuf,
    document: Value,
    changed: Arc<Notify>,
    _watcher: RecommendedWatcher,
}

impl MeshFile {
    /// Reads the file, and follows it.
    ///
    /// # Errors
    /// See [`MeshFileError`].
    pub fn open(path: &Path) -> Result<Self, MeshFileError> {
        let document = read(path)?;
        let changed = Arc::new(Notify::new());
        let signal = changed.clone();
        let unwatchable = |error| MeshFileError::Watch(path.to_owned(), error);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
            // Reading is no change.
            Ok(event) if event.kind.is_access() => {}
            _ => signal.notify_one(),
        })
        .map_err(unwatchable)?;
        // The folder, because a file is often replaced rather than written.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        watcher.watch(folder, RecursiveMode::NonRecursive).map_err(unwatchable)?;
        Ok(Self { path: path.to_owned(), document, changed, _watcher: watcher })
    }

    /// What it says, as it was last seen.
    pub(super) fn current(&self) -> Value {
        self.document.clone()
    }

    /// Waits until it says something else. When it cannot be read, it says what it said before.
    pub(super) async fn changed(&mut self) {
        loop {
            self.changed.notified().await;
            match read(&self.path) {
                Ok(document) if document != self.document => {
                    self.document = document;
                    return;
                }
                Ok(_) => {}
                Err(error) => tracing::error!("{error}; the last good mesh configuration stays"),
            }
        }
    }
}

fn read(path: &Path) -> Result<Value, MeshFileError> {
    let text = std::fs::read_to_string(path).map_err(|error| MeshFileError::Read(path.to_owned(), error))?;
    let name = path.display().to_string();
    match yaml::values(&text, &name).into_iter().next() {
        None => Ok(Value::Object(Map::new())),
        Some(Ok(document @ Value::Object(_))) => Ok(document),
        Some(Ok(_)) => Err(MeshFileError::Yaml(format!("{name}: found no mapping of settings"))),
        Some(Err(diagnostic)) => Err(MeshFileError::Yaml(diagnostic.to_string())),
    }
}
