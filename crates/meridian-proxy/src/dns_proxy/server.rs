//! The sockets of the DNS proxy.

use super::forward::{read_message, write_message};
use super::{DnsOptions, NameServers, Reply, reply};
use crate::control::{ProxyError, Shared};
use hickory_resolver::proto::op::{Message, ResponseCode};
use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, UdpSocket as StdSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::oneshot;
use tokio::task::LocalSet;

/// Questions that may wait for name servers at one time; more are refused (SERVFAIL), so that a silent name server
/// costs no more than this.
const MOST_WAITING: usize = 1024;
/// Connections of clients at one time; more are closed.
const MOST_CONNECTIONS: usize = 256;
/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(10);

/// The running DNS proxy; it ends when this is dropped.
#[derive(Debug)]
pub struct DnsProxy {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl DnsProxy {
    /// Opens the sockets and starts a thread that answers from the configuration of the moment.
    ///
    /// # Errors
    /// The address is not free, or the thread cannot be had.
    pub fn start(options: &DnsOptions, shared: Arc<Shared>) -> Result<Self, ProxyError> {
        let failed = |reason| ProxyError::Endpoint { purpose: "dns", address: options.listen, reason };
        let tcp = StdListener::bind(options.listen).map_err(failed)?;
        let address = tcp.local_addr().map_err(failed)?;
        let udp = StdSocket::bind(address).map_err(failed)?;
        tcp.set_nonblocking(true).and_then(|()| udp.set_nonblocking(true)).map_err(failed)?;
        let _set_once = shared.dns.set(address);
        let (stop, stopped) = oneshot::channel();
        let options = options.clone();
        let thread = std::thread::Builder::new()
            .name("dns-proxy".to_owned())
            .spawn(move || {
                let result = run(Answering::new(options, shared, address), udp, tcp, stopped);
                if let Err(error) = result {
                    tracing::error!("the DNS proxy has ended: {error}");
                }
            })
            .map_err(|reason| ProxyError::Thread { thread: "dns-proxy".to_owned(), reason })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for DnsProxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic has been reported by the thread itself.
            let _ = thread.join();
        }
    }
}

/// What answering needs.
struct Answering {
    options: DnsOptions,
    shared: Arc<Shared>,
    name_servers: NameServers,
    address: SocketAddr,
    waiting: Cell<usize>,
    connections: Cell<usize>,
}

impl Answering {
    fn new(options: DnsOptions, shared: Arc<Shared>, address: SocketAddr) -> Self {
        let name_servers = match &options.name_servers {
            Some(given) => NameServers::given(given.clone()),
            None => NameServers::of_file("/etc/resolv.conf"),
        };
        Self { options, shared, name_servers, address, waiting: Cell::new(0), connections: Cell::new(0) }
    }

    /// The answer, when there is to be one.
    async fn answer(&self, question: &[u8], is_udp: bool) -> Option<Vec<u8>> {
        let own = {
            let config = self.shared.config.load();
            reply(question, &config.names, self.options.search.as_ref(), is_udp)
        };
        match own {
            Reply::Own(answer) => Some(answer),
            Reply::None => None,
            Reply::Forward => {
                let _place = match Place::take(&self.waiting, MOST_WAITING) {
                    Some(place) => place,
                    None => return failed(question),
                };
                match self.name_servers.ask(question, self.address, is_udp).await {
                    Ok(answer) => Some(answer),
                    Err(error) => {
                        tracing::debug!("a question for a name of others has no answer: {error}");
                        failed(question)
                    }
                }
            }
        }
    }
}

/// One of a bounded number of things at one time.
struct Place<'c>(&'c Cell<usize>);

impl<'c> Place<'c> {
    fn take(taken: &'c Cell<usize>, most: usize) -> Option<Self> {
        if taken.get() >= most {
            return None;
        }
        taken.set(taken.get() + 1);
        Some(Self(taken))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// `SERVFAIL`
fn failed(question: &[u8]) -> Option<Vec<u8>> {
    let message = Message::from_vec(question).ok()?;
    let mut answer = Message::error_msg(message.metadata.id, message.metadata.op_code, ResponseCode::ServFail);
    answer.metadata.recursion_desired = message.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.add_queries(message.queries);
    answer.to_vec().ok()
}

fn run(answering: Answering, udp: StdSocket, tcp: StdListener, stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answering = Rc::new(answering);
    LocalSet::new().block_on(&runtime, async move {
        let udp = Rc::new(UdpSocket::from_std(udp)?);
        let tcp = TcpListener::from_std(tcp)?;
        tokio::select! {
            () = datagrams(&answering, &udp) => {}
            () = connections(&answering, &tcp) => {}
            // Told, or the proxy is gone.
            _ = stopped => {}
        }
        Ok(())
    })
}

async fn datagrams(answering: &Rc<Answering>, socket: &Rc<UdpSocket>) {
    let mut buffer = [0; 4096];
    loop {
        // What the last answer could not be delivered to is told here, and concerns nobody else.
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else { continue };
        let (answering, socket, question) = (answering.clone(), socket.clone(), buffer[..length].to_vec());
        tokio::task::spawn_local(async move {
            if let Some(answer) = answering.answer(&question, true).await
                && let Err(error) = socket.send_to(&answer, client).await
            {
                tracing::debug!("an answer for {client} is lost: {error}");
            }
        });
    }
}

async fn connections(answering: &Rc<Answering>, listener: &TcpListener) {
    loop {
        let (stream, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("a DNS client cannot be accepted: {error}");
                // Out of descriptors, as a rule: trying at once again would only burn time.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let answering = answering.clone();
        tokio::task::spawn_local(async move {
            let Some(_place) = Place::take(&answering.connections, MOST_CONNECTIONS) else { return };
            if let Err(error) = connection(&answering, stream).await {
                tracing::trace!("DNS over TCP with {client} has ended: {error}");
            }
        });
    }
}

/// Questions of one connection, one after the other.
async fn connection(answering: &Answering, mut stream: TcpStream) -> io::Result<()> {
    loop {
        let question = tokio::time::timeout(IDLE, read_message(&mut stream)).await??;
        match answering.answer(&question, false).await {
            Some(answer) => write_message(&mut stream, &answer).await?,
            None => return Ok(()),
        }
    }
}
