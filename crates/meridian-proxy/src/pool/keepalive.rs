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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn connected(cluster: &Cluster) -> io::Result<TcpStream> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        let stream = TcpStream::connect(listener.local_addr()?).await?;
        set_options(&stream, cluster)?;
        Ok(stream)
    }

    #[tokio::test]
    async fn keep_alive_is_as_configured() {
        let stream = connected(&Cluster::default()).await.expect("a connection");
        assert!(!SockRef::from(&stream).keepalive().expect("an option") && stream.nodelay().expect("an option"));
        let of_system = meridian_ir::cluster::TcpKeepalive::default();
        let cluster = Cluster { tcp_keepalive: Some(of_system), ..Cluster::default() };
        let stream = connected(&cluster).await.expect("a connection");
        assert!(SockRef::from(&stream).keepalive().expect("an option"));
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let all = meridian_ir::cluster::TcpKeepalive { probes: Some(4), time: seconds(120), interval: seconds(15) };
        let cluster = Cluster { tcp_keepalive: Some(all), ..Cluster::default() };
        let stream = connected(&cluster).await.expect("a connection");
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().expect("an option"));
        assert_eq!(socket.tcp_keepalive_time().expect("an option"), Duration::from_secs(120));
        assert_eq!(socket.tcp_keepalive_interval().expect("an option"), Duration::from_secs(15));
        assert_eq!(socket.tcp_keepalive_retries().expect("an option"), 4);
    }
}
