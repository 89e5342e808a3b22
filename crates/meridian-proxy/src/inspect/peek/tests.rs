use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const PATIENCE: Option<Duration> = Some(Duration::from_secs(10));
const TLS: Inspectors = Inspectors { tls: true, http: false };
const BOTH: Inspectors = Inspectors { tls: true, http: true };

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    client.set_nodelay(true).unwrap();
    (client, listener.accept().await.unwrap().0)
}

/// A ClientHello for `a.example.com`, from a TLS 1.2 client of few words.
fn hello() -> Vec<u8> {
    let name = b"a.example.com";
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xC0, 0x2F, 1, 0]);
    body.extend([0, name.len() as u8 + 9, 0, 0, 0, name.len() as u8 + 5, 0, name.len() as u8 + 3, 0, 0]);
    body.push(name.len() as u8);
    body.extend(name);
    let mut bytes = vec![22, 3, 1, 0, body.len() as u8 + 4, 1, 0, 0, body.len() as u8];
    bytes.extend(body);
    bytes
}

#[tokio::test]
async fn the_bytes_stay_unread() {
    let (mut client, mut server) = pair().await;
    client.write_all(&hello()).await.unwrap();
    let inspection = inspect(&server, TLS, PATIENCE).await.unwrap();
    assert_eq!(inspection.transport, TransportProtocol::Tls);
    assert_eq!(inspection.hello.server_name.as_deref(), Some("a.example.com"));
    let mut read = vec![0; hello().len()];
    server.read_exact(&mut read).await.unwrap();
    assert_eq!(read, hello());
}

#[tokio::test]
async fn plain_text_is_raw_buffer_from_its_first_byte() {
    let (mut client, server) = pair().await;
    client.write_all(b"G").await.unwrap();
    let inspection = inspect(&server, TLS, PATIENCE).await.unwrap();
    assert_eq!(inspection, Inspection::default());
}

#[tokio::test]
async fn a_partial_hello_does_not_spin() {
    let (mut client, server) = pair().await;
    let bytes = hello();
    let (seen, mut arrivals) = mpsc::unbounded_channel();
    let writer = async {
        for byte in &bytes {
            client.write_all(&[*byte]).await.unwrap();
            arrivals.recv().await.unwrap();
        }
    };
    let mut looks = 0;
    let looker = peek_until(&server, |bytes| {
        looks += 1;
        seen.send(()).unwrap();
        decide(bytes, TLS)
    });
    let (_, inspection) = tokio::join!(writer, looker);
    assert_eq!(inspection.unwrap().unwrap().transport, TransportProtocol::Tls);
    assert_eq!(looks, bytes.len(), "one look for each arrival");
}

#[tokio::test]
async fn a_client_that_goes_away_is_told_apart() {
    let (client, server) = pair().await;
    drop(client);
    assert!(matches!(inspect(&server, TLS, PATIENCE).await, Err(InspectError::Closed { expected: "bytes" })));
    let (mut client, server) = pair().await;
    client.write_all(&hello()[..20]).await.unwrap();
    drop(client);
    assert!(matches!(inspect(&server, TLS, PATIENCE).await, Err(InspectError::Closed { expected: "ClientHello" })));
}

#[tokio::test]
async fn a_silent_client_times_out() {
    let (mut client, server) = pair().await;
    client.write_all(&hello()[..20]).await.unwrap();
    let timeout = Duration::from_millis(20);
    assert!(matches!(inspect(&server, TLS, Some(timeout)).await, Err(InspectError::TimedOut(t)) if t == timeout));
}

#[tokio::test]
async fn http_is_told_from_tls_and_from_other_bytes() {
    for (bytes, http) in [(&b"GET / HTTP/1.1\r\n"[..], Some("http/1.1")), (b"\x01\x02", None), (&hello(), None)] {
        let (mut client, server) = pair().await;
        client.write_all(bytes).await.unwrap();
        let inspection = inspect(&server, BOTH, PATIENCE).await.unwrap();
        assert_eq!(inspection.http, http);
        assert_eq!(inspection.transport == TransportProtocol::Tls, bytes[0] == 22);
    }
    let (mut client, server) = pair().await;
    client.write_all(b"GET /").await.unwrap();
    let timeout = Duration::from_millis(20);
    assert!(
        matches!(inspect(&server, BOTH, Some(timeout)).await, Err(InspectError::TimedOut(_))),
        "a line without end"
    );
}
