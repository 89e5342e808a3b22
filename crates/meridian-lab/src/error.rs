//! Everything that can go wrong with a lab, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a scenario could not be run, or did not pass.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `lab.yaml` does not say what it should.
    #[error("lab.yaml:{line}: {message}")]
    Definition {
        /// Line, from 1.
        line: usize,
        /// What was found and what is allowed.
        message: String,
    },
    /// `lab.yaml` asks for something that the lab does not build yet.
    #[error("lab.yaml: {0}")]
    Unsupported(String),
    /// The folder is not a scenario.
    #[error("{}: {missing}", folder.display())]
    NotAScenario {
        /// The folder that was named.
        folder: PathBuf,
        /// What it lacks.
        missing: String,
    },
    /// The machine lacks something that every lab needs.
    #[error("{0}")]
    Prerequisite(String),
    /// A tool ended with an error.
    #[error("{command}: {reason}")]
    Tool {
        /// The command as it could be typed.
        command: String,
        /// Its last words, on one line.
        reason: String,
    },
    /// A server of the lab ended when it should have stayed.
    #[error("{name} ended ({status}): {last_words}")]
    Ended {
        /// The server.
        name: String,
        /// Exit status or signal.
        status: String,
        /// The last line that it wrote.
        last_words: String,
    },
    /// A server did not become ready.
    #[error("{what} not within {} s: {last_words}", limit.as_secs())]
    NotReady {
        /// What was waited for.
        what: String,
        /// For how long.
        limit: Duration,
        /// The last line that the server wrote.
        last_words: String,
    },
    /// The check found a difference.
    #[error("{0}")]
    Check(String),
    /// The runner was told to stop.
    #[error("interrupted")]
    Interrupted,
    /// A file or a process could not be had.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the path.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn definition(line: usize, message: String) -> Self {
        Self::Definition { line, message }
    }
}

/// Says what was being done, with which file, when the operating system refuses.
pub(crate) trait Doing<T> {
    fn doing(self, what: &str, path: &Path) -> Result<T, Error>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: &str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::Io { what: format!("cannot {what} {}", path.display()), source })
    }
}
