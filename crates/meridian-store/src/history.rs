//! The recent past: every change in order, within bounds.

use std::collections::VecDeque;

use crate::watch::Event;

/// The most changes that are kept for watchers.
pub(crate) const MAX_EVENTS: usize = 16_384;

/// The most text of objects that are not current any more, in bytes, that is kept for watchers.
pub(crate) const MAX_BYTES: usize = 16 << 20;

/// A bounded queue of changes with ascending revisions.
#[derive(Debug)]
pub(crate) struct History {
    events: VecDeque<Event>,
    bytes: usize,
    /// Every change after this revision is in `events`.
    complete_after: u64,
    max_events: usize,
}

impl History {
    /// An empty history that begins after `revision`.
    pub(crate) fn starting_at(revision: u64, max_events: usize) -> History {
        History { events: VecDeque::new(), bytes: 0, complete_after: revision, max_events }
    }

    /// The past as it was read from disk: changes up to `revision`, oldest first.
    pub(crate) fn resumed(events: impl ExactSizeIterator<Item = Event>, revision: u64, max_events: usize) -> History {
        let mut history = History::starting_at(revision - events.len() as u64, max_events);
        events.for_each(|event| history.push(event));
        history
    }

    /// The oldest revision from which nothing is missing.
    pub(crate) fn complete_after(&self) -> u64 {
        self.complete_after
    }

    pub(crate) fn push(&mut self, event: Event) {
        self.bytes += event.bytes();
        self.events.push_back(event);
        while self.events.len() > self.max_events || (self.bytes > MAX_BYTES && self.events.len() > 1) {
            if let Some(dropped) = self.events.pop_front() {
                self.bytes -= dropped.bytes();
                self.complete_after = dropped.object.revision();
            }
        }
    }

    /// The changes after `revision`, oldest first.
    pub(crate) fn after(&self, revision: u64) -> impl DoubleEndedIterator<Item = &Event> {
        let first = self.events.partition_point(|event| event.object.revision() <= revision);
        self.events.range(first..)
    }
}
