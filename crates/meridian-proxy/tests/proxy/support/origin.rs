//! An origin that does as it is told, on plain threads.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A request as an origin saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Number of the connection, from 0.
    pub(crate) connection: usize,
    /// The head as it came, without its empty line.
    pub(crate) head: String,
    /// The body, decoded.
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&prefix))
    }

    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
}

/// What an origin does next.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    Sleep(Duration),
    /// Waits until the gate is opened.
    Until(Gate),
    /// Closes in order.
    Close,
    /// Resets the connection (RST).
    Reset,
    /// Reads until the other side closes, and tells `Origin::closed`.
    AwaitClose,
    /// Sends everything back that comes, until it ends.
    Echo,
}

/// Holds origins back until it is opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.0.lock().expect("no test panics at a gate") = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let open = self.0.0.lock().expect("no test panics at a gate");
        drop(self.0.1.wait_while(open, |open| !*open).expect("no test panics at a gate"));
    }
}

pub(crate) fn send(bytes: impl AsRef<[u8]>) -> Vec<Step> {
    vec![Step::Send(bytes.as_ref().to_vec())]
}

/// A response with this status and body.
pub(crate) fn response(status: &str, body: &str) -> Vec<Step> {
    send(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

type Script = dyn Fn(&Seen) -> Vec<Step> + Send + Sync;

/// A running origin.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    events: Arc<(Mutex<Events>, Condvar)>,
}

#[derive(Default)]
struct Events {
    seen: Vec<Seen>,
    closed: usize,
}

/// How long something may take that must happen.
const PATIENCE: Duration = Duration::from_secs(10);

impl Origin {
    /// Answers each request with the steps that `script` says.
    pub(crate) fn start(script: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), script)
    }

    /// The same at another address than one of loopback.
    pub(crate) fn start_at(address: SocketAddr, script: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let events = Arc::<(Mutex<Events>, Condvar)>::default();
        let script: Arc<Script> = Arc::new(script);
        let all = events.clone();
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().flatten().enumerate() {
                let (script, events) = (script.clone(), all.clone());
                std::thread::spawn(move || {
                    // The proxy may end a connection whenever it likes.
                    let _ = serve(stream, connection, &*script, &events);
                });
            }
        });
        Self { address, events }
    }

    /// An origin that answers everything with 200 and `ok`.
    pub(crate) fn ok() -> Self {
        Self::start(|_| response("200 OK", "ok"))
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.events.0.lock().expect("no test panics in an origin").seen.clone()
    }

    /// Waits for this many requests.
    pub(crate) fn await_seen(&self, count: usize) {
        self.wait(|events| events.seen.len() >= count);
    }

    /// Waits until this many connections are closed by [`Step::Close`], or as [`Step::AwaitClose`] finds.
    pub(crate) fn await_closed(&self, count: usize) {
        self.wait(|events| events.closed >= count);
    }

    fn wait(&self, happened: impl Fn(&Events) -> bool) {
        let events = self.events.0.lock().expect("no test panics in an origin");
        let (_events, result) = self
            .events
            .1
            .wait_timeout_while(events, PATIENCE, |events| !happened(events))
            .expect("no test panics in an origin");
        assert!(!result.timed_out(), "it did not happen within {PATIENCE:?}");
    }
}

fn serve(
    mut stream: TcpStream,
    connection: usize,
    script: &Script,
    events: &(Mutex<Events>, Condvar),
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = find(&buffer, b"\r\n\r\n") {
                let rest = buffer.split_off(end + 4);
                let head = std::mem::replace(&mut buffer, rest);
                break String::from_utf8_lossy(&head[..end]).into_owned();
            }
            read(&mut stream, &mut buffer)?;
        };
        let mut request = Seen { connection, head, body: Vec::new() };
        if request.header("expect").is_some() {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let is_early = request.path().contains("early");
        if !is_early {
            read_body(&mut stream, &mut buffer, &mut request)?;
        }
        events.0.lock().expect("no test panics in an origin").seen.push(request.clone());
        events.1.notify_all();
        for step in script(&request) {
            match step {
                Step::Send(bytes) => stream.write_all(&bytes)?,
                Step::Sleep(time) => std::thread::sleep(time),
                Step::Until(gate) => gate.wait(),
                Step::Close => {
                    stream.shutdown(std::net::Shutdown::Both)?;
                    closed(events);
                    return Ok(());
                }
                Step::Reset => {
                    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
                    return Ok(());
                }
                Step::AwaitClose => {
                    let mut rest = Vec::new();
                    let _ = stream.read_to_end(&mut rest);
                    closed(events);
                    return Ok(());
                }
                Step::Echo => {
                    stream.write_all(&buffer)?;
                    let mut bytes = [0; 4096];
                    loop {
                        let len = stream.read(&mut bytes)?;
                        if len == 0 {
                            return Ok(());
                        }
                        stream.write_all(&bytes[..len])?;
                    }
                }
            }
        }
    }
}

fn closed(events: &(Mutex<Events>, Condvar)) {
    events.0.lock().expect("no test panics in an origin").closed += 1;
    events.1.notify_all();
}

fn read_body(stream: &mut TcpStream, buffer: &mut Vec<u8>, request: &mut Seen) -> std::io::Result<()> {
    if let Some(length) = request.header("content-length") {
        let length: usize = length.parse().expect("a proxy sends valid lengths");
        while buffer.len() < length {
            read(stream, buffer)?;
        }
        let rest = buffer.split_off(length);
        request.body = std::mem::replace(buffer, rest);
    } else if request.header("transfer-encoding").is_some() {
        loop {
            let end = loop {
                match find(buffer, b"\r\n") {
                    Some(end) => break end,
                    None => read(stream, buffer)?,
                }
            };
            let size = std::str::from_utf8(&buffer[..end]).expect("ASCII");
            let size = usize::from_str_radix(size, 16).expect("a proxy sends plain chunk sizes");
            while buffer.len() < end + 2 + size + 2 {
                read(stream, buffer)?;
            }
            request.body.extend_from_slice(&buffer[end + 2..end + 2 + size]);
            buffer.drain(..end + 2 + size + 2);
            if size == 0 {
                break;
            }
        }
    }
    Ok(())
}

fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<()> {
    let mut bytes = [0; 65536];
    match stream.read(&mut bytes)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        len => {
            buffer.extend_from_slice(&bytes[..len]);
            Ok(())
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
