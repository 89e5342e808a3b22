//! One process at a time.
//!
//! The lock is the system's, on `store.lock`: it ends with its process, however that ends. The file says who holds it.
//! It is a file of its own because the database file is replaced when it is written anew.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// The file's name in the data folder.
const FILE: &str = "store.lock";

/// How long a process that is going away may take to be gone.
const PATIENCE: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_millis(10);

/// Held while a store is open.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Closing it ends the lock.
    _file: File,
}

/// Why the lock was not given.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Another process has it: as it is known, `process 12 (meridian)`.
    Held(String),
    /// The system's answer.
    Io(io::Error),
}

impl Lock {
    /// Takes the lock of a folder. Waits a second for a holder that is ending: a supervisor starts the next process as
    /// soon as the last one was killed.
    pub(crate) fn take(dir: &Path) -> Result<Lock, Refused> {
        let path = dir.join(FILE);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(Refused::Io)?;
        let since = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if since.elapsed() < PATIENCE => std::thread::sleep(AGAIN),
                Err(TryLockError::WouldBlock) => return Err(Refused::Held(holder(&mut file))),
                Err(TryLockError::Error(e)) => return Err(Refused::Io(e)),
            }
        }
        // Who holds it is a courtesy to the reader of a message: on a full disk the lock holds without it.
        let _ = file.set_len(0).and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
        Ok(Lock { _file: file })
    }
}

/// The holder as the file names it.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let pid = match file.rewind().and_then(|()| file.take(32).read_to_string(&mut text)) {
        Ok(_) => text.trim().parse::<u32>().ok(),
        Err(_) => None,
    };
    match pid {
        Some(pid) if pid == std::process::id() => "this process".to_owned(),
        Some(pid) => match fs::read_to_string(format!("/proc/{pid}/comm")) {
            Ok(name) => format!("process {pid} ({})", name.trim()),
            Err(_) => format!("process {pid}"),
        },
        None => "another process".to_owned(),
    }
}
