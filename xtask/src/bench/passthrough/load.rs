//! The load, and the origin that it is for: plain sockets of this process.

use super::proxies::NAME;
use crate::bench::h1::ORIGIN;
use crate::workspace::output;
use anyhow::{Context, ensure};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What is counted.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// Bytes from the origin over connections that stay
    Bytes,
    /// Connections, each with a short answer
    Connections,
}

/// The answer to a connection that is to end; the first byte of what the client sends behind its ClientHello says which
/// answer it wants.
const SHORT: &[u8; 64] = &[b'x'; 64];
const WANTS_SHORT: u8 = b'1';
const WANTS_MUCH: u8 = b'2';

/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Keeps this process, with all its threads, on one core.
///
/// # Errors
/// taskset fails.
pub(super) fn pin(core: u32) -> anyhow::Result<()> {
    let own = std::process::id().to_string();
    output(Command::new("taskset").args(["-apc", &core.to_string(), &own])).map(drop)
}

/// A ClientHello of TLS 1.2 for [`NAME`].
fn hello() -> Vec<u8> {
    let name = NAME.as_bytes();
    let vector = |content: &[u8]| [&(content.len() as u16).to_be_bytes()[..], content].concat();
    let server_name = vector(&[&[0][..], &vector(name)].concat());
    let extensions = vector(&[&[0, 0][..], &vector(&server_name)].concat());
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xC0, 0x2F, 1, 0]);
    body.extend(extensions);
    let mut message = vec![1, 0];
    message.extend(vector(&body));
    [&[22, 3, 1][..], &vector(&message)].concat()
}

/// What takes connections behind the proxies.
pub(super) struct Origin(Arc<AtomicBool>);

impl Origin {
    /// Starts it.
    ///
    /// # Errors
    /// Its address is taken.
    pub(super) fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(ORIGIN).with_context(|| ORIGIN.to_string())?;
        let ends = Arc::new(AtomicBool::new(false));
        let is_over = ends.clone();
        std::thread::spawn(move || {
            let hello = hello().len();
            for stream in listener.incoming().flatten() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::spawn(move || answer(stream, hello));
            }
        });
        Ok(Self(ends))
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        // Wakes it; where that fails it is gone already.
        let _ = TcpStream::connect(ORIGIN);
    }
}

/// Reads the ClientHello and what is wanted, and answers. The connection ends when the other side wants it.
fn answer(mut stream: TcpStream, hello: usize) -> std::io::Result<()> {
    let mut head = vec![0; hello + 1];
    stream.read_exact(&mut head)?;
    if head[hello] == WANTS_SHORT {
        return stream.write_all(SHORT);
    }
    let much = vec![b'x'; 256 * 1024];
    loop {
        stream.write_all(&much)?;
    }
}

impl Load {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Connections => "connections",
        }
    }

    /// A rate in words.
    pub(super) fn shown(self, rate: f64) -> String {
        match self {
            Self::Bytes => format!("{:.2} GB", rate / 1e9),
            Self::Connections => format!("{rate:.0}"),
        }
    }

    /// Loads `address` with so many clients for some time. How much there was.
    ///
    /// # Errors
    /// A connection failed.
    pub(super) fn run(self, address: SocketAddr, clients: usize, time: Duration) -> anyhow::Result<u64> {
        let (total, end) = (AtomicU64::new(0), Instant::now() + time);
        std::thread::scope(|scope| {
            let client = || {
                scope.spawn(|| match self {
                    Self::Bytes => bytes(address, end, &total),
                    Self::Connections => connections(address, end, &total),
                })
            };
            let running: Vec<_> = (0..clients).map(|_| client()).collect();
            running.into_iter().try_for_each(|client| client.join().expect("a client does not panic"))
        })?;
        let total = total.into_inner();
        ensure!(total > 0, "nothing was passed on");
        Ok(total)
    }
}

/// A connection through the proxy at `address`, which wants one of the answers.
fn connect(address: SocketAddr, wants: u8) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).with_context(|| address.to_string())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = hello();
    head.push(wants);
    stream.write_all(&head)?;
    Ok(stream)
}

fn bytes(address: SocketAddr, end: Instant, total: &AtomicU64) -> anyhow::Result<()> {
    let mut stream = connect(address, WANTS_MUCH)?;
    let (mut buffer, mut read) = (vec![0; 256 * 1024], 0);
    while Instant::now() < end {
        let len = stream.read(&mut buffer).context("while bytes were read")?;
        ensure!(len > 0, "the connection ended");
        read += len as u64;
    }
    total.fetch_add(read, Ordering::Relaxed);
    Ok(())
}

fn connections(address: SocketAddr, end: Instant, total: &AtomicU64) -> anyhow::Result<()> {
    let mut buffer = Vec::with_capacity(2 * SHORT.len());
    while Instant::now() < end {
        let mut stream = connect(address, WANTS_SHORT)?;
        buffer.clear();
        stream.read_to_end(&mut buffer).context("while an answer was read")?;
        ensure!(buffer == SHORT, "{} bytes came, wanted {}", buffer.len(), SHORT.len());
        total.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Whether the proxy at `address` passes a connection on.
pub(super) fn passes(address: SocketAddr) -> bool {
    let mut buffer = Vec::new();
    let read = connect(address, WANTS_SHORT).and_then(|mut stream| Ok(stream.read_to_end(&mut buffer)?));
    read.is_ok() && buffer == SHORT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hello_is_as_long_as_it_says() {
        let hello = hello();
        let length = |bytes: &[u8]| usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
        assert_eq!(length(&hello[3..]), hello.len() - 5);
        assert_eq!(length(&hello[7..]), hello.len() - 9);
        assert!(hello.ends_with(NAME.as_bytes()));
    }
}
