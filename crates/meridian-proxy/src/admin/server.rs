//! Sockets and HTTP of the proxy's own endpoints.

use super::Context;
use super::page::{self, Page, Query};
use crate::control::ProxyError;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, SERVER, X_CONTENT_TYPE_OPTIONS};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

type Answer = fn(&Context, &str, &str, &Query) -> Page;

/// Where the endpoints listen; `None`: nowhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Views {
    /// Envoy's admin interface.
    pub admin: Option<SocketAddr>,
    /// `/healthz/ready`
    pub readiness: Option<SocketAddr>,
    /// `/stats/prometheus`
    pub metrics: Option<SocketAddr>,
}

/// The running endpoints; they close when this is dropped.
#[derive(Debug)]
pub struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Opens the endpoints that `context`'s options ask for.
    ///
    /// # Errors
    /// An address is not free, or the thread cannot be had.
    pub fn start(context: Context) -> Result<Self, ProxyError> {
        let options = &context.shared.options;
        let asked: [(&'static str, Option<SocketAddr>, Answer); 3] = [
            ("admin", options.admin, page::admin),
            ("readiness", options.readiness, page::readiness),
            ("metrics", options.metrics, page::metrics),
        ];
        let mut sockets = Vec::new();
        let mut bound = [None; 3];
        for (position, (purpose, address, answer)) in asked.into_iter().enumerate() {
            let Some(address) = address else { continue };
            let socket = listen(address).map_err(|reason| ProxyError::Endpoint { purpose, address, reason })?;
            bound[position] = Some(socket.local_addr().unwrap_or(address));
            sockets.push((socket, answer));
        }
        let [admin, readiness, metrics] = bound;
        let addresses = Views { admin, readiness, metrics };
        let _set_once = context.shared.endpoints.set(addresses);
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("admin".to_owned())
            .spawn(move || run(context, sockets, stopped))
            .map_err(|reason| ProxyError::Thread { thread: "admin".to_owned(), reason })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the admin thread panicked");
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpListener::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn run(context: Context, sockets: Vec<(TcpListener, Answer)>, stopped: oneshot::Receiver<()>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("the admin, readiness and metrics endpoints are not served: {error}");
            return;
        }
    };
    let context = Rc::new(context);
    let tasks = tokio::task::LocalSet::new();
    for (socket, answer) in sockets {
        tasks.spawn_local(accept(context.clone(), socket, answer));
    }
    // The sender never sends: the end of waiting is its end.
    let _ = tasks.block_on(&runtime, stopped);
}

async fn accept(context: Rc<Context>, socket: TcpListener, answer: Answer) {
    let socket = match tokio::net::TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!("an endpoint of the proxy itself is not served: {error}");
            return;
        }
    };
    loop {
        let Ok((stream, _)) = socket.accept().await else {
            // Out of descriptors: those that wait are served when some are free again.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let context = context.clone();
        tokio::task::spawn_local(async move {
            let service = service_fn(|request| {
                let response = respond(&context, &request, answer);
                async move { Ok::<_, Infallible>(response) }
            });
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(30))
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::debug!("a connection to the proxy's own endpoints ended early: {error}");
            }
        });
    }
}

fn respond(context: &Context, request: &Request<Incoming>, answer: Answer) -> Response<Full<Bytes>> {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let page = answer(context, request.method().as_str(), request.uri().path(), &query);
    let mut response = Response::new(Full::new(Bytes::from(page.body)));
    *response.status_mut() = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(page.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, max-age=0"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(SERVER, HeaderValue::from_static("meridian"));
    response
}
