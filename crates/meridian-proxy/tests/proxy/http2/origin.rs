//! An origin that speaks HTTP/2 by prior knowledge and does as it is told.

use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use http::{HeaderMap, Method, Request, Response, Uri};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

/// A request as the origin saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Number of the connection, from 0.
    pub(crate) connection: usize,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
}

/// What the origin does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// A response, with a body unless that is empty, and trailers.
    Answer { status: u16, headers: HeaderMap, body: Vec<u8>, trailers: Option<Box<HeaderMap>> },
    /// Resets the stream.
    Reset(Reason),
    /// Sends a head, then resets the stream.
    AnswerAndReset(Reason),
    /// Does nothing until the stream is reset.
    Wait,
    /// Answers, and takes no more streams on this connection.
    AnswerAndGoAway,
}

impl Deed {
    pub(crate) fn ok(body: &str) -> Self {
        Self::Answer { status: 200, headers: HeaderMap::new(), body: body.into(), trailers: None }
    }
}

type Script = Arc<dyn Fn(&Seen) -> Deed + Send + Sync>;

/// A running origin; it ends with the test's process.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Why streams were reset by who asked.
    resets: Arc<Mutex<Vec<Reason>>>,
}

impl Origin {
    pub(crate) fn start(script: impl Fn(&Seen) -> Deed + Send + Sync + 'static) -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("bound");
        let (seen, resets) = (Arc::default(), Arc::default());
        let origin = Self { address, seen: Arc::clone(&seen), resets: Arc::clone(&resets) };
        let script: Script = Arc::new(script);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
                let mut number = 0;
                while let Ok((io, _)) = listener.accept().await {
                    let at = (number, script.clone(), seen.clone(), resets.clone());
                    tokio::spawn(serve(io, at));
                    number += 1;
                }
            });
        });
        origin
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }

    /// Waits until a stream was reset, and says why.
    pub(crate) fn await_reset(&self) -> Reason {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        loop {
            if let Some(reason) = self.resets.lock().expect("no panic").first() {
                return *reason;
            }
            assert!(std::time::Instant::now() < until, "no stream was reset");
            std::thread::yield_now();
        }
    }
}

type At = (usize, Script, Arc<Mutex<Vec<Seen>>>, Arc<Mutex<Vec<Reason>>>);

async fn serve(io: tokio::net::TcpStream, (connection, script, seen, resets): At) {
    let Ok(mut server) = h2::server::handshake(io).await else { return };
    while let Some(Ok((request, respond))) = server.accept().await {
        // The connection moves the body's frames meanwhile.
        let request = tokio::select! {
            request = receive(request, connection) => request,
            _ = std::future::poll_fn(|cx| server.poll_closed(cx)) => return,
        };
        let deed = script(&request);
        seen.lock().expect("no panic").push(request);
        if matches!(deed, Deed::AnswerAndGoAway) {
            server.graceful_shutdown();
        }
        let resets = resets.clone();
        tokio::spawn(answer(respond, deed, resets));
    }
}

async fn receive(request: Request<h2::RecvStream>, connection: usize) -> Seen {
    let (parts, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(Ok(data)) = stream.data().await {
        let _ = stream.flow_control().release_capacity(data.len());
        body.extend_from_slice(&data);
    }
    let trailers = stream.trailers().await.ok().flatten();
    Seen { connection, method: parts.method, uri: parts.uri, headers: parts.headers, body, trailers }
}

async fn answer(mut respond: SendResponse<Bytes>, deed: Deed, resets: Arc<Mutex<Vec<Reason>>>) {
    match deed {
        Deed::Reset(reason) => respond.send_reset(reason),
        Deed::AnswerAndReset(reason) => {
            let mut stream = respond.send_response(Response::new(()), false).expect("a head");
            // As much as there is a window for: that it opens again tells that the beginning has arrived.
            stream.send_data(vec![b'x'; 70_000].into(), false).expect("data");
            std::future::poll_fn(|cx| {
                stream.reserve_capacity(1);
                while stream.capacity() == 0 {
                    std::task::ready!(stream.poll_capacity(cx));
                }
                std::task::Poll::Ready(())
            })
            .await;
            stream.send_reset(reason);
        }
        Deed::Wait => {
            if let Ok(reason) = std::future::poll_fn(|cx| respond.poll_reset(cx)).await {
                resets.lock().expect("no panic").push(reason);
            }
        }
        Deed::AnswerAndGoAway => send(respond, 200, HeaderMap::new(), b"bye".to_vec(), None),
        Deed::Answer { status, headers, body, trailers } => {
            send(respond, status, headers, body, trailers.map(|trailers| *trailers))
        }
    }
}

fn send(mut respond: SendResponse<Bytes>, status: u16, headers: HeaderMap, body: Vec<u8>, trailers: Option<HeaderMap>) {
    let mut response = Response::builder().status(status).body(()).expect("a response");
    *response.headers_mut() = headers;
    let has_ended = body.is_empty() && trailers.is_none();
    // Who asked may be gone.
    let Ok(mut stream) = respond.send_response(response, has_ended) else { return };
    if !has_ended {
        let _ = stream.send_data(body.into(), trailers.is_none());
        if let Some(trailers) = trailers {
            let _ = stream.send_trailers(trailers);
        }
    }
}
