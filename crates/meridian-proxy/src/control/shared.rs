//! What a proxy tells of itself: the admin endpoint's view.

use super::ListenerError;
use crate::ProxyOptions;
use crate::admin::Views;
use crate::dns::Resolver;
use crate::stats::Stats;
use arc_swap::ArcSwap;
use meridian_ir::{Name, ProxyConfig};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

/// Life of a proxy, as Envoy's `/server_info` and `/ready` tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// `PRE_INITIALIZING`: no configuration was applied yet.
    PreInitializing = 0,
    /// `LIVE`
    Live = 1,
    /// `DRAINING`: it is stopping.
    Draining = 2,
}

impl State {
    /// Envoy's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PreInitializing => "PRE_INITIALIZING",
            Self::Live => "LIVE",
            Self::Draining => "DRAINING",
        }
    }
}

/// One listener of the configuration that runs.
#[derive(Debug, Clone)]
pub struct ListenerState {
    /// Its name.
    pub name: Name,
    /// The address that it is bound to; differs from the configured one where that asks for port 0.
    pub address: SocketAddr,
    /// Why it does not listen.
    pub error: Option<Arc<ListenerError>>,
}

/// The state that the control thread publishes. Reading it never waits.
#[derive(Debug)]
pub struct Shared {
    /// As the proxy was started.
    pub options: ProxyOptions,
    /// The configuration that runs.
    pub config: ArcSwap<ProxyConfig>,
    /// Its listeners.
    pub listeners: ArcSwap<Vec<ListenerState>>,
    /// What all workers count.
    pub stats: Arc<Stats>,
    /// When the process's proxy was started.
    pub started: Instant,
    /// The same by the wall clock.
    pub started_at: SystemTime,
    /// Where the proxy's own endpoints listen, once they do.
    pub endpoints: OnceLock<Views>,
    /// Who resolves names.
    pub resolver: Arc<Resolver>,
    /// Where its DNS proxy listens, if it has one.
    pub dns: OnceLock<SocketAddr>,
    state: AtomicU8,
}

impl Shared {
    pub(super) fn new(options: ProxyOptions, stats: Arc<Stats>, resolver: Arc<Resolver>) -> Self {
        Self {
            stats,
            resolver,
            options,
            config: ArcSwap::default(),
            listeners: ArcSwap::default(),
            started: Instant::now(),
            started_at: SystemTime::now(),
            endpoints: OnceLock::new(),
            dns: OnceLock::new(),
            state: AtomicU8::new(State::PreInitializing as u8),
        }
    }

    /// See [`State`].
    #[must_use]
    pub fn state(&self) -> State {
        match self.state.load(Ordering::Relaxed) {
            0 => State::PreInitializing,
            1 => State::Live,
            _ => State::Draining,
        }
    }

    pub(super) fn set_state(&self, state: State) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// The address that a listener is really bound to, once it listens.
    #[must_use]
    pub fn listener_address(&self, name: &str) -> Option<SocketAddr> {
        let listeners = self.listeners.load();
        listeners.iter().find(|listener| &*listener.name == name && listener.error.is_none()).map(|found| found.address)
    }
}
