//! A server that answers everything with one status.

use anyhow::Context;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Listens at these addresses from now on, until the benchmark ends.
///
/// # Errors
/// One is not free.
pub(super) fn start(addresses: [SocketAddr; 2], status: u16) -> anyhow::Result<()> {
    for address in addresses {
        let listener = TcpListener::bind(address).with_context(|| address.to_string())?;
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A thread for each connection, which ends with it.
                std::thread::spawn(move || serve(&stream, status));
            }
        });
    }
    Ok(())
}

/// Answers one request after another; they have no bodies.
fn serve(stream: &TcpStream, status: u16) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let answer = format!("HTTP/1.1 {status} Is So\r\ncontent-length: 0\r\n\r\n");
    let (mut lines, mut line, mut stream) = (BufReader::new(stream), Vec::new(), stream);
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line == b"\r\n" {
            stream.write_all(answer.as_bytes())?;
        }
    }
}
