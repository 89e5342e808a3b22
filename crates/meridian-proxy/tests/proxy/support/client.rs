//! A client that says exactly what it is given and reports exactly what it got.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long something may take that must happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

/// A response.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// The body came to its end as the head announced it.
    pub(crate) is_complete: bool,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.get(9..12).and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).expect("the listener takes connections"))
    }

    /// A client on a connection that was made elsewhere.
    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the connection takes bytes");
    }

    /// `GET path` of `h.test`, and the answer.
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: h.test\r\n\r\n"));
        self.answer()
    }

    /// The next response.
    pub(crate) fn answer(&mut self) -> Answer {
        self.answer_to("GET")
    }

    pub(crate) fn answer_to(&mut self, method: &str) -> Answer {
        let head = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let rest = self.buffer.split_off(end + 4);
                let head = std::mem::replace(&mut self.buffer, rest);
                break String::from_utf8_lossy(&head[..end]).into_owned();
            }
            assert!(self.read(), "the connection ended before a head: {:?}", String::from_utf8_lossy(&self.buffer));
        };
        let mut answer = Answer { head, body: Vec::new(), is_complete: true };
        let status = answer.status();
        if method == "HEAD" || status < 200 || status == 204 || status == 304 {
            return answer;
        }
        if let Some(length) = answer.header("content-length").map(|length| length.parse().expect("a number")) {
            while self.buffer.len() < length && answer.is_complete {
                answer.is_complete = self.read();
            }
            let rest = self.buffer.split_off(length.min(self.buffer.len()));
            answer.body = std::mem::replace(&mut self.buffer, rest);
        } else if answer.header("transfer-encoding").is_some() {
            answer.is_complete = self.chunks(&mut answer.body);
        } else {
            while self.read() {}
            answer.body = std::mem::take(&mut self.buffer);
        }
        answer
    }

    /// Whether the last chunk came.
    fn chunks(&mut self, body: &mut Vec<u8>) -> bool {
        loop {
            let end = loop {
                match find(&self.buffer, b"\r\n") {
                    Some(end) => break end,
                    None if self.read() => {}
                    None => return false,
                }
            };
            let size = std::str::from_utf8(&self.buffer[..end]).expect("ASCII");
            let size = usize::from_str_radix(size, 16).expect("a chunk size");
            while self.buffer.len() < end + 2 + size + 2 {
                if !self.read() {
                    return false;
                }
            }
            body.extend_from_slice(&self.buffer[end + 2..end + 2 + size]);
            self.buffer.drain(..end + 2 + size + 2);
            if size == 0 {
                return true;
            }
        }
    }

    /// At least `len` bytes.
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        while self.buffer.len() < len {
            assert!(self.read(), "the connection ended after {:?}", String::from_utf8_lossy(&self.buffer));
        }
        let rest = self.buffer.split_off(len);
        std::mem::replace(&mut self.buffer, rest)
    }

    /// Whether the other side has closed, having sent nothing more.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.read()
    }

    /// Reads once; false at the end, however it came.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 65536];
        match self.stream.read(&mut bytes) {
            Ok(0) => false,
            Ok(len) => {
                self.buffer.extend_from_slice(&bytes[..len]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing came for {PATIENCE:?}: {error}"),
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
