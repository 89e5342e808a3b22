//! The request lines that the server has seen, for tests that ask what reached it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// How many request lines are kept; the oldest go first.
pub(super) const CAPACITY: usize = 1_000;
/// How much of one line is kept, in bytes.
pub(super) const LINE_LIMIT: usize = 2_048;

/// A bounded list of request lines, shared by all connections.
#[derive(Default)]
pub(super) struct Seen(Mutex<VecDeque<String>>);

impl Seen {
    /// Adds a line such as `GET /get HTTP/1.1`.
    pub(super) fn add(&self, mut line: String) {
        line.truncate(line.floor_char_boundary(LINE_LIMIT));
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == CAPACITY {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The lines, oldest first.
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
