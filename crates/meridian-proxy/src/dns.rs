//! Addresses of DNS names, kept fresh for all workers by one thread.
//!
//! A name is asked for again when its answer's time to live has passed, a little later each time by chance so that
//! many names do not ask at once. An answer stays in use while asking again fails. `/etc/resolv.conf` and `/etc/hosts`
//! are read as the system's own resolver reads them, and again when they change.

mod keeper;
mod on_demand;
mod system;

pub use system::{Source, SystemSource};

use keeper::{Keeper, Order};
use meridian_ir::Name;
use on_demand::Cache;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot, watch};

/// Addresses by name; a name without an answer yet is absent.
pub type Resolved = HashMap<Name, Arc<[IpAddr]>>;

/// The thread that resolves names. It ends when this is dropped.
#[derive(Debug)]
pub struct Resolver {
    orders: mpsc::UnboundedSender<Order>,
    state: Arc<State>,
    generation: AtomicU64,
}

/// What the thread publishes.
#[derive(Debug)]
struct State {
    resolved: Mutex<Arc<Resolved>>,
    /// Names that were neither answered nor refused yet, and how many sets of names were taken over.
    progress: watch::Sender<Progress>,
    /// Of names that are not watched.
    on_demand: Cache,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Progress {
    taken_over: u64,
    waiting: usize,
}

impl State {
    fn resolved(&self) -> Arc<Resolved> {
        self.resolved.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Resolver {
    /// Starts the thread with the system's configuration. `changed` is called, on that thread, whenever the addresses
    /// of a name have become others.
    ///
    /// # Errors
    /// The thread or its event queue cannot be had.
    pub fn start(changed: impl Fn() + Send + 'static) -> io::Result<Self> {
        Self::start_with(SystemSource::default(), changed)
    }

    /// [`Self::start`] with another source of answers.
    ///
    /// # Errors
    /// The thread or its event queue cannot be had.
    pub fn start_with(source: impl Source, changed: impl Fn() + Send + 'static) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (orders, inbox) = mpsc::unbounded_channel();
        let state = Arc::new(State {
            resolved: Mutex::default(),
            progress: watch::Sender::default(),
            on_demand: Cache::default(),
        });
        let keeper = Keeper::new(source, state.clone(), changed);
        std::thread::Builder::new().name("dns".to_owned()).spawn(move || runtime.block_on(keeper.run(inbox)))?;
        Ok(Self { orders, state, generation: AtomicU64::new(0) })
    }

    /// The names that are kept fresh from now on; others are forgotten. What it returns is for [`Self::settled`].
    pub fn watch(&self, names: impl IntoIterator<Item = Name>) -> u64 {
        // The thread lives as long as this.
        let _ = self.orders.send(Order::Watch(names.into_iter().collect()));
        self.generation.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// All addresses that are known.
    #[must_use]
    pub fn resolved(&self) -> Arc<Resolved> {
        self.state.resolved()
    }

    /// The addresses of one name, in the order of its last answer; `None` while there was none.
    #[must_use]
    pub fn addresses(&self, name: &str) -> Option<Arc<[IpAddr]>> {
        self.state.resolved().get(name).cloned()
    }

    /// The addresses of a name that is not watched: those of an earlier answer as long as it is good, otherwise those of
    /// a new one. Many that ask for one name at a time share one question.
    ///
    /// # Errors
    /// Why the name cannot be resolved.
    pub async fn lookup(&self, name: &str) -> Result<Arc<[IpAddr]>, Arc<str>> {
        if let Some(known) = self.state.on_demand.get(name, Instant::now()) {
            return known;
        }
        let (done, answer) = oneshot::channel();
        let ended = || Arc::from("the resolver has ended");
        self.orders.send(Order::Ask(name.into(), done)).map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    /// Returns when each of the names of that call of [`Self::watch`] was answered or refused once.
    pub async fn settled(&self, generation: u64) {
        let mut progress = self.state.progress.subscribe();
        let done = |progress: &Progress| progress.taken_over >= generation && progress.waiting == 0;
        // An error means that the thread is gone, and then nothing will change.
        let _ = progress.wait_for(done).await;
    }
}

#[cfg(test)]
mod tests;
