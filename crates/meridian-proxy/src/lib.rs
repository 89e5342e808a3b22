//! The data plane: workers, listeners, HTTP and TCP forwarding, pools, access log, stats, admin.
//!
//! A [`Proxy`] runs one [`meridian_ir::ProxyConfig`] after another. [`Proxy::start`] spawns the threads,
//! [`ProxyHandle::apply`] swaps a configuration in place on all of them, [`ProxyHandle::drain_and_stop`] ends them.
//!
//! # Threads
//!
//! - *Workers*, one per core: each has a current-thread runtime, its own sockets (`SO_REUSEPORT`), upstream pools,
//!   counters and pointers to the configuration, all of them `!Send` (`Rc`, `Cell`). Nothing is shared on the request
//!   path; see [`worker`].
//! - *Control*, one thread: compiles configurations ([`snapshot`]), binds sockets, sends what changed to the workers,
//!   resolves DNS names, and serves the admin, readiness and metrics endpoints; see [`control`].
//! - *Log writer*, one thread: writes what the workers' access-log buffers hand over.
//!
//! # A connection's way
//!
//! [`listener`] accepts, looks at the first bytes when a chain needs it ([`inspect`]), selects the filter chain
//! ([`meridian_ir::filter_chain`]), terminates TLS when the chain says so (`tls`) and hands over to [`http1`] or
//! `tcp`; listeners of UDP have no chains and no connections (`udp`); [`http2`] gives each of its streams to [`http1`]. Both end with a [`record::Record`], whose
//! [`outcome::Ending`] says how it went; `access_log` prints it and
//! `stats` counts it.
//!
//! # Doors between the rooms
//!
//! | door | called by | when |
//! |---|---|---|
//! | [`access_log::Writer::start`], [`access_log::Writer::worker`] | control, worker | start |
//! | [`access_log::WorkerLogs::open`] | worker | a configuration arrives; one path, one buffer |
//! | [`access_log::WorkerLogs::write`] | http1, tcp, listener | a request or connection is over |
//! | [`access_log::WorkerLogs::flush_regularly`] | worker | as long as it runs; the rest goes when it ends |
//! | [`access_log::header_value`] | http1 | header edits; a missing value is empty |
//! | [`stats::Stats::new`], [`stats::Stats::worker`] | control, worker | start |
//! | [`stats::WorkerStats`]'s `listener`, `http`, `tcp`, `cluster` | worker | a configuration arrives |
//! | [`stats::ListenerStats`], [`stats::HttpStats`], [`stats::TcpStats`], [`stats::ClusterStats`], [`stats::HostStats`] | listener, http1, tcp, pool | things happen |
//! | [`tls::TlsStore`] | snapshot | chains, clusters, or what their TLS is made from changed |
//! | [`tls::accept`] | listener | a chain that terminates TLS took a connection |
//! | [`tcp::serve`] | listener | a chain with [`meridian_ir::Filters::Tcp`] took a connection |
//! | [`dns::Resolver::start`], [`dns::Resolver::watch`], [`dns::Resolver::resolved`] | control | clusters with names |
//! | [`dns_proxy::DnsProxy::start`] | control | start |
//! | [`admin::Server::start`] | control | start |
//! | [`admin::logging::install`] | the binary | its log can change levels |
#![forbid(unsafe_code)]

pub mod access_log;
pub mod admin;
pub mod control;
pub mod dns;
pub mod dns_proxy;
pub mod dynamic_forward;
pub mod grpc;
pub mod http1;
pub mod http2;
pub mod inspect;
pub mod listener;
pub mod options;
pub mod outcome;
pub mod peer_metadata;
pub mod pool;
pub mod proxy_protocol;
pub mod rbac;
pub mod record;
pub mod snapshot;
pub mod stats;
pub mod tcp;
pub mod tls;
mod udp;
pub mod worker;

pub use control::{Applied, ApplyError, ListenerError, Proxy, ProxyError, ProxyHandle};
pub use options::ProxyOptions;
