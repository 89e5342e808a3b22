//! Taking a PROXY protocol header off a connection's beginning.

use super::InspectError;
use super::peek::peek_until;
use crate::proxy_protocol::{Addresses, Header, parse};
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;

/// Waits for the header for at most `timeout`, and takes it, and nothing behind it, out of `stream`. What it tells;
/// `None` for connections of the balancer itself.
///
/// # Errors
/// See [`InspectError`]; the connection is of no more use.
pub(crate) async fn receive(stream: &TcpStream, timeout: Duration) -> Result<Option<Addresses>, InspectError> {
    let header = match tokio::time::timeout(timeout, peek_until(stream, |bytes| parse(bytes).transpose())).await {
        Ok(header) => header??,
        Err(_) => return Err(InspectError::TimedOut(timeout)),
    };
    consume(stream, &header).await?;
    Ok(header.addresses)
}

/// All of the header was seen already.
async fn consume(stream: &TcpStream, header: &Header) -> io::Result<()> {
    let mut left = header.len;
    let mut bytes = [0; 256];
    while left > 0 {
        stream.readable().await?;
        let len = left.min(bytes.len());
        match stream.try_read(&mut bytes[..len]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => left -= read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
