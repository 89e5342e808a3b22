//! Sockets for packets: many packets at one call, and for each the address that it was sent to, from which its answer
//! must come.

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// The longest packet, in bytes.
const LONGEST: usize = 65_535;

/// Packets that one call takes.
const BATCH: usize = 8;

/// Memory for one batch. Pages that packets do not reach cost nothing.
pub(super) fn buffer() -> Vec<u8> {
    vec![0; BATCH * LONGEST]
}

/// A packet of a client.
pub(super) struct Packet<'b> {
    /// Who sent it.
    pub(super) source: SocketAddr,
    /// Which of our addresses it was sent to, as far as the kernel told.
    pub(super) destination: Option<IpAddr>,
    pub(super) bytes: &'b [u8],
}

/// The socket of a listener.
#[derive(Debug)]
pub(super) struct Socket {
    io: UdpSocket,
    state: UdpSocketState,
    address: SocketAddr,
}

impl Socket {
    pub(super) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let address = socket.local_addr()?;
        if address.is_ipv4() {
            // Packets longer than the path takes in one piece are for the kernel to divide, as everywhere but in QUIC.
            set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::WANT)?;
        }
        Ok(Self { io: UdpSocket::from_std(socket)?, state, address })
    }

    /// Where it is bound.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) async fn readable(&self) -> io::Result<()> {
        self.io.readable().await
    }

    /// Gives the packets that wait to `take`, one batch of them. Whether there may be more.
    ///
    /// # Errors
    /// Those of the kernel.
    pub(super) fn receive(&self, buffer: &mut [u8], mut take: impl FnMut(Packet<'_>)) -> io::Result<bool> {
        let mut metas = [RecvMeta::default(); BATCH];
        let mut chunks = buffer.chunks_exact_mut(LONGEST);
        let mut slices: [IoSliceMut<'_>; BATCH] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let received =
            self.io.try_io(Interest::READABLE, || self.state.recv(UdpSockRef::from(&self.io), &mut slices, &mut metas));
        let count = match received {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        for (meta, slice) in metas.iter().zip(&slices).take(count) {
            let packet = |bytes| Packet { source: meta.addr, destination: meta.dst_ip, bytes };
            let bytes = &slice[..meta.len];
            match meta.stride {
                // An empty packet is one, too.
                0 => take(packet(bytes)),
                // The kernel may join packets of one client.
                stride => bytes.chunks(stride).for_each(|bytes| take(packet(bytes))),
            }
            if bytes.is_empty() && meta.stride > 0 {
                take(packet(bytes));
            }
        }
        Ok(true)
    }

    /// Sends a packet to a client, from the address that the client knows. Nobody waits for room, so that nobody has to
    /// know of it before: the kernel is simply asked.
    ///
    /// # Errors
    /// Those of the kernel; `WouldBlock` when there is no room for it now.
    pub(super) fn send(&self, client: SocketAddr, own: Option<IpAddr>, bytes: &[u8]) -> io::Result<()> {
        let transmit = Transmit { destination: client, ecn: None, contents: bytes, segment_size: None, src_ip: own };
        self.state.try_send(UdpSockRef::from(&self.io), &transmit)
    }
}

/// A socket that speaks to one endpoint and hears no other.
pub(super) fn connect(endpoint: SocketAddr, source: Option<IpAddr>) -> io::Result<UdpSocket> {
    let any = match endpoint {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let source = source.filter(|source| source.is_ipv4() == endpoint.is_ipv4()).unwrap_or(any);
    let socket = std::net::UdpSocket::bind((source, 0))?;
    socket.set_nonblocking(true)?;
    socket.connect(endpoint)?;
    UdpSocket::from_std(socket)
}
