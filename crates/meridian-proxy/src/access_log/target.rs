//! Where lines go: the process's own streams and files.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A place for lines, by its number in [`Targets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct LogTarget(pub(super) u32);

/// All places that any configuration has named; numbers are never used again.
///
/// Asked only when a configuration is compiled and when a target is opened.
#[derive(Debug, Default)]
pub(super) struct Targets {
    stdout_override: Option<PathBuf>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    numbers: HashMap<PathBuf, u32>,
    paths: Vec<PathBuf>,
}

impl Targets {
    /// `stdout_override` takes the lines for `/dev/stdout`.
    pub(super) fn new(stdout_override: Option<PathBuf>) -> Self {
        Self { stdout_override, known: Mutex::default() }
    }

    /// The number of `path`.
    pub(super) fn resolve(&self, path: &str) -> LogTarget {
        let path = match &self.stdout_override {
            Some(file) if path == "/dev/stdout" => file.clone(),
            _ => PathBuf::from(path),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let next = u32::try_from(known.paths.len()).unwrap_or(u32::MAX);
        let number = *known.numbers.entry(path.clone()).or_insert(next);
        if number == next {
            known.paths.push(path);
        }
        LogTarget(number)
    }

    /// The path of a number that [`Self::resolve`] gave.
    pub(super) fn path(&self, target: LogTarget) -> Option<PathBuf> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).paths.get(target.0 as usize).cloned()
    }
}

/// An open target.
pub(super) enum Output {
    /// `/dev/stdout`
    Stdout,
    /// `/dev/stderr`
    Stderr,
    /// A file, which is opened again when it was moved away.
    File { path: PathBuf, file: File },
}

impl Output {
    /// Opens `path` for appending; a new file is readable by its owner and group only.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        match path.to_str() {
            Some("/dev/stdout") => return Ok(Self::Stdout),
            Some("/dev/stderr") => return Ok(Self::Stderr),
            _ => {}
        }
        let file = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
        Ok(Self::File { path: path.to_owned(), file })
    }

    /// Whether the path does not lead to the open file any more (logrotate moved or removed it).
    pub(super) fn was_replaced(&self) -> bool {
        let Self::File { path, file } = self else { return false };
        match (file.metadata(), std::fs::metadata(path)) {
            (Ok(open), Ok(named)) => (open.dev(), open.ino()) != (named.dev(), named.ino()),
            _ => true,
        }
    }

    /// Writes all of `bytes`, waiting where the stream is a pipe that is full.
    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => write_stream(io::stdout().as_fd(), bytes),
            Self::Stderr => write_stream(io::stderr().as_fd(), bytes),
            Self::File { file, .. } => file.write_all(bytes),
        }
    }
}

/// The standard streams may be non-blocking because someone else shares them.
fn write_stream(stream: rustix::fd::BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(stream, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => {
                let mut fds = [rustix::event::PollFd::new(&stream, rustix::event::PollFlags::OUT)];
                match rustix::event::poll(&mut fds, None) {
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
