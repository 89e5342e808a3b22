//! What the requests of a connection are read into, kept from one stream of HTTP/2 for the next: making it anew costs as
//! much as deciding about a small request.

use super::leg::Leg;
use super::request::Request;
use super::response::Response;
use crate::listener::ConnectionInfo;
use std::cell::RefCell;

/// How many are kept when no stream needs them.
const KEPT: usize = 128;

/// The parts of a connection that have memory of their own. They hold nothing of the request before.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) request: Request,
    pub(super) response: Response,
    pub(super) upload: Leg,
    pub(super) download: Leg,
    pub(super) scratch: Vec<u8>,
}

impl Parts {
    pub(super) fn new(info: &ConnectionInfo) -> Self {
        Self {
            request: Request::new(info),
            response: Response::default(),
            upload: Leg::default(),
            download: Leg::default(),
            scratch: Vec::new(),
        }
    }
}

/// A worker's unused parts. Those that came back last are given first: they are the warmest.
#[derive(Debug, Default)]
pub struct Memory {
    free: RefCell<Vec<Parts>>,
}

impl Memory {
    /// Parts for requests of the connection that `info` is about.
    pub(super) fn take(&self, info: &ConnectionInfo) -> Parts {
        match self.free.borrow_mut().pop() {
            Some(mut parts) => {
                parts.request.reset(info);
                parts
            }
            None => Parts::new(info),
        }
    }

    /// Gives parts back after a request; those in which something large was are not kept.
    pub(super) fn give(&self, mut parts: Parts) {
        const LARGE: usize = 64 * 1024;
        let mut free = self.free.borrow_mut();
        let is_small = parts.scratch.capacity() < LARGE && parts.upload.is_small() && parts.download.is_small();
        if free.len() < KEPT && is_small {
            parts.upload.reset();
            parts.download.reset();
            free.push(parts);
        }
    }
}
