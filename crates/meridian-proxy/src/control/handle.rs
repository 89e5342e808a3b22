//! What the binary holds of a running proxy.

use super::run::{Command, Control};
use super::{ApplyError, ListenerError, ProxyError, Shared};
use crate::ProxyOptions;
use meridian_ir::ProxyConfig;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// A proxy that can be started.
#[derive(Debug, Clone, Copy)]
pub struct Proxy;

impl Proxy {
    /// Spawns the workers and the control thread and opens the admin, readiness and metrics endpoints. No listener is
    /// open until the first configuration.
    ///
    /// # Errors
    /// A thread or an endpoint cannot be had; nothing is left running then.
    pub fn start(options: ProxyOptions) -> Result<ProxyHandle, ProxyError> {
        let (commands, inbox) = mpsc::unbounded_channel();
        let control = Control::new(options, commands.clone())?;
        let shared = control.shared().clone();
        let thread = control.spawn(inbox)?;
        Ok(ProxyHandle { commands, shared, thread: Some(thread) })
    }
}

/// What became of a configuration.
#[derive(Debug)]
pub struct Applied {
    /// [`ProxyConfig::version`] of what runs now: the one that was given, or a newer one that overtook it.
    pub version: u64,
    /// Listeners that do not listen.
    pub listener_errors: Vec<Arc<ListenerError>>,
}

/// A running proxy. Dropping it stops the proxy at once, without draining.
#[derive(Debug)]
pub struct ProxyHandle {
    commands: mpsc::UnboundedSender<Command>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl ProxyHandle {
    /// Swaps the configuration in place on all workers, and returns when every one of them has it: a connection that
    /// is made after that, and a request that is read after that, sees the new one. Connections that the change does
    /// not concern are not touched.
    ///
    /// # Errors
    /// The proxy has stopped. Listeners that do not come up are no error of the whole; see
    /// [`Applied::listener_errors`].
    pub async fn apply(&self, config: Arc<ProxyConfig>) -> Result<Applied, ApplyError> {
        let (done, result) = oneshot::channel();
        self.commands.send(Command::Apply(config, done)).map_err(|_| ApplyError::Stopped)?;
        result.await.map_err(|_| ApplyError::Stopped)
    }

    /// What the proxy tells of itself, as its admin endpoint shows it.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Says that the proxy will stop, and goes on: it is not ready any more, and connections end after the request that
    /// they are at (`connection: close`, GOAWAY), so that whoever balances load turns to others before nothing is
    /// accepted any more.
    pub fn announce_stop(&self) {
        // An error means that the control thread is gone, and the proxy with it.
        let _ = self.commands.send(Command::AnnounceStop);
    }

    /// Stops accepting, lets requests finish (their responses say `connection: close`) for up to `limit`, then ends
    /// everything and flushes the access logs.
    pub async fn drain_and_stop(mut self, limit: Duration) {
        let (done, result) = oneshot::channel();
        if self.commands.send(Command::Stop(limit, done)).is_ok() {
            // An error means that the control thread is gone, which is what was asked for.
            let _ = result.await;
        }
        self.join();
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the proxy's control thread panicked");
        }
    }
}

impl Drop for ProxyHandle {
    fn drop(&mut self) {
        if self.thread.is_some() {
            let (done, _) = oneshot::channel();
            let _ = self.commands.send(Command::Stop(Duration::ZERO, done));
            self.join();
        }
    }
}
