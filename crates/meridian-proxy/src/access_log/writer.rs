//! The thread that writes access logs.

use super::target::{LogTarget, Output, Targets};
use super::worker::WorkerLogs;
use crate::ProxyOptions;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Buffers that wait for the writer, of all workers together.
const QUEUED_BATCHES: usize = 256;
/// How often a file is looked for at its path, and how often the same trouble is reported.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Lines for one target.
pub(super) struct Batch {
    pub(super) target: LogTarget,
    pub(super) bytes: Vec<u8>,
    pub(super) lines: u64,
    /// Lines that were not kept because the writer was behind.
    pub(super) dropped: u64,
    /// Takes the empty buffer back.
    pub(super) give_back: SyncSender<Vec<u8>>,
}

enum Message {
    Batch(Batch),
    Stop,
}

/// What became of lines; under Envoy's `access_log_file.` in `/stats`.
#[derive(Debug, Default)]
pub struct LogCounters {
    /// `write_completed`: lines written.
    pub lines_written: AtomicU64,
    /// `write_failed`: lines that could not be written.
    pub lines_failed: AtomicU64,
    /// `write_dropped`: lines that were dropped because the writer was behind.
    pub lines_dropped: AtomicU64,
    /// `reopen_failed`: times that a file could not be opened.
    pub open_failed: AtomicU64,
}

/// The writer thread, until it is stopped.
#[derive(Debug)]
pub struct Writer {
    queue: SyncSender<Message>,
    targets: Arc<Targets>,
    reopen: Arc<AtomicBool>,
    counters: Arc<LogCounters>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread. Lines for `/dev/stdout` go to [`ProxyOptions::access_log_file`] when there is one.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn start(options: &ProxyOptions) -> io::Result<Arc<Self>> {
        let (queue, batches) = sync_channel(QUEUED_BATCHES);
        let targets = Arc::new(Targets::new(options.access_log_file.clone()));
        let reopen = Arc::new(AtomicBool::new(false));
        let counters = Arc::new(LogCounters::default());
        let outputs = Outputs {
            targets: targets.clone(),
            open: HashMap::new(),
            reopen: reopen.clone(),
            counters: counters.clone(),
            last_check: Instant::now(),
            last_report: None,
        };
        let name = format!("{}-log", options.name);
        let thread = std::thread::Builder::new().name(name).spawn(move || outputs.run(&batches))?;
        Ok(Arc::new(Self { queue, targets, reopen, counters, thread: Mutex::new(Some(thread)) }))
    }

    /// The side of one worker.
    #[must_use]
    pub fn worker(self: &Arc<Self>) -> WorkerLogs {
        WorkerLogs::new(self.clone())
    }

    /// What became of lines so far.
    #[must_use]
    pub fn counters(&self) -> &LogCounters {
        &self.counters
    }

    /// Opens all files again before the next line (`SIGUSR1`, Envoy's `/reopen_logs`).
    pub fn reopen(&self) {
        self.reopen.store(true, Ordering::Relaxed);
    }

    /// Writes what was handed over so far and ends the thread; lines that come later are lost. Does nothing the
    /// second time.
    pub fn stop(&self) {
        let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let _writer_gone = self.queue.send(Message::Stop);
        if thread.join().is_err() {
            tracing::error!("the access-log writer panicked; lines may be missing");
        }
    }

    pub(super) fn targets(&self) -> &Targets {
        &self.targets
    }

    /// `Err` gives the batch back when the queue is full; when the thread has ended, the batch is dropped with it.
    pub(super) fn try_send(&self, batch: Batch) -> Result<(), Batch> {
        match self.queue.try_send(Message::Batch(batch)) {
            Err(TrySendError::Full(Message::Batch(batch))) => Err(batch),
            _ => Ok(()),
        }
    }

    /// Waits for room in the queue.
    pub(super) fn send(&self, batch: Batch) {
        let _writer_gone = self.queue.send(Message::Batch(batch));
    }
}

/// What the thread owns.
struct Outputs {
    targets: Arc<Targets>,
    open: HashMap<LogTarget, Output>,
    reopen: Arc<AtomicBool>,
    counters: Arc<LogCounters>,
    last_check: Instant,
    last_report: Option<Instant>,
}

impl Outputs {
    fn run(mut self, batches: &Receiver<Message>) {
        loop {
            match batches.recv_timeout(CHECK_INTERVAL) {
                Ok(Message::Batch(batch)) => {
                    self.forget_replaced();
                    self.write(batch);
                }
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                // Between lines too, so that a rotated file is let go and its successor is there to be read.
                Err(RecvTimeoutError::Timeout) => self.forget_replaced(),
            }
        }
    }

    /// Closes files that have to be opened again.
    fn forget_replaced(&mut self) {
        if self.reopen.swap(false, Ordering::Relaxed) {
            self.open.clear();
        } else if self.last_check.elapsed() >= CHECK_INTERVAL {
            self.last_check = Instant::now();
            self.open.retain(|_, output| !output.was_replaced());
        }
    }

    fn write(&mut self, batch: Batch) {
        let Batch { target, mut bytes, lines, dropped, give_back } = batch;
        if dropped > 0 {
            self.counters.lines_dropped.fetch_add(dropped, Ordering::Relaxed);
            self.report(|| format!("{dropped} access-log lines were dropped because writing them is too slow"));
        }
        match self.write_bytes(target, &bytes) {
            Ok(()) => {
                self.counters.lines_written.fetch_add(lines, Ordering::Relaxed);
            }
            Err(error) => {
                self.counters.lines_failed.fetch_add(lines, Ordering::Relaxed);
                let path = self.targets.path(target).unwrap_or_default();
                self.report(|| format!("{lines} access-log lines could not be written to {}: {error}", path.display()));
            }
        }
        bytes.clear();
        let _kept_or_freed = give_back.try_send(bytes);
    }

    fn write_bytes(&mut self, target: LogTarget, bytes: &[u8]) -> io::Result<()> {
        if !self.open.contains_key(&target) {
            let path = self.targets.path(target).ok_or(io::ErrorKind::NotFound)?;
            let output = Output::open(&path).inspect_err(|_| {
                self.counters.open_failed.fetch_add(1, Ordering::Relaxed);
            })?;
            self.open.insert(target, output);
        }
        match self.open.get_mut(&target) {
            Some(output) => output.write_all(bytes),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Logs a trouble, at most once in [`CHECK_INTERVAL`].
    fn report(&mut self, message: impl FnOnce() -> String) {
        if self.last_report.is_none_or(|last| last.elapsed() >= CHECK_INTERVAL) {
            self.last_report = Some(Instant::now());
            tracing::error!("{}", message());
        }
    }
}

#[cfg(test)]
mod tests;
