//! Listening sockets: one per worker for each address, so that the kernel divides connections, and clients that send
//! packets, among the workers.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

/// Connections that may wait for `accept`; the kernel's `somaxconn` (4096 since Linux 5.4) bounds it.
const BACKLOG: i32 = 4096;

/// Bytes of packets that may wait to be read, as far as the kernel's `rmem_max` allows: a burst of many clients.
const RECEIVE_BUFFER: usize = 4 << 20;

/// What is spoken at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// Connections.
    Tcp,
    /// Packets.
    Udp,
}

/// A socket of a listener.
#[derive(Debug)]
pub enum BoundSocket {
    /// It accepts connections.
    Tcp(TcpListener),
    /// It receives packets.
    Udp(UdpSocket),
}

impl BoundSocket {
    /// Where it is.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.local_addr(),
            Self::Udp(socket) => socket.local_addr(),
        }
    }
}

/// Binds and listens `count` times on one address (`SO_REUSEPORT`). Port 0 takes a free port, the same for all.
/// `is_own` tells that a listener of this proxy, which goes away with the same change, still has the address.
///
/// # Errors
/// The address is taken by another process, also by one that shares its ports (`SO_REUSEPORT`), or cannot be had.
pub(super) fn listen(
    address: SocketAddr,
    transport: Transport,
    count: usize,
    is_own: bool,
) -> io::Result<Vec<BoundSocket>> {
    if address.port() != 0 && !is_own {
        // Another process with SO_REUSEPORT would silently share the port; a socket without it finds that out.
        let probe = socket(address, transport)?;
        probe.bind(&address.into())?;
    }
    let mut sockets: Vec<BoundSocket> = Vec::with_capacity(count);
    for _ in 0..count {
        let address = match sockets.first() {
            Some(first) => first.local_addr()?,
            None => address,
        };
        let socket = socket(address, transport)?;
        socket.set_reuse_port(true)?;
        socket.bind(&address.into())?;
        socket.set_nonblocking(true)?;
        sockets.push(match transport {
            Transport::Tcp => {
                socket.listen(BACKLOG)?;
                BoundSocket::Tcp(socket.into())
            }
            Transport::Udp => {
                // The kernel gives what it may; less is no reason not to serve.
                let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
                BoundSocket::Udp(socket.into())
            }
        });
    }
    Ok(sockets)
}

fn socket(address: SocketAddr, transport: Transport) -> io::Result<Socket> {
    let (kind, protocol) = match transport {
        Transport::Tcp => (Type::STREAM, Protocol::TCP),
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if transport == Transport::Tcp {
        // Connections of a listener before may linger; with packets, it would share the port with others.
        socket.set_reuse_address(true)?;
    }
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
        for transport in [Transport::Tcp, Transport::Udp] {
            let sockets = listen(SocketAddr::from(([127, 0, 0, 1], 0)), transport, 3, false).expect("a free port");
            let address = sockets[0].local_addr().expect("bound");
            assert!(sockets.iter().all(|socket| socket.local_addr().expect("bound") == address));
            let error =
                listen(address, transport, 1, false).expect_err("the port is taken, though its owner shares it");
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{transport:?}");
        }
    }

    #[test]
    fn packets_and_connections_have_ports_of_their_own() {
        let tcp = listen(SocketAddr::from(([127, 0, 0, 1], 0)), Transport::Tcp, 2, false).expect("a free port");
        let address = tcp[0].local_addr().expect("bound");
        listen(address, Transport::Udp, 2, false).expect("the same number");
    }
}
