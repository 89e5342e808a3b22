//! Which changes the file holds, so that the old ones can be removed in the transaction that adds new ones.

use std::collections::VecDeque;

use super::{MAX_BYTES, MAX_EVENTS};

/// How far past its bounds the history on disk may grow, so that not every write removes: one part in this many.
const SLACK: usize = 16;

/// The sizes of the history's rows, which have ascending revisions without a gap.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    sizes: VecDeque<usize>,
    bytes: usize,
    newest: u64,
}

impl Ledger {
    /// Nothing yet; the next row is of the revision after this one.
    pub(crate) fn after(newest: u64) -> Ledger {
        Ledger { sizes: VecDeque::new(), bytes: 0, newest }
    }

    /// Notes the next row: the bytes that it keeps of an object that is not current any more.
    pub(crate) fn push(&mut self, size: usize) {
        self.sizes.push_back(size);
        self.bytes += size;
        self.newest += 1;
    }

    /// Forgets the rows after a revision, which are taken back.
    pub(crate) fn cut_after(&mut self, revision: u64) {
        while self.newest > revision {
            self.bytes -= self.sizes.pop_back().unwrap_or(0);
            self.newest -= 1;
        }
    }

    /// The revision up to which rows are to be removed now, if any.
    pub(crate) fn surplus(&mut self) -> Option<u64> {
        let within = |rows: usize, bytes: usize, slack: usize| {
            rows <= MAX_EVENTS + MAX_EVENTS / slack && bytes <= MAX_BYTES + MAX_BYTES / slack
        };
        if within(self.sizes.len(), self.bytes, SLACK) {
            return None;
        }
        let rows = self.sizes.len();
        while self.sizes.len() > MAX_EVENTS || (self.bytes > MAX_BYTES && self.sizes.len() > 1) {
            self.bytes -= self.sizes.pop_front().unwrap_or(0);
        }
        (self.sizes.len() < rows).then(|| self.newest - self.sizes.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ledger, MAX_BYTES, MAX_EVENTS, SLACK};

    #[test]
    fn rows_are_removed_in_one_go_when_they_are_too_many() {
        let mut ledger = Ledger::after(100);
        let mut removed = Vec::new();
        for revision in 101..=100 + 2 * MAX_EVENTS as u64 {
            ledger.push(1);
            removed.extend(ledger.surplus().map(|oldest| (revision, oldest)));
        }
        let first = 101 + (MAX_EVENTS + MAX_EVENTS / SLACK) as u64;
        assert_eq!(removed[0], (first, first - MAX_EVENTS as u64));
        assert_eq!(removed.len(), SLACK - 1);
    }

    #[test]
    fn rows_are_removed_when_they_are_too_large_and_the_newest_is_kept() {
        let mut ledger = Ledger::after(0);
        ledger.push(MAX_BYTES / 2);
        assert_eq!(ledger.surplus(), None);
        ledger.push(MAX_BYTES * 2);
        assert_eq!(ledger.surplus(), Some(1));
        assert_eq!(ledger.surplus(), None, "one row is kept, however large");
    }

    #[test]
    fn rows_that_are_taken_back_do_not_count() {
        let mut ledger = Ledger::after(0);
        (0..10).for_each(|_| ledger.push(MAX_BYTES / 10));
        ledger.cut_after(5);
        ledger.push(MAX_BYTES / 2);
        assert_eq!((ledger.surplus(), ledger.newest), (None, 6));
    }
}
