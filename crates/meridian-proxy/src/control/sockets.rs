//! Listening sockets: one per worker for each address, so that the kernel divides connections among the workers.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Connections that may wait for `accept`; the kernel's `somaxconn` (4096 since Linux 5.4) bounds it.
const BACKLOG: i32 = 4096;

/// Binds and listens `count` times on one address (`SO_REUSEPORT`). Port 0 takes a free port, the same for all.
/// `is_own` tells that a listener of this proxy, which goes away with the same change, still has the address.
///
/// # Errors
/// The address is taken by another process, also by one that shares its ports (`SO_REUSEPORT`), or cannot be had.
pub(super) fn listen(address: SocketAddr, count: usize, is_own: bool) -> io::Result<Vec<TcpListener>> {
    if address.port() != 0 && !is_own {
        // Another process with SO_REUSEPORT would silently share the port; a socket without it finds that out.
        let probe = socket(address)?;
        probe.bind(&address.into())?;
    }
    let mut sockets: Vec<TcpListener> = Vec::with_capacity(count);
    for _ in 0..count {
        let address = match sockets.first() {
            Some(first) => first.local_addr()?,
            None => address,
        };
        let socket = socket(address)?;
        socket.set_reuse_port(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        sockets.push(socket.into());
    }
    Ok(sockets)
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_a_port_and_others_do_not() {
        let sockets = listen(SocketAddr::from(([127, 0, 0, 1], 0)), 3, false).expect("a free port");
        let address = sockets[0].local_addr().expect("bound");
        assert!(sockets.iter().all(|socket| socket.local_addr().expect("bound") == address));
        let error = listen(address, 1, false).expect_err("the port is taken, though its owner shares it");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
