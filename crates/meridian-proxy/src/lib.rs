//! The data plane: workers, listeners, HTTP/1.1 and TCP forwarding, pools, access log, stats, admin.
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
//! `tcp`. Both end with a [`record::Record`], whose [`outcome::Ending`] says how it went; `access_log` prints it and
//! `stats` counts it.
//!
//! # Doors between the rooms
//!
//! | door | called by | when |
//! |---|---|---|
//! | `access_log::Writer::start(&ProxyOptions) -> Arc<Writer>`; `Writer::worker(&Arc<Self>) -> WorkerLogs` | control, worker | start |
//! | `WorkerLogs::open(&self, &ir::AccessLog) -> LogHandle` | worker | a configuration arrives; one path, one sink |
//! | `WorkerLogs::write(&self, &LogHandle, &Record)` | http1, tcp, listener | a request or connection is over |
//! | `WorkerLogs::flush(&self)` | worker | every 100 ms, and at the end |
//! | `access_log::header_value(&Format, &Record, &mut Vec<u8>)` | http1 | header edits; a missing value is empty |
//! | `stats::Stats::new(&ProxyOptions) -> Arc<Stats>`; `Stats::worker(&Arc<Self>) -> WorkerStats` | control, worker | start |
//! | `WorkerStats::{listener, http, cluster}(&self, &Name) -> Rc<ListenerStats / HttpStats / ClusterStats>` | worker | a configuration arrives |
//! | `ListenerStats::{connection_opened, connection_closed, no_filter_chain, tls_failed}` | listener | |
//! | `HttpStats::{connection_opened, connection_closed, request_started, request_finished(&Record)}` | http1 | |
//! | `ClusterStats::{connection_opened, connection_closed, connect_failed, connect_timed_out, request_started, request_finished(&Record), retried, overflowed}` | http1, tcp | |
//! | `tls::server_config(&DownstreamTls, &BTreeMap<Name, Arc<Secret>>) -> Result<Arc<ServerConfig>, TlsError>` | snapshot | a chain or its secrets changed |
//! | `tcp::serve(TcpConnection)` | listener | a chain with [`meridian_ir::Filters::Tcp`] took a connection |
//! | `dns::Resolver::start(changed: impl Fn() + Send) -> Resolver`; `Resolver::watch(names)`; `Resolver::addresses(&name) -> Option<Vec<IpAddr>>` | control | clusters with names |
//! | `admin::serve(Arc<control::Shared>, ...)` | control | start |
#![forbid(unsafe_code)]

pub mod access_log;
pub mod admin;
pub mod control;
pub mod dns;
pub mod http1;
pub mod inspect;
pub mod listener;
pub mod options;
pub mod outcome;
pub mod pool;
pub mod record;
pub mod snapshot;
pub mod stats;
pub mod tcp;
pub mod tls;
pub mod worker;

pub use control::{Applied, ApplyError, ListenerError, Proxy, ProxyError, ProxyHandle};
pub use options::ProxyOptions;
