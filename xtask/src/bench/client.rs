//! A small HTTP/1.1 client over one connection that stays open; for benchmarks, where every microsecond of the client's
//! own counts.

use anyhow::{Context, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// What a connection runs over: TCP, or TLS.
pub(crate) trait Transport: Read + Write + Send {}

impl<T: Read + Write + Send> Transport for T {}

/// One connection.
pub(crate) struct Client {
    stream: BufReader<Box<dyn Transport>>,
}

/// One answer.
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    /// Whether the server ends the connection after it.
    pub(crate) last: bool,
    body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    /// Connects; every later read waits at most `patience`.
    ///
    /// # Errors
    /// Nothing listens there.
    pub(crate) fn connect(address: SocketAddr, patience: Duration) -> anyhow::Result<Client> {
        let stream = TcpStream::connect(address).with_context(|| address.to_string())?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        Ok(Client::over(stream))
    }

    /// A connection that stands.
    pub(crate) fn over(transport: impl Transport + 'static) -> Client {
        Client { stream: BufReader::new(Box::new(transport)) }
    }

    /// Connects as soon as something listens there.
    ///
    /// # Errors
    /// Nothing listens there within `patience`.
    pub(crate) fn connect_when_open(address: SocketAddr, patience: Duration) -> anyhow::Result<Client> {
        let start = Instant::now();
        loop {
            match Client::connect(address, patience) {
                Ok(client) => return Ok(client),
                Err(error) if start.elapsed() > patience => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// A request with a JSON body, or without one.
    ///
    /// # Errors
    /// The connection ends, or the answer is not HTTP/1.1.
    pub(crate) fn call(&mut self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: api\r\naccept: application/json\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.exchange(&(head + &body))
    }

    /// A GET for `host`.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub(crate) fn get(&mut self, host: &str, path: &str) -> anyhow::Result<Answer> {
        self.exchange(&format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n"))
    }

    fn exchange(&mut self, request: &str) -> anyhow::Result<Answer> {
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            bail!("the connection ended before an answer");
        }
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).with_context(|| line.clone())?;
        let (mut length, mut last, mut chunked) = (0, false, false);
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let field = line.trim_end().to_ascii_lowercase();
            if field.is_empty() {
                break;
            }
            if let Some(value) = field.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            last |= field == "connection: close";
            chunked |= field == "transfer-encoding: chunked";
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        if chunked {
            self.chunks(&mut body)?;
        }
        Ok(Answer { status, last, body })
    }

    /// A body in chunks, without trailers.
    fn chunks(&mut self, body: &mut Vec<u8>) -> anyhow::Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let size =
                usize::from_str_radix(line.trim_end(), 16).with_context(|| format!("a chunk of size {line:?}"))?;
            let before = body.len();
            body.resize(before + size, 0);
            self.stream.read_exact(&mut body[before..])?;
            let mut end = [0; 2];
            self.stream.read_exact(&mut end)?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}
