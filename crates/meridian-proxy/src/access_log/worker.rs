//! A worker's side of the access log: buffers that no other thread touches.

use super::attributes::RecordAttributes;
use super::json::JsonLine;
use super::line::Line;
use super::target::LogTarget;
use super::writer::{Batch, Writer};
use crate::record::Record;
use meridian_cel::Expression;
use meridian_ir::AccessLog;
use meridian_ir::access_log::LogFormat;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tokio::sync::Notify;

/// A buffer of this size is handed over at once.
const FLUSH_BYTES: usize = 64 * 1024;
/// A buffer is handed over this long after its first line. Envoy waits 1 s and prints `flush_interval`; a person who
/// watches a log, and a test that reads it, should not have to.
const FLUSH_INTERVAL: Duration = Duration::from_millis(100);
/// What a worker holds back for one target while the writer cannot keep up.
const MAX_HELD_BACK: usize = 1 << 20;
/// Empty buffers on their way back to the worker.
const SPARE_BUFFERS: usize = 8;

/// An access log of a listener, connection manager or TCP proxy, ready to be written by one worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHandle {
    target: LogTarget,
    line: Rc<Lines>,
    /// Which records are written; all when absent.
    filter: Option<Expression>,
}

/// What is written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Lines {
    Text(Line),
    Json(JsonLine),
}

/// The lines of one worker that were not handed over yet.
pub struct WorkerLogs {
    writer: Arc<Writer>,
    /// What the logs that are open write.
    lines: RefCell<Vec<Weak<Lines>>>,
    buffers: RefCell<Vec<Buffer>>,
    spare: Receiver<Vec<u8>>,
    give_back: SyncSender<Vec<u8>>,
    /// Wakes [`Self::flush_regularly`] when there is something to hand over.
    begun: Notify,
    waiting: Cell<bool>,
}

/// The lines for one target.
struct Buffer {
    target: LogTarget,
    bytes: Vec<u8>,
    lines: u64,
    dropped: u64,
}

impl WorkerLogs {
    pub(super) fn new(writer: Arc<Writer>) -> Self {
        let (give_back, spare) = sync_channel(SPARE_BUFFERS);
        let buffers = RefCell::new(Vec::new());
        let lines = RefCell::default();
        Self { writer, lines, buffers, spare, give_back, begun: Notify::new(), waiting: Cell::new(false) }
    }

    /// Compiles `log`; everything that logs to the same path shares one buffer.
    #[must_use]
    pub fn open(&self, log: &AccessLog) -> LogHandle {
        let line = match &log.format {
            LogFormat::Text(format) => Lines::Text(Line::new(format)),
            LogFormat::Json(format) => Lines::Json(JsonLine::new(format)),
        };
        let target = self.writer.targets().resolve(&log.path);
        LogHandle { target, line: self.shared(line), filter: log.filter.clone() }
    }

    /// The same for all logs of one format: a sidecar has thousands of logs with one format.
    fn shared(&self, line: Lines) -> Rc<Lines> {
        let mut lines = self.lines.borrow_mut();
        if let Some(same) = lines.iter().filter_map(Weak::upgrade).find(|same| **same == line) {
            return same;
        }
        lines.retain(|known| known.strong_count() > 0);
        let line = Rc::new(line);
        lines.push(Rc::downgrade(&line));
        line
    }

    /// Writes the line of `record` into this worker's buffer, if the log's filter takes it. Does not allocate once the
    /// buffers have their size; filters may.
    pub fn write(&self, log: &LogHandle, record: &Record<'_>) {
        if let Some(filter) = &log.filter
            && !filter.is_true(&RecordAttributes(record))
        {
            return;
        }
        self.append(log.target, |bytes| match &*log.line {
            Lines::Text(line) => line.write(record, bytes),
            Lines::Json(line) => line.write(record, bytes),
        });
    }

    fn append(&self, target: LogTarget, print: impl FnOnce(&mut Vec<u8>)) {
        let mut buffers = self.buffers.borrow_mut();
        let position = buffers.iter().position(|buffer| buffer.target == target).unwrap_or_else(|| {
            // Room for the line that goes over the mark, so that the buffer never grows while the writer keeps up.
            buffers.push(Buffer { target, bytes: Vec::with_capacity(FLUSH_BYTES * 2), lines: 0, dropped: 0 });
            buffers.len() - 1
        });
        let buffer = &mut buffers[position];
        if buffer.bytes.len() >= MAX_HELD_BACK {
            buffer.dropped += 1;
        } else {
            print(&mut buffer.bytes);
            buffer.lines += 1;
        }
        if buffer.bytes.len() >= FLUSH_BYTES {
            self.hand_over(buffer);
        }
        if !self.waiting.replace(true) {
            self.begun.notify_one();
        }
    }

    /// Hands over what there is. [`Self::flush_regularly`] does it in time; what is left goes when the worker ends and
    /// this is dropped.
    pub fn flush(&self) {
        for buffer in self.buffers.borrow_mut().iter_mut() {
            self.hand_over(buffer);
        }
    }

    fn hand_over(&self, buffer: &mut Buffer) {
        if buffer.lines == 0 && buffer.dropped == 0 {
            return;
        }
        let empty = self.spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(FLUSH_BYTES * 2));
        let (lines, dropped) = (buffer.lines, buffer.dropped);
        if let Err(mut batch) = self.writer.try_send(self.batch(buffer, empty)) {
            // The writer is behind: keep the lines and try again with the next ones.
            let empty = std::mem::replace(&mut buffer.bytes, std::mem::take(&mut batch.bytes));
            (buffer.lines, buffer.dropped) = (lines, dropped);
            let _kept_or_freed = self.give_back.try_send(empty);
        }
    }

    fn batch(&self, buffer: &mut Buffer, empty: Vec<u8>) -> Batch {
        let bytes = std::mem::replace(&mut buffer.bytes, empty);
        let (lines, dropped) = (std::mem::take(&mut buffer.lines), std::mem::take(&mut buffer.dropped));
        Batch { target: buffer.target, bytes, lines, dropped, give_back: self.give_back.clone() }
    }

    /// Hands over buffers 100 ms after their first line, for as long as the worker lives. An idle worker is
    /// not woken.
    pub async fn flush_regularly(&self) {
        loop {
            self.begun.notified().await;
            tokio::time::sleep(FLUSH_INTERVAL).await;
            self.waiting.set(false);
            self.flush();
            if self.buffers.borrow().iter().any(|buffer| buffer.lines > 0) && !self.waiting.replace(true) {
                self.begun.notify_one();
            }
        }
    }
}

impl Drop for WorkerLogs {
    /// Hands over what is left, waiting for the writer where it is behind.
    fn drop(&mut self) {
        for mut buffer in std::mem::take(self.buffers.get_mut()) {
            if buffer.lines > 0 || buffer.dropped > 0 {
                self.writer.send(self.batch(&mut buffer, Vec::new()));
            }
        }
    }
}
