//! Options of sockets towards endpoints.

use meridian_ir::Cluster;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use tokio::net::TcpStream;

/// Sets what the cluster says of its connections: no delay, and keep-alive as configured.
///
/// # Errors
/// The system refuses a value.
pub(crate) fn set_options(stream: &TcpStream, cluster: &Cluster) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some(wanted) = &cluster.tcp_keepalive else { return Ok(()) };
    let socket = SockRef::from(stream);
    socket.set_keepalive(true)?;
    let mut keepalive = TcpKeepalive::new();
    if let Some(time) = wanted.time {
        keepalive = keepalive.with_time(time);
    }
    if let Some(interval) = wanted.interval {
        keepalive = keepalive.with_interval(interval);
    }
    if let Some(probes) = wanted.probes {
        keepalive = keepalive.with_retries(probes);
    }
    if wanted.time.is_some() || wanted.interval.is_some() || wanted.probes.is_some() {
        socket.set_tcp_keepalive(&keepalive)?;
    }
    Ok(())
}
