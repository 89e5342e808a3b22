//! Passes connections on and counts what comes back.

use anyhow::Context;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// It runs until it is dropped.
pub(super) struct Relay {
    address: SocketAddr,
    received: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Relay {
    /// Passes connections to `address` on to `target`.
    ///
    /// # Errors
    /// The address is not free.
    pub(super) fn start(address: SocketAddr, target: SocketAddr) -> anyhow::Result<Relay> {
        let listener = TcpListener::bind(address).with_context(|| address.to_string())?;
        let (received, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counter, end) = (received.clone(), is_over.clone());
        let accept = move || {
            for client in listener.incoming().flatten() {
                if end.load(Ordering::Acquire) {
                    return;
                }
                // A connection that cannot be passed on ends, and its client tries again.
                let _ = pass(&client, target, &counter);
            }
        };
        let accepting = Some(std::thread::spawn(accept));
        Ok(Relay { address, received, is_over, accepting })
    }

    /// Bytes that `target` has sent so far.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Acquire)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        // Wakes it, so that its address is free for the next one.
        let woken = TcpStream::connect(self.address).is_ok();
        if let Some(accepting) = self.accepting.take().filter(|_| woken) {
            let _ = accepting.join();
        }
    }
}

fn pass(client: &TcpStream, target: SocketAddr, received: &Arc<AtomicU64>) -> io::Result<()> {
    let server = TcpStream::connect(target)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (up, down) = ((client.try_clone()?, server.try_clone()?), (server, client.try_clone()?));
    std::thread::spawn(move || copy(&up.0, &up.1, &AtomicU64::new(0)));
    let received = received.clone();
    std::thread::spawn(move || copy(&down.0, &down.1, &received));
    Ok(())
}

/// Copies until one side ends, and ends the other.
fn copy(mut from: &TcpStream, mut to: &TcpStream, count: &AtomicU64) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        count.fetch_add(length as u64, Ordering::AcqRel);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // Whoever has ended already does not care.
    let _ = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
}
