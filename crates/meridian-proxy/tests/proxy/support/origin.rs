//! An origin that does as it is told, on plain threads.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
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
    /// Waits until the flag is set.
    Until(Arc<AtomicBool>),
    /// Closes in order.
    Close,
    /// Resets the connection (RST).
    Reset,
    /// Reads until the other side closes, and tells `Origin::closed`.
    AwaitClose,
    /// Sends everything back that comes, until it ends.
    Echo,
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
    seen: Arc<Mutex<Vec<Seen>>>,
    closed: Arc<AtomicUsize>,
}

impl Origin {
    /// Answers each request with the steps that `script` says.
    pub(crate) fn start(script: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (seen, closed) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::<AtomicUsize>::default());
        let script: Arc<Script> = Arc::new(script);
        let (all, ends) = (seen.clone(), closed.clone());
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().flatten().enumerate() {
                let (script, seen, closed) = (script.clone(), all.clone(), ends.clone());
                std::thread::spawn(move || {
                    // The proxy may end a connection whenever it likes.
                    let _ = serve(stream, connection, &*script, &seen, &closed);
                });
            }
        });
        Self { address, seen, closed }
    }

    /// An origin that answers everything with 200 and `ok`.
    pub(crate) fn ok() -> Self {
        Self::start(|_| response("200 OK", "ok"))
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no test panics in an origin").clone()
    }

    /// Connections whose other side has closed, as [`Step::AwaitClose`] found.
    pub(crate) fn closed(&self) -> usize {
        self.closed.load(Ordering::SeqCst)
    }
}

fn serve(
    mut stream: TcpStream,
    connection: usize,
    script: &Script,
    seen: &Mutex<Vec<Seen>>,
    closed: &AtomicUsize,
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
        seen.lock().expect("no test panics in an origin").push(request.clone());
        for step in script(&request) {
            match step {
                Step::Send(bytes) => stream.write_all(&bytes)?,
                Step::Sleep(time) => std::thread::sleep(time),
                Step::Until(flag) => {
                    while !flag.load(Ordering::SeqCst) {
                        std::thread::yield_now();
                    }
                }
                Step::Close => return stream.shutdown(std::net::Shutdown::Both),
                Step::Reset => {
                    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
                    return Ok(());
                }
                Step::AwaitClose => {
                    let mut rest = Vec::new();
                    let _ = stream.read_to_end(&mut rest);
                    closed.fetch_add(1, Ordering::SeqCst);
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
