//! The open downstream connections of a listener at one worker: how they are woken when the proxy or their listener goes away.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Instant;

/// One connection, as others see it.
#[derive(Debug)]
pub struct ConnectionHandle {
    /// A number that no other connection of this process has.
    pub id: u64,
    waker: RefCell<Option<Waker>>,
    close_at: Cell<Option<Instant>>,
    close_idle: Cell<bool>,
}

impl ConnectionHandle {
    /// To be called in the first poll of the connection's task: from then on it can be woken.
    pub fn watch(&self, cx: &Context<'_>) {
        *self.waker.borrow_mut() = Some(cx.waker().clone());
    }

    /// When the connection must end, whatever it is at; set once its listener or the proxy is drained.
    pub fn close_at(&self) -> Option<Instant> {
        self.close_at.get()
    }

    /// Whether the connection must end now if no request is at it; set once the proxy stops.
    pub fn closes_idle(&self) -> bool {
        self.close_idle.get()
    }

    fn drain(&self, close_at: Instant, close_idle: bool) {
        self.close_idle.set(self.close_idle.get() || close_idle);
        let earliest = self.close_at.get().map_or(close_at, |before| before.min(close_at));
        self.close_at.set(Some(earliest));
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

/// All open connections.
#[derive(Debug, Default)]
pub struct Connections {
    open: RefCell<HashMap<u64, Rc<ConnectionHandle>>>,
}

impl Connections {
    /// Registers a new connection until [`Connections::closed`].
    pub fn opened(&self, id: u64) -> Rc<ConnectionHandle> {
        let handle = Rc::new(ConnectionHandle {
            id,
            waker: RefCell::default(),
            close_at: Cell::default(),
            close_idle: Cell::default(),
        });
        self.open.borrow_mut().insert(id, handle.clone());
        handle
    }

    /// The connection is over.
    pub fn closed(&self, handle: &ConnectionHandle) {
        self.open.borrow_mut().remove(&handle.id);
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.open.borrow().len()
    }

    /// Wakes all: they end after the request that they are at, or after their next one, and at `close_at` in any case.
    /// With `close_idle`, those without a request end at once.
    pub fn drain(&self, close_at: Instant, close_idle: bool) {
        for handle in self.open.borrow().values() {
            handle.drain(close_at, close_idle);
        }
    }
}
