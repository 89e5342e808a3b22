use super::{Agent, http, metrics, probe, serve};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A workload that answers every connection with the same, after what it was sent.
async fn workload(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head[..length]).replace("\r\n", "|");
            let text = answer.replace("HEAD", &head);
            let _ = stream.write_all(text.as_bytes()).await;
        }
    });
    address
}

/// An agent with these probes and metrics.
async fn agent(probers: &str, targets: &str, own: SocketAddr) -> (SocketAddr, Arc<Notify>) {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let quit = Arc::new(Notify::new());
    let agent = Agent {
        probers: probe::read(probers).unwrap(),
        targets: metrics::read(targets).unwrap(),
        workload: HERE,
        port: address.port(),
        readiness: own,
        metrics: own,
        quit: quit.clone(),
    };
    tokio::spawn(serve(listener, Arc::new(agent)));
    (address, quit)
}

const NONE: &str = r#"{"scrape": "false"}"#;

async fn asked(probers: &str) -> (u16, String) {
    let own = workload("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let (address, _) = agent(probers, NONE, own).await;
    let (status, body) = http::get(address, "/app-health/app/livez").await.unwrap();
    (status.as_u16(), String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn http_is_asked_as_the_kubelet_would() {
    let app = workload("HTTP/1.1 418 T\r\nconnection: close\r\n\r\nHEAD").await;
    let probe = format!(r#"{{"/app-health/app/livez": {{"httpGet": {{"path": "live?x", "port": {}}}}}}}"#, app.port());
    let (status, body) = asked(&probe).await;
    assert_eq!(status, 418);
    assert!(body.starts_with("GET /live?x HTTP/1.1|"), "{body}");
    assert!(body.contains(&format!("host: 127.0.0.1:{}|", app.port())), "{body}");
}

#[tokio::test]
async fn redirections_within_the_workload_are_followed_and_others_are_well() {
    let app = workload("HTTP/1.1 302 F\r\nlocation: https://elsewhere.test/x\r\ncontent-length: 0\r\n\r\n").await;
    let probe = format!(r#"{{"/app-health/app/livez": {{"httpGet": {{"port": {}}}}}}}"#, app.port());
    assert_eq!(asked(&probe).await.0, 200);
    let app = workload("HTTP/1.1 302 F\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n").await;
    let probe = format!(r#"{{"/app-health/app/livez": {{"httpGet": {{"port": {}}}}}}}"#, app.port());
    assert_eq!(asked(&probe).await, (500, "stopped after 10 redirections\n".to_owned()));
}

#[tokio::test]
async fn tcp_is_a_connection_and_nothing_more() {
    let app = workload("").await;
    let probe = |port: u16| format!(r#"{{"/app-health/app/livez": {{"tcpSocket": {{"port": {port}}}}}}}"#);
    assert_eq!(asked(&probe(app.port())).await.0, 200);
    let free = TcpListener::bind((HERE, 0)).await.unwrap().local_addr().unwrap();
    assert_eq!(asked(&probe(free.port())).await.0, 500);
}

/// A gRPC server whose health is one status, or an error.
async fn grpc_workload(status: u8, code: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
            let mut body = respond.send_response(hyper::Response::new(()), false).unwrap();
            body.send_data(bytes::Bytes::from(vec![0, 0, 0, 0, 2, 8, status]), false).unwrap();
            let mut trailers = hyper::HeaderMap::new();
            trailers.insert("grpc-status", code.parse().unwrap());
            body.send_trailers(trailers).unwrap();
        }
    });
    address
}

#[tokio::test]
async fn grpc_servers_say_whether_they_serve() {
    for (status, code, expected) in [
        (1, "0", (200, "")),
        (2, "0", (500, "found the status 2, which is not SERVING\n")),
        (1, "12", (500, "the server does not implement the gRPC health protocol\n")),
    ] {
        let app = grpc_workload(status, code).await;
        let probe = format!(r#"{{"/app-health/app/livez": {{"grpc": {{"port": {}, "service": "s"}}}}}}"#, app.port());
        let (status, body) = asked(&probe).await;
        assert_eq!((status, body.as_str()), expected);
    }
}

#[tokio::test]
async fn metrics_of_both_are_one_page() {
    let own = workload("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nown 1\n").await;
    let app = workload("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\napp 2\n# EOF\n").await;
    let gone = workload("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n").await;
    let targets =
        format!(r#"{{"targets": [{{"port": "{}"}}, {{"port": "{}", "path": "/m"}}]}}"#, gone.port(), app.port());
    let (address, quit) = agent("{}", &targets, own).await;
    let (status, page) = http::get(address, "/stats/prometheus").await.unwrap();
    assert_eq!((status.as_u16(), &page[..]), (200, &b"own 1\napp 2\n"[..]));
    assert_eq!(http::get(address, "/app-health/app/livez").await.unwrap().0.as_u16(), 400);
    assert_eq!(http::get(address, "/quitquitquit").await.unwrap().0.as_u16(), 405);
    assert_eq!(http::get(address, "/else").await.unwrap().0.as_u16(), 404);
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"POST /quitquitquit HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    quit.notified().await;
}

#[test]
fn what_is_no_probe_is_refused() {
    for (text, told) in [
        ("{", "no JSON"),
        (r#"{"/a": {}}"#, "/a"),
        (r#"{"/a": {"httpGet": {"port": "http"}}}"#, "/a"),
        (r#"{"/a": {"httpGet": {"port": 1}, "grpc": {"port": 1}}}"#, "/a"),
    ] {
        assert_eq!(probe::read(text).unwrap_err().to_string(), told, "{text}");
    }
    assert_eq!(metrics::read("{}").unwrap(), [metrics::Target { port: 80, path: "/metrics".into() }]);
    assert!(metrics::read(r#"{"port": "0x"}"#).is_err());
}
