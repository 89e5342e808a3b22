//! Stopping on a signal without leaving namespaces and processes behind.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::Error;

/// The pause between two looks at something that is waited for.
const PAUSE: Duration = Duration::from_millis(20);

/// Whether the runner was told to stop. Clones share the answer.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Follows SIGINT, SIGTERM and SIGHUP. More signals change nothing: `timeout`, for one, sends its signal twice, and the
    /// clean-up, whose every wait is bounded, must not be cut short by that.
    ///
    /// # Errors
    /// When a handler cannot be installed.
    pub fn on_signals() -> io::Result<Self> {
        let interrupt = Self::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            flag::register(signal, Arc::clone(&interrupt.0))?;
        }
        Ok(interrupt)
    }

    /// Tells every holder to stop.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// # Errors
    /// [`Error::Interrupted`] once the runner was told to stop.
    pub fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Looks every 20 ms until `look` finds something. `None` when it has not within `limit`.
    pub(crate) fn wait<T>(
        &self,
        limit: Duration,
        mut look: impl FnMut() -> Result<Option<T>, Error>,
    ) -> Result<Option<T>, Error> {
        let end = Instant::now() + limit;
        loop {
            self.check()?;
            if let Some(found) = look()? {
                return Ok(Some(found));
            }
            if Instant::now() >= end {
                return Ok(None);
            }
            thread::sleep(PAUSE);
        }
    }
}
