//! An echo backend in the manner of httpbin: what the examples route to and what the scenarios observe traffic with.
//!
//! It speaks HTTP/1.1 with keep-alive and answers
//!
//! | path | answer |
//! |---|---|
//! | `/status/N` | status N (200 to 599); 418 brings a teapot |
//! | `/delay/N` | the echo, after N seconds (fractions allowed, at most 10) |
//! | `/headers` | the request's headers |
//! | `/get` | arguments, headers, origin and URL |
//! | `/anything/...` | the same for every method, with the body as text, JSON and form |
//! | `/bytes/N` | N bytes |
//! | `/stream/N` | N lines of JSON in chunks (at most 100) |
//! | `/_requests` | the latest request lines that it has seen, oldest first |

mod answer;
mod echo;
mod payload;
mod seen;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::answer::Received;
use self::payload::Payload;
use self::seen::Seen;

/// The largest request body that is echoed; a larger one is answered 413.
const BODY_LIMIT: usize = 10 * 1024 * 1024;
/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a stop waits for answers under way: the longest `/delay` and a little more.
const STOP_TIMEOUT: Duration = Duration::from_secs(11);
/// The pause after `accept` fails for want of descriptors or memory, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Arguments of `meridian httpbin`.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct HttpbinArgs {
    /// Address and port to listen on; port 0 takes a free one and prints it.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8000")]
    pub(crate) listen: SocketAddr,
}

/// Binds `args.listen`, says so on standard error, and serves until the process is told to end.
///
/// # Errors
/// When the address cannot be bound; the message names it.
pub(crate) async fn run(args: HttpbinArgs) -> anyhow::Result<()> {
    let listener = TcpListener::bind(args.listen).await;
    let listener =
        listener.with_context(|| format!("httpbin cannot listen on {}; choose another with --listen", args.listen))?;
    eprintln!("httpbin listens on http://{}", listener.local_addr()?);
    // There is nothing to save: the signal's own effect is the right one.
    serve(listener, pending::<()>()).await?;
    Ok(())
}

/// Serves `listener` until `shutdown` completes, then lets the answers under way finish (for at most 11 seconds).
///
/// A connection that fails hurts nobody else, and neither does an `accept` that fails.
///
/// # Errors
/// When the listener's own address cannot be read.
pub(crate) async fn serve(listener: TcpListener, shutdown: impl Future) -> io::Result<()> {
    listener.local_addr()?;
    let seen = Arc::new(Seen::default());
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            _ = &mut shutdown => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer.ip(), Arc::clone(&seen), stopping.clone()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    stop.send_replace(true);
    let finished = async { while connections.join_next().await.is_some() {} };
    // Whoever is still there after the time is closed when the set is dropped.
    let _ = tokio::time::timeout(STOP_TIMEOUT, finished).await;
    Ok(())
}

/// One connection, until the client leaves or `stopping` turns true.
async fn connection(stream: TcpStream, peer: IpAddr, seen: Arc<Seen>, mut stopping: watch::Receiver<bool>) {
    // Small answers must not wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| exchange(request, peer, Arc::clone(&seen)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // An error is the client's: it went away or did not speak HTTP/1.1, and hyper has answered 400 where that helps.
    tokio::select! {
        _ = &mut connection => return,
        _ = stopping.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// One request: read it whole, decide, wait where the answer is to be late.
async fn exchange(request: Request<Incoming>, peer: IpAddr, seen: Arc<Seen>) -> Result<Response<Payload>, Infallible> {
    let (head, body) = request.into_parts();
    let line = format!("{} {} {:?}", head.method, head.uri, head.version);
    let Some(body) = read_body(body, answer::echoes_body(head.uri.path())).await else {
        return Ok(answer::body_too_large(BODY_LIMIT));
    };
    let answer = answer::answer(&Received { head: &head, body: &body, peer, seen: &seen });
    if head.uri.path() != answer::REQUESTS {
        seen.add(line);
    }
    if !answer.wait.is_zero() {
        tokio::time::sleep(answer.wait).await;
    }
    Ok(answer.response)
}

/// Reads the body to its end, so that the connection can be used again, and returns it where it is wanted.
/// `None` when it is wanted and too large. A body that breaks off is returned as far as it came.
async fn read_body(body: Incoming, wanted: bool) -> Option<Bytes> {
    if wanted {
        if body.size_hint().lower() > BODY_LIMIT as u64 {
            return None;
        }
        return match Limited::new(body, BODY_LIMIT).collect().await {
            Ok(collected) => Some(collected.to_bytes()),
            Err(e) if e.is::<http_body_util::LengthLimitError>() => None,
            Err(_) => Some(Bytes::new()),
        };
    }
    let mut body = body;
    while let Some(Ok(_)) = body.frame().await {}
    Some(Bytes::new())
}
