use super::*;

fn parse_to(text: &str, to: &ResponseTo<'_>) -> Result<(ResponseHead, Vec<u8>), HeadError> {
    let mut buf = text.as_bytes().to_vec();
    let mut head = ResponseHead::new();
    match head.parse(&mut buf, &HeadLimits::default(), to)? {
        Progress::Complete { .. } => Ok((head, buf)),
        Progress::Partial => panic!("{text:?} is not complete"),
    }
}

fn parse(text: &str) -> Result<(ResponseHead, Vec<u8>), HeadError> {
    parse_to(text, &ResponseTo::default())
}

const HEAD: ResponseTo<'_> = ResponseTo { method: Method::Head, upgrade: None, http2: false };

#[test]
fn status_lines() {
    for (line, status, reason) in [
        ("HTTP/1.1 200 OK", 200, "OK"),
        ("HTTP/1.1 200 ", 200, ""),
        ("HTTP/1.1 200", 200, ""),
        ("HTTP/1.9 999 a  b\tc", 999, "a  b\tc"),
        ("HTTP/1.0 404 \u{e9}", 404, "\u{e9}"),
    ] {
        let (head, buf) = parse(&format!("{line}\r\n\r\n")).unwrap();
        assert_eq!((head.status(), head.reason(&buf)), (status, reason.as_bytes()), "{line}");
    }
    for line in [
        "HTTP/1.1 99 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1 1000 OK",
        "HTTP/1.1 2xx OK",
        "HTTP/1.1 +20 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/2.0 200 OK",
        "HTTP/1.1200 OK",
        "HTTP/1.1 200OK",
        "HTTP/1.1 200 a\0b",
        "HTTP/1.1",
        "H",
    ] {
        assert_eq!(parse(&format!("{line}\r\n\r\n")).err(), Some(HeadError::InvalidStatusLine), "{line:?}");
    }
    for start in ["\r\nHTTP/1.1 200 OK", " HTTP/1.1 200 OK", "ICY 200 OK", "http/1.1 200 OK", "<html>"] {
        assert_eq!(parse(&format!("{start}\r\n\r\n")).err(), Some(HeadError::NotHttp), "{start:?}");
    }
    assert_eq!(HeadError::InvalidStatusLine.upstream_status(), 502);
}

#[test]
fn line_ends_agree() {
    assert!(parse("HTTP/1.1 200 OK\nContent-Length: 0\n\n").is_ok());
    for mixed in ["HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n", "HTTP/1.1 200 OK\nX: a\r\n\n", "HTTP/1.1 200 OK\r\n\n"] {
        assert_eq!(parse(mixed).err(), Some(HeadError::BareLf), "{mixed:?}");
    }
    // Lines with a bare LF are written anew.
    let (head, buf) = parse("HTTP/1.1 200 OK\nX: a\nY: b\n\n").unwrap();
    let mut out = Vec::new();
    head.write_forwarded(&buf, &mut out);
    assert_eq!(out, b"HTTP/1.1 200 OK\r\nx: a\r\ny: b\r\n");
}

#[test]
fn framing_in_the_order_of_the_rfc() {
    let length = "Content-Length: 5\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (status, fields, to, framing) in [
        (200, length, ResponseTo::default(), Framing::Length(5)),
        (200, chunked, ResponseTo::default(), Framing::Chunked),
        (200, "", ResponseTo::default(), Framing::UntilClose),
        (205, length, ResponseTo::default(), Framing::Length(5)),
        (200, length, HEAD, Framing::None),
        (200, chunked, HEAD, Framing::None),
        (200, "", HEAD, Framing::None),
        (304, length, ResponseTo::default(), Framing::None),
        (204, "", ResponseTo::default(), Framing::None),
        (204, "Content-Length: 0\r\n", ResponseTo::default(), Framing::None),
        (103, "", ResponseTo::default(), Framing::None),
        (200, length, ResponseTo { method: Method::Connect, upgrade: None, http2: false }, Framing::None),
        (403, length, ResponseTo { method: Method::Connect, upgrade: None, http2: false }, Framing::Length(5)),
    ] {
        let (head, _) = parse_to(&format!("HTTP/1.1 {status} X\r\n{fields}\r\n"), &to).unwrap();
        assert_eq!(head.framing(), framing, "{status} {fields:?} to {:?}", to.method);
    }
    for (status, fields, error) in [
        (204, length, HeadError::ContentLengthNotAllowed),
        (100, length, HeadError::ContentLengthNotAllowed),
        (204, chunked, HeadError::TransferEncodingNotAllowed),
        (200, "Transfer-Encoding: identity\r\n", HeadError::InvalidTransferEncoding),
        (304, "Transfer-Encoding: gzip\r\n", HeadError::InvalidTransferEncoding),
        (200, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", HeadError::LengthAndTransferEncoding),
        (200, "Content-Length: 5\r\nContent-Length: 5\r\n", HeadError::DuplicateContentLength),
    ] {
        let result = parse(&format!("HTTP/1.1 {status} X\r\n{fields}\r\n"));
        assert_eq!(result.err(), Some(error), "{status} {fields:?}");
    }
}

#[test]
fn what_head_and_304_say_of_a_body_goes_on() {
    let (head, buf) = parse_to("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", &HEAD).unwrap();
    assert_eq!((head.content_length(), head.declares_chunked()), (Some(5), false));
    assert_eq!(head.fields().get(KnownHeader::ContentLength, &buf), Some(&b"5"[..]));
    let (head, _) = parse_to("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &HEAD).unwrap();
    assert!(head.declares_chunked());
    let (head, buf) = parse("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert_eq!(head.fields().get(KnownHeader::ContentLength, &buf), None);
}

#[test]
fn a_switch_must_have_been_asked_for() {
    let websocket = ResponseTo { method: Method::Get, upgrade: Some(b"websocket"), http2: false };
    let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nX-A: 1\r\n\r\n";
    let (head, buf) = parse_to(answer, &websocket).unwrap();
    assert_eq!((head.kind(), head.is_reusable()), (ResponseKind::Switch, false));
    let mut out = Vec::new();
    head.write_forwarded(&buf, &mut out);
    write::upgrade(&mut out, b"websocket");
    let wanted = b"HTTP/1.1 101 Switching Protocols\r\nx-a: 1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n";
    assert_eq!(out, wanted);
    assert_eq!(parse(answer).err(), Some(HeadError::UnexpectedSwitch));
    for fields in ["Connection: Upgrade\r\nUpgrade: foo\r\n", "Upgrade: websocket\r\n", "Connection: Upgrade\r\n", ""] {
        let result = parse_to(&format!("HTTP/1.1 101 X\r\n{fields}\r\n"), &websocket);
        assert_eq!(result.err(), Some(HeadError::UnexpectedSwitch), "{fields:?}");
    }
}

#[test]
fn reuse_of_the_connection() {
    for (head, reusable) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive, close\r\n", false),
        ("HTTP/1.1 200 OK\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n", true),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n", false),
        ("HTTP/1.1 204 No Content\r\n", true),
    ] {
        assert_eq!(parse(&format!("{head}\r\n")).unwrap().0.is_reusable(), reusable, "{head:?}");
    }
}

#[test]
fn interim_responses_have_one_limit_together() {
    let limits = HeadLimits { max_bytes: 100, max_fields: 10 };
    let interim = b"HTTP/1.1 102 Processing\r\n\r\n";
    let mut head = ResponseHead::new();
    for _ in 0..3 {
        let mut buf = interim.to_vec();
        let progress = head.parse(&mut buf, &limits, &ResponseTo::default());
        assert_eq!((progress, head.kind()), (Ok(Progress::Complete { len: 27 }), ResponseKind::Interim));
        assert!(head.interim_is_forwarded(Version::Http11) && !head.interim_is_forwarded(Version::Http10));
        head.reset_after_interim(27);
    }
    let error = head.parse(&mut interim.to_vec(), &limits, &ResponseTo::default());
    assert_eq!(error, Err(HeadError::HeadTooLarge));
    head.reset();
    let progress = head.parse(&mut interim.to_vec(), &limits, &ResponseTo::default());
    assert_eq!(progress, Ok(Progress::Complete { len: 27 }));
}

#[test]
fn the_end_of_the_connection_before_the_head_is_complete() {
    assert_eq!(ResponseHead::error_at_eof(0).upstream_status(), 503);
    assert_eq!(ResponseHead::error_at_eof(7).upstream_status(), 502);
}

#[test]
fn connection_decides_what_stays_here() {
    let (head, buf) = parse(
        "HTTP/1.1 200 OK\r\nConnection: X-A, Content-Length\r\nX-A: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n\
         Upgrade: h2c\r\nContent-Length: 3\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
    )
    .unwrap();
    let mut out = Vec::new();
    head.write_forwarded(&buf, &mut out);
    assert_eq!(out, b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nset-cookie: a\r\nset-cookie: b\r\n");
}
