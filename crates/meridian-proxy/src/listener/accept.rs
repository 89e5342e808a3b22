//! Accepting connections.

use super::{WorkerListener, connection};
use crate::worker::Worker;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long accepting pauses when the process has no descriptors or memory for another connection. Those that wait are
/// in the kernel's queue meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts until the listener drains; what is in the kernel's queue then is still served.
pub(super) async fn accept(worker: Rc<Worker>, listener: Rc<WorkerListener>, socket: TcpListener) {
    let socket = match tokio::net::TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(%error, "a listening socket cannot be watched; this worker accepts nothing from it");
            return;
        }
    };
    while !listener.is_draining() {
        tokio::select! {
            biased;
            accepted = socket.accept() => match accepted {
                Ok((stream, peer)) => {
                    tokio::task::spawn_local(connection::serve(worker.clone(), listener.clone(), stream, peer));
                }
                Err(error) => pause(&error).await,
            },
            () = listener.stop_accepting.notified() => break,
        }
    }
    while let Some((stream, peer)) = next(&socket).await {
        tokio::task::spawn_local(connection::serve(worker.clone(), listener.clone(), stream, peer));
    }
}

/// The next connection that is in the queue already.
async fn next(socket: &tokio::net::TcpListener) -> Option<(TcpStream, std::net::SocketAddr)> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match socket.poll_accept(cx) {
            std::task::Poll::Ready(Ok(accepted)) => Some(accepted),
            _ => None,
        })
    })
    .await
}

/// A connection that was gone before it was accepted concerns nobody; anything else is a shortage.
async fn pause(error: &io::Error) {
    match error.kind() {
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted => {}
        _ => {
            tracing::warn!(%error, "cannot accept connections; trying again in {PAUSE:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }
}
