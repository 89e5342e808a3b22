//! A running gateway with its access log in a file.

use super::{access_log, apply, listener, manager, options, start_with};
use meridian_ir::{HttpConnectionManager, Listener, ProxyConfig};
use meridian_proxy::{ProxyHandle, ProxyOptions};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// A proxy with one worker, and the runtime to talk to it.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) proxy: ProxyHandle,
    runtime: Runtime,
    log: tempfile::NamedTempFile,
}

impl Gateway {
    /// Runs `config`, whose listener `http` logs to a file here.
    pub(crate) fn run(config: ProxyConfig) -> Self {
        Self::run_with(config, |_| {})
    }

    /// The same with another connection manager.
    pub(crate) fn run_with(config: ProxyConfig, change: impl FnOnce(&mut HttpConnectionManager)) -> Self {
        Self::run_changed(config, options(), change, |_| {})
    }

    /// The same with other options of the process.
    pub(crate) fn run_options(
        config: ProxyConfig,
        options: ProxyOptions,
        change: impl FnOnce(&mut HttpConnectionManager),
    ) -> Self {
        Self::run_changed(config, options, change, |_| {})
    }

    /// The same with another listener, too. What the listener itself logs goes to the same file.
    pub(crate) fn run_listener(config: ProxyConfig, change: impl FnOnce(&mut Listener)) -> Self {
        Self::run_changed(config, options(), |_| {}, change)
    }

    fn run_changed(
        mut config: ProxyConfig,
        options: ProxyOptions,
        change: impl FnOnce(&mut HttpConnectionManager),
        change_listener: impl FnOnce(&mut Listener),
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let log = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut manager = manager("http.8080");
        manager.access_log = vec![access_log(log.path().to_str().expect("UTF-8"))];
        change(&mut manager);
        let mut listener = listener("http", manager);
        listener.access_log = vec![access_log(log.path().to_str().expect("UTF-8"))];
        change_listener(&mut listener);
        config.listeners.insert("http".into(), Arc::new(listener));
        let proxy = start_with(options);
        let address = runtime.block_on(apply(&proxy, &config, "http"));
        Self { address, proxy, runtime, log }
    }

    /// Applies another configuration, whose listener `http` becomes this gateway's.
    pub(crate) fn apply_to_same_listener(&self, config: &ProxyConfig) {
        let mut config = config.clone();
        let running = self.proxy.shared().config.load();
        config.listeners.clone_from(&running.listeners);
        self.runtime.block_on(self.proxy.apply(Arc::new(config))).expect("the proxy runs");
    }

    /// Stops the proxy and returns its log lines without their times.
    pub(crate) fn stop(self) -> Vec<String> {
        self.runtime.block_on(self.proxy.drain_and_stop(Duration::from_secs(5)));
        let text = std::fs::read_to_string(self.log.path()).expect("the log is there");
        text.lines().map(|line| line.split_once("] ").map_or(line, |(_, rest)| rest).to_owned()).collect()
    }
}
