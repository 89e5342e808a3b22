//! Kernel pipes, the place of bytes on their way from one socket to another.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};
use std::cell::RefCell;
use std::io;
use std::os::fd::AsFd;

/// The size that Linux gives a pipe.
const PIPE_BYTES: usize = 64 * 1024;
/// Unused pipes that a worker keeps. Each costs two descriptors and, empty, next to no memory.
const KEPT: usize = 64;

/// A pipe that nothing else uses. Only an empty one is kept for another connection.
#[derive(Debug)]
pub(super) struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    inside: usize,
}

thread_local! {
    static FREE: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

impl Pipe {
    /// A pipe that was used before, or a new one.
    pub(super) fn take() -> io::Result<Self> {
        if let Some(pipe) = FREE.with_borrow_mut(Vec::pop) {
            return Ok(pipe);
        }
        let (read, write) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        Ok(Self { read, write, inside: 0 })
    }

    /// Keeps the pipe for the next who needs one, if nothing is in it.
    pub(super) fn give_back(self) {
        if self.inside == 0 {
            FREE.with_borrow_mut(|free| {
                if free.len() < KEPT {
                    free.push(self);
                }
            });
        }
    }

    /// Bytes inside.
    pub(super) fn len(&self) -> usize {
        self.inside
    }

    /// Moves what has arrived at `socket` into the pipe, which is empty; 0 at the socket's end.
    pub(super) fn fill(&mut self, socket: impl AsFd) -> Result<usize, Errno> {
        let moved = splice(socket, None, &self.write, None, PIPE_BYTES, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)?;
        self.inside += moved;
        Ok(moved)
    }

    /// Moves what is inside to `socket`, as much as it takes.
    pub(super) fn empty(&mut self, socket: impl AsFd) -> Result<usize, Errno> {
        let moved = splice(&self.read, None, socket, None, self.inside, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)?;
        self.inside -= moved;
        Ok(moved)
    }
}
