//! The server over real sockets on loopback.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::serve;

/// Runs `client` against a server on a free port, then stops the server and waits for its clean end.
async fn with_server<T>(client: impl AsyncFnOnce(SocketAddr) -> T) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, stopped));
    let result = client(address).await;
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    result
}

/// An answer as it came.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

/// Sends `request` on a connection of its own and reads to the end; `Connection: close` is added.
async fn ask(address: SocketAddr, line: &str, headers: &[&str], body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let request = format!("{line} HTTP/1.1\r\nHost: h.test\r\nconnection: close\r\n{headers}{length}\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

#[tokio::test]
async fn statuses_come_back_and_those_that_cannot_be_are_refused() {
    with_server(async |address| {
        for (path, status, header) in [
            ("/status/200", 200, ("content-length", Some("0"))),
            ("/status/204", 204, ("content-length", None)),
            ("/status/302", 302, ("location", Some("/get"))),
            ("/status/401", 401, ("www-authenticate", Some("Basic realm=\"httpbin\""))),
            ("/status/503", 503, ("content-type", Some("text/html; charset=utf-8"))),
            ("/status/599", 599, ("access-control-allow-origin", Some("*"))),
            ("/status/199", 400, ("access-control-allow-credentials", Some("true"))),
            ("/status/600", 400, ("location", None)),
            ("/status/teapot", 400, ("location", None)),
            ("/status", 404, ("location", None)),
            ("/nowhere", 404, ("location", None)),
            ("/", 200, ("location", None)),
        ] {
            let answer = ask(address, &format!("GET {path}"), &[], "").await;
            assert_eq!((answer.status, answer.header(header.0)), (status, header.1), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn teapot_has_the_length_and_the_pointer_that_httpbin_gives_it() {
    with_server(async |address| {
        let answer = ask(address, "GET /status/418", &[], "").await;
        assert_eq!(answer.status, 418);
        assert_eq!(answer.header("content-length"), Some("135"));
        assert_eq!(answer.header("x-more-info"), Some("http://tools.ietf.org/html/rfc2324"));
        assert_eq!(answer.body.len(), 135);
        assert!(answer.body.contains("teapot"), "{}", answer.body);
        let head = ask(address, "HEAD /status/418", &[], "").await;
        assert_eq!((head.header("content-length"), head.body.as_str()), (Some("135"), ""));
        assert_eq!(ask(address, "HEAD /status/200", &[], "").await.header("content-length"), Some("0"));
    })
    .await;
}

#[tokio::test]
async fn get_shows_arguments_headers_origin_and_url() {
    with_server(async |address| {
        let headers =
            ["x-forwarded-for: 192.0.2.7", "x-envoy-attempt-count: 1", "X-FORWARDED-PROTO: https", "a: 1", "a: 2"];
        let answer = ask(address, "GET /get?q=a+b%21&r=1&r=2&flag&bad=%zz", &headers, "").await;
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let expected = json!({
            "args": {"q": "a b!", "r": ["1", "2"], "flag": "", "bad": "%zz"},
            "headers": {
                "Host": "h.test", "Connection": "close", "X-Forwarded-For": "192.0.2.7", "X-Envoy-Attempt-Count": "1",
                "X-Forwarded-Proto": "https", "A": "1,2",
            },
            "origin": "192.0.2.7",
            "url": "https://h.test/get?q=a+b%21&r=1&r=2&flag&bad=%zz",
        });
        assert_eq!(answer.json(), expected);
        assert_eq!(ask(address, "GET /headers", &headers, "").await.json(), json!({"headers": expected["headers"]}));
        assert_eq!(ask(address, "GET /get", &[], "").await.json()["origin"], "127.0.0.1");
        let refused = ask(address, "POST /get", &[], "x").await;
        assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    })
    .await;
}

#[tokio::test]
async fn anything_shows_the_body_as_text_json_and_form() {
    with_server(async |address| {
        for (kind, body, data, parsed, form) in [
            ("application/json", r#"{"a":[1]}"#, r#"{"a":[1]}"#, json!({"a": [1]}), json!({})),
            ("text/plain", "not json", "not json", Value::Null, json!({})),
            (
                "application/x-www-form-urlencoded; charset=utf-8",
                "a=1&b=x+y",
                "",
                Value::Null,
                json!({"a": "1", "b": "x y"}),
            ),
        ] {
            let answer = ask(address, "PUT /anything/a/b", &[&format!("content-type: {kind}")], body).await.json();
            assert_eq!(answer["method"], "PUT", "{kind}");
            assert_eq!(answer["url"], "http://h.test/anything/a/b", "{kind}");
            assert_eq!((&answer["data"], &answer["json"], &answer["form"]), (&json!(data), &parsed, &form), "{kind}");
        }
    })
    .await;
}

#[tokio::test]
async fn bytes_and_lines_have_the_size_that_was_asked_for() {
    with_server(async |address| {
        let answer = ask(address, "GET /bytes/200000", &[], "").await;
        assert_eq!(answer.header("content-length"), Some("200000"));
        assert_eq!(answer.body.len(), 200_000);
        assert!(answer.body.bytes().enumerate().all(|(i, byte)| byte == b'a' + u8::try_from(i % 26).unwrap()));
        assert_eq!(ask(address, "GET /bytes/0", &[], "").await.header("content-length"), Some("0"));
        assert_eq!(ask(address, "GET /bytes/-1", &[], "").await.status, 400);
        let stream = ask(address, "GET /stream/3?x=1", &[], "").await;
        assert_eq!(stream.header("transfer-encoding"), Some("chunked"));
        let lines: Vec<Value> =
            stream.body.lines().filter_map(|line| serde_json::from_str(line).ok()).filter(Value::is_object).collect();
        assert_eq!(lines.iter().map(|line| line["id"].as_u64()).collect::<Vec<_>>(), [Some(0), Some(1), Some(2)]);
        assert_eq!(lines[2]["args"], json!({"x": "1"}));
    })
    .await;
}

#[tokio::test]
async fn delay_takes_its_time_and_not_more() {
    with_server(async |address| {
        let start = Instant::now();
        let answer = ask(address, "GET /delay/0.3", &[], "").await;
        assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
        assert_eq!((answer.status, &answer.json()["url"]), (200, &json!("http://h.test/delay/0.3")));
        for bad in ["-1", "NaN", "soon", ""] {
            assert_eq!(ask(address, &format!("GET /delay/{bad}"), &[], "").await.status, 400, "{bad}");
        }
    })
    .await;
}

#[tokio::test]
async fn preflight_allows_what_is_asked_for() {
    with_server(async |address| {
        let headers = ["origin: http://a.test", "access-control-request-headers: x-own"];
        let answer = ask(address, "OPTIONS /get", &headers, "").await;
        assert_eq!(answer.status, 200);
        for (name, value) in [
            ("access-control-allow-origin", "http://a.test"),
            ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
            ("access-control-allow-headers", "x-own"),
            ("access-control-max-age", "3600"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name}");
        }
    })
    .await;
}

/// Reads one answer with `content-length` from a connection that stays open.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        answer.push(byte[0]);
        if answer.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let head = String::from_utf8(answer).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    head + &String::from_utf8(body).unwrap()
}

#[tokio::test]
async fn connection_is_kept_even_when_nobody_wants_the_body() {
    with_server(async |address| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let body = "x".repeat(300_000);
        for _ in 0..2 {
            let head = format!("POST /status/200 HTTP/1.1\r\nhost: h.test\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(body.as_bytes()).await.unwrap();
            assert!(read_answer(&mut stream).await.starts_with("HTTP/1.1 200 OK\r\n"));
        }
        stream.write_all(b"GET /_requests HTTP/1.1\r\nhost: h.test\r\n\r\n").await.unwrap();
        let seen = read_answer(&mut stream).await;
        let seen: Value = serde_json::from_str(seen.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(seen, json!(["POST /status/200 HTTP/1.1", "POST /status/200 HTTP/1.1"]));
    })
    .await;
}

#[tokio::test]
async fn body_too_large_to_echo_is_refused_and_the_connection_ends() {
    with_server(async |address| {
        let answer = ask(address, "POST /anything", &["content-length: 10485761"], "").await;
        assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
        assert_eq!(ask(address, "POST /status/200", &["content-length: 0"], "").await.status, 200);
    })
    .await;
}

#[test]
fn request_lines_are_bounded_in_number_and_length() {
    let seen = super::seen::Seen::default();
    for i in 0..super::seen::CAPACITY + 2 {
        seen.add(format!("GET /{i} HTTP/1.1"));
    }
    seen.add("é".repeat(super::seen::LINE_LIMIT));
    let lines = seen.lines();
    assert_eq!(lines.len(), super::seen::CAPACITY);
    assert_eq!(lines[0], "GET /3 HTTP/1.1");
    assert_eq!(lines.last().unwrap().len(), super::seen::LINE_LIMIT);
}

#[tokio::test]
async fn answers_under_way_are_finished_after_the_stop() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, stopped));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /delay/0.3 HTTP/1.1\r\nhost: h.test\r\n\r\n").await.unwrap();
    while !ask(address, "GET /_requests", &[], "").await.body.contains("/delay/0.3") {}
    stop.send(()).unwrap();
    let late = read_answer(&mut stream).await;
    assert!(late.contains("/delay/0.3"), "{late}");
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "the connection ends after the answer");
    server.await.unwrap().unwrap();
}
