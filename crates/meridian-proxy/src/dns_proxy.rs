//! The DNS proxy of a sidecar (port 15053): it answers for the names of the mesh by itself and passes every other
//! question on to the workload's name servers, as Istio's agent does.
//!
//! What is asked for a name that is ours never leaves the machine: another type than A and AAAA, or a family without
//! addresses, gets an empty answer. Questions that are passed on keep their bytes, so that whatever client and name
//! server agree on (EDNS, DNSSEC) goes through.

mod answer;
mod forward;
mod server;

pub use answer::{Reply, reply};
pub use forward::NameServers;
pub use server::DnsProxy;

use meridian_ir::name_table::SearchDomain;
use std::net::SocketAddr;

/// How a proxy answers questions for names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsOptions {
    /// Where it listens, over UDP and TCP. Istio: 127.0.0.1:15053.
    pub listen: SocketAddr,
    /// Where the workload is; without it there are no short names.
    pub search: Option<SearchDomain>,
    /// Where other names are asked for; `None`: the name servers of `/etc/resolv.conf`.
    pub name_servers: Option<Vec<SocketAddr>>,
}
