//! Asking the workload's name servers.

use hickory_resolver::system_conf::parse_resolv_conf;
use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// How long one name server may take before the next is asked.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most that comes over UDP.
const DATAGRAM: usize = 65_535;

/// The name servers that questions are passed on to, in order.
#[derive(Debug)]
pub struct NameServers {
    source: Source,
    read: RefCell<Read>,
}

#[derive(Debug)]
enum Source {
    Given,
    File(PathBuf),
}

/// The file at one moment.
#[derive(Debug, Default)]
struct Read {
    modified: Option<SystemTime>,
    servers: Vec<SocketAddr>,
}

impl NameServers {
    /// These.
    #[must_use]
    pub fn given(servers: Vec<SocketAddr>) -> Self {
        Self { source: Source::Given, read: RefCell::new(Read { modified: None, servers }) }
    }

    /// Those of a file in the form of `/etc/resolv.conf`, read again when it changes, but for `own`, which would be
    /// asked by itself for ever.
    #[must_use]
    pub fn of_file(path: impl Into<PathBuf>) -> Self {
        Self { source: Source::File(path.into()), read: RefCell::default() }
    }

    /// The servers of this moment.
    #[must_use]
    pub fn current(&self, own: SocketAddr) -> Vec<SocketAddr> {
        if let Source::File(path) = &self.source {
            let modified = std::fs::metadata(path).and_then(|data| data.modified()).ok();
            let mut read = self.read.borrow_mut();
            if modified != read.modified || read.servers.is_empty() {
                let servers = std::fs::read(path).map(|text| servers_of(&text)).unwrap_or_default();
                *read = Read { modified, servers };
            }
        }
        let read = self.read.borrow();
        read.servers.iter().copied().filter(|server| *server != own).collect()
    }

    /// The first answer that a server gives to `question`, each asked in turn.
    ///
    /// # Errors
    /// No server answered; the last error.
    pub async fn ask(&self, question: &[u8], own: SocketAddr, is_udp: bool) -> io::Result<Vec<u8>> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "there are no name servers");
        for server in self.current(own) {
            let asked = async {
                match is_udp {
                    true => over_udp(question, server).await,
                    false => over_tcp(question, server).await,
                }
            };
            match tokio::time::timeout(PATIENCE, asked).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => last = error,
                Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, format!("{server} does not answer")),
            }
        }
        Err(last)
    }
}

fn servers_of(text: &[u8]) -> Vec<SocketAddr> {
    let Ok((config, _)) = parse_resolv_conf(text) else { return Vec::new() };
    let mut servers: Vec<SocketAddr> = Vec::new();
    for server in config.name_servers {
        let port = server.connections.first().map_or(53, |connection| connection.port);
        let address = SocketAddr::new(server.ip, port);
        if !servers.contains(&address) {
            servers.push(address);
        }
    }
    servers
}

/// Asks from a port of its own, so that a forged answer has to guess it.
async fn over_udp(question: &[u8], server: SocketAddr) -> io::Result<Vec<u8>> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let length = socket.recv(&mut buffer).await?;
        // An answer begins with the id of its question.
        if length >= 12 && question.len() >= 2 && buffer[..2] == question[..2] {
            buffer.truncate(length);
            return Ok(buffer);
        }
    }
}

async fn over_tcp(question: &[u8], server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    write_message(&mut stream, question).await?;
    read_message(&mut stream).await
}

/// Reads one message behind its length (RFC 1035 section 4.2.2).
pub(super) async fn read_message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut message = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

/// Writes one message behind its length.
pub(super) async fn write_message(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let too_long = |_| io::Error::new(io::ErrorKind::InvalidData, "a message of more than 65535 bytes");
    let length = u16::try_from(message.len()).map_err(too_long)?;
    let mut whole = Vec::with_capacity(message.len() + 2);
    whole.extend(length.to_be_bytes());
    whole.extend(message);
    stream.write_all(&whole).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_again_and_the_proxy_does_not_ask_itself() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "nameserver 10.0.0.10\nnameserver 127.0.0.1\nsearch a.b\n").unwrap();
        let servers = NameServers::of_file(file.path());
        let own = SocketAddr::from(([127, 0, 0, 1], 53));
        assert_eq!(servers.current(own), ["10.0.0.10:53".parse().unwrap()]);
        std::fs::write(file.path(), "nameserver 10.0.0.11\n").unwrap();
        let file = file.as_file();
        file.set_modified(SystemTime::now() + Duration::from_secs(2)).unwrap();
        assert_eq!(servers.current(own), ["10.0.0.11:53".parse().unwrap()]);
    }
}
