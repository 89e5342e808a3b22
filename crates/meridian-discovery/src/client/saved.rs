//! What a proxy keeps on disk, so that it can begin while the control plane is away.

use crate::message::DeltaDiscoveryResponse;
use prost::Message;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The last good configuration: length-delimited `DeltaDiscoveryResponse`s, one or more for each type.
const CONFIGURATION: &str = "configuration.pb";

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("--state {}: {reason}; name a folder that this user may write to", .path.display())]
pub struct StateError {
    /// The file or folder.
    path: PathBuf,
    /// The operating system's reason.
    reason: io::Error,
}

/// A folder that belongs to one proxy. It holds private keys: nobody else may read it.
#[derive(Debug, Clone)]
pub struct StateDir {
    folder: PathBuf,
}

impl StateDir {
    /// Opens the folder, which is made (mode 0700) when it does not exist.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(folder: &Path) -> Result<StateDir, StateError> {
        let failed = |reason| StateError { path: folder.to_owned(), reason };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        Ok(StateDir { folder: folder.to_owned() })
    }

    /// The resources that were kept; none when there are none. What is damaged counts as not there, and is logged.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn load(&self) -> Result<Vec<DeltaDiscoveryResponse>, StateError> {
        let Some(bytes) = self.read(CONFIGURATION)? else { return Ok(Vec::new()) };
        let mut rest = bytes.as_slice();
        let mut responses = Vec::new();
        while !rest.is_empty() {
            match DeltaDiscoveryResponse::decode_length_delimited(&mut rest) {
                Ok(response) => responses.push(response),
                Err(error) => {
                    let path = self.folder.join(CONFIGURATION);
                    tracing::error!(path = %path.display(), %error, "the last configuration is damaged and not used");
                    return Ok(Vec::new());
                }
            }
        }
        Ok(responses)
    }

    /// Keeps these resources instead of those that were kept.
    ///
    /// # Errors
    /// The file cannot be written; then the one before it is there still.
    pub fn save(&self, responses: impl IntoIterator<Item = DeltaDiscoveryResponse>) -> Result<(), StateError> {
        let mut responses = responses.into_iter();
        self.replace(CONFIGURATION, |file| {
            responses.try_for_each(|response| file.write_all(&response.encode_length_delimited_to_vec()))
        })
    }

    /// What a file of the folder holds; `None`: it is not there.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        let path = self.folder.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(reason) => Err(StateError { path, reason }),
        }
    }

    /// Writes a file of the folder (mode 0600), so that a reader finds the old or the new one, never half of it, also
    /// after a loss of power.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        self.replace(name, |file| file.write_all(bytes))
    }

    fn replace(&self, name: &str, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), StateError> {
        let (path, new) = (self.folder.join(name), self.folder.join(format!("{name}.new")));
        let replace = || -> io::Result<()> {
            let mut file =
                std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            write(&mut file)?;
            file.sync_all()?;
            std::fs::rename(&new, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        replace().map_err(|reason| StateError { path: path.clone(), reason })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_kept_is_found_again_and_nobody_else_reads_it() {
        let scratch = tempfile::tempdir().unwrap();
        let state = StateDir::open(&scratch.path().join("a/b")).unwrap();
        assert!(state.load().unwrap().is_empty());
        let response = |nonce: &str| DeltaDiscoveryResponse { nonce: nonce.to_owned(), ..Default::default() };
        let kept = vec![response("1"), response("2"), response("")];
        state.save(kept.clone()).unwrap();
        assert_eq!(state.load().unwrap(), kept);
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(scratch.path().join("a/b")), 0o700);
        assert_eq!(mode(scratch.path().join("a/b").join(CONFIGURATION)), 0o600);
        state.write(CONFIGURATION, b"\xff\xff").unwrap();
        assert!(state.load().unwrap().is_empty(), "damaged");
    }
}
