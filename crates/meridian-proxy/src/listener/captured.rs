//! Connections that were captured on their way to somewhere else.

use rustix::net::sockopt::{ip_original_dst, ipv6_original_dst};
use std::net::{IpAddr, SocketAddr};
use tokio::net::TcpStream;

/// Where `stream` was going when a redirect rule of the kernel led it here (`SO_ORIGINAL_DST`); its local address
/// `local` where no rule did.
pub(super) fn original_destination(stream: &TcpStream, local: SocketAddr) -> SocketAddr {
    let told = match local.ip() {
        IpAddr::V4(_) => ip_original_dst(stream).map(SocketAddr::V4),
        IpAddr::V6(_) => ipv6_original_dst(stream).map(SocketAddr::V6),
    };
    // Without connection tracking there is nothing to tell, and nothing was redirected.
    told.unwrap_or(local)
}
