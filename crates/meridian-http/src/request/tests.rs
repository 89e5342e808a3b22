use super::*;
use crate::{FieldName, TargetForm};

/// Parses a request in one piece, with limits that fit short tests.
fn parse_with(text: &str, options: RequestOptions) -> Result<(RequestHead, Vec<u8>), HeadError> {
    let mut buf = text.as_bytes().to_vec();
    let mut head = RequestHead::new();
    match head.parse(&mut buf, &options)? {
        Progress::Complete { .. } => Ok((head, buf)),
        Progress::Partial => panic!("{text:?} is not complete"),
    }
}

fn parse(text: &str) -> Result<(RequestHead, Vec<u8>), HeadError> {
    parse_with(text, RequestOptions::default())
}

/// A GET with these fields besides Host.
fn get(fields: &str) -> Result<(RequestHead, Vec<u8>), HeadError> {
    parse(&format!("GET /x HTTP/1.1\r\nHost: h.test\r\n{fields}\r\n"))
}

fn names(head: &RequestHead, buf: &[u8]) -> Vec<String> {
    let fields = head.fields().iter().filter(|field| field.is_forwarded());
    fields.map(|field| String::from_utf8(field.name().of(buf).to_vec()).unwrap()).collect()
}

#[test]
fn takes_a_head_apart() {
    let (head, buf) = parse("POST /a?b=c HTTP/1.1\r\nHoSt: H.test:80\r\nX-Two:  a  b \t\r\nx-two: c\r\n\r\n").unwrap();
    assert_eq!((head.method(), head.method_name(&buf)), (Method::Post, &b"POST"[..]));
    assert_eq!((head.path(&buf), head.authority(&buf)), (&b"/a?b=c"[..], &b"H.test:80"[..]));
    assert_eq!((head.version(), head.target_form()), (Version::Http11, TargetForm::Origin));
    assert_eq!((head.framing(), head.keep_alive()), (Framing::None, true));
    let two = FieldName::new("X-TWO");
    assert_eq!(head.fields().values(&two, &buf).collect::<Vec<_>>(), [&b"a  b"[..], b"c"]);
    assert_eq!(head.fields().first(&two, &buf), Some(&b"a  b"[..]));
    assert_eq!(head.fields().get(KnownHeader::Host, &buf), Some(&b"H.test:80"[..]));
    assert_eq!(head.fields().get(KnownHeader::Cookie, &buf), None);
}

#[test]
fn the_length_of_the_head_leaves_what_is_behind() {
    let text = "\r\n\r\nPUT /x HTTP/1.1\r\nHost: h.test\r\nContent-Length: 2\r\n\r\nhiGET";
    let mut buf = text.as_bytes().to_vec();
    let progress = RequestHead::new().parse(&mut buf, &RequestOptions::default());
    assert_eq!(progress, Ok(Progress::Complete { len: text.len() - 5 }));
}

#[test]
fn a_head_is_reused_without_traces() {
    let mut head = RequestHead::new();
    let options = RequestOptions::default();
    let mut first = b"HEAD http://a.test/ HTTP/1.1\r\nHost: b.test\r\nConnection: close, x\r\nExpect: 100-continue\r\n\
        Transfer-Encoding: chunked\r\n\r\n"
        .to_vec();
    head.parse(&mut first, &options).unwrap();
    assert!(head.expects_continue() && !head.keep_alive() && head.nominated().len() == 1);
    head.reset();
    let mut second = b"GET /x HTTP/1.1\r\nHost: h.test\r\n\r\n".to_vec();
    head.parse(&mut second, &options).unwrap();
    assert!(!head.expects_continue() && head.keep_alive() && head.nominated().is_empty());
    assert_eq!((head.framing(), head.authority(&second)), (Framing::None, &b"h.test"[..]));
    assert_eq!((head.fields().received(), head.fields().has(KnownHeader::Expect)), (1, false));
}

#[test]
fn refuses_request_lines() {
    for (line, error) in [
        ("get /x HTTP/1.1", HeadError::UnknownMethod),
        ("FOO /x HTTP/1.1", HeadError::UnknownMethod),
        ("G(T /x HTTP/1.1", HeadError::UnknownMethod),
        ("GET", HeadError::InvalidRequestLine),
        ("GET /x", HeadError::InvalidRequestLine),
        ("GET  /x HTTP/1.1", HeadError::InvalidRequestLine),
        ("GET /x  HTTP/1.1", HeadError::InvalidVersion),
        ("GET /x HTTP/1.1 ", HeadError::InvalidVersion),
        ("GET /x y HTTP/1.1", HeadError::InvalidVersion),
        ("GET /x http/1.1", HeadError::InvalidVersion),
        ("GET /x HTTP/1.10", HeadError::InvalidVersion),
        ("GET /x HTTP/1.2", HeadError::UnsupportedVersion),
        ("PRI * HTTP/2.0", HeadError::UnsupportedVersion),
        ("GET /x HTTP/1.0", HeadError::LowVersion),
        ("GET /a\tb HTTP/1.1", HeadError::InvalidTarget),
        ("GET /\u{e9} HTTP/1.1", HeadError::InvalidTarget),
        ("GET /\0 HTTP/1.1", HeadError::InvalidTarget),
        ("GET x HTTP/1.1", HeadError::InvalidTarget),
        ("GET * HTTP/1.1", HeadError::InvalidTarget),
        ("GET h.test:80 HTTP/1.1", HeadError::InvalidTarget),
        ("GET ftp://h.test/ HTTP/1.1", HeadError::InvalidTarget),
        ("GET http:///x HTTP/1.1", HeadError::InvalidHost),
        ("GET http://u@h.test/ HTTP/1.1", HeadError::InvalidHost),
        ("GET https://h.test/ HTTP/1.1", HeadError::SchemeMismatch),
        ("CONNECT h.test HTTP/1.1", HeadError::InvalidConnectTarget),
        ("CONNECT h.test:0 HTTP/1.1", HeadError::InvalidConnectTarget),
        ("CONNECT /x HTTP/1.1", HeadError::InvalidConnectTarget),
        ("GET /x\rHTTP/1.1", HeadError::BareCr),
        (" GET /x HTTP/1.1", HeadError::NotHttp),
        ("\u{16}\u{3}\u{1}", HeadError::NotHttp),
    ] {
        assert_eq!(parse(&format!("{line}\r\nHost: h.test\r\n\r\n")).err(), Some(error), "{line:?}");
    }
}

#[test]
fn takes_the_four_forms_of_targets() {
    for (line, form, path, authority) in [
        ("GET /x?q", TargetForm::Origin, "/x?q", "h.test"),
        ("GET http://a.test:8080/x", TargetForm::Absolute(Scheme::Http), "/x", "a.test:8080"),
        ("GET HTTPS://a.test?q", TargetForm::Absolute(Scheme::Https), "?q", "a.test"),
        ("GET http://[::1]", TargetForm::Absolute(Scheme::Http), "", "[::1]"),
        ("OPTIONS *", TargetForm::Asterisk, "*", "h.test"),
        ("CONNECT a.test:443", TargetForm::Authority, "a.test:443", "a.test:443"),
    ] {
        let options = RequestOptions { scheme: Scheme::Https, ..RequestOptions::default() };
        let (head, buf) = parse_with(&format!("{line} HTTP/1.1\r\nHost: h.test\r\n\r\n"), options).unwrap();
        assert_eq!(head.target_form(), form, "{line}");
        assert_eq!((head.path(&buf), head.authority(&buf)), (path.as_bytes(), authority.as_bytes()), "{line}");
    }
}

#[test]
fn other_methods_only_where_they_are_allowed() {
    let options = RequestOptions { allow_custom_methods: true, ..RequestOptions::default() };
    let (head, buf) = parse_with("M-SEARCH /x HTTP/1.1\r\nHost: h\r\n\r\n", options).unwrap();
    assert_eq!((head.method(), head.method_name(&buf)), (Method::Custom, &b"M-SEARCH"[..]));
    assert_eq!(parse_with("G(T /x HTTP/1.1\r\nHost: h\r\n\r\n", options).err(), Some(HeadError::UnknownMethod));
}

#[test]
fn refuses_lines_that_are_no_fields() {
    for (lines, error) in [
        (" a: b\r\n", HeadError::ObsFold),
        ("a: b\r\n\tc\r\n", HeadError::ObsFold),
        ("a : b\r\n", HeadError::BlankBeforeColon),
        ("a\t: b\r\n", HeadError::BlankBeforeColon),
        ("a b: c\r\n", HeadError::InvalidFieldName),
        ("a(: c\r\n", HeadError::InvalidFieldName),
        (": c\r\n", HeadError::InvalidFieldName),
        ("\u{e9}: c\r\n", HeadError::InvalidFieldName),
        ("a\0: c\r\n", HeadError::InvalidFieldName),
        ("abc\r\n", HeadError::MissingColon),
        ("a: b\0c\r\n", HeadError::InvalidFieldValue),
        ("a: \u{1b}[2J\r\n", HeadError::InvalidFieldValue),
        ("a: b\u{7f}\r\n", HeadError::InvalidFieldValue),
        ("a: b\rc\r\n", HeadError::BareCr),
        ("a: b\r\r\n", HeadError::BareCr),
        ("a: b\n", HeadError::BareLf),
        ("\n", HeadError::BareLf),
    ] {
        assert_eq!(get(lines).err(), Some(error), "{lines:?}");
        assert_eq!(error.status(), 400, "{lines:?}");
    }
    assert!(get("!#$%&'*+-.^_`|~0aZ: \u{e9}\t\r\n").is_ok());
}

#[test]
fn refuses_ambiguous_framing() {
    for (fields, error, status) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", HeadError::LengthAndTransferEncoding, 400),
        ("Transfer-Encoding: identity\r\nContent-Length: 5\r\n", HeadError::LengthAndTransferEncoding, 400),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", HeadError::DuplicateContentLength, 400),
        ("Content-Length: 5, 5\r\n", HeadError::InvalidContentLength, 400),
        ("Content-Length: +5\r\n", HeadError::InvalidContentLength, 400),
        ("Content-Length: 0x5\r\n", HeadError::InvalidContentLength, 400),
        ("Content-Length:\r\n", HeadError::InvalidContentLength, 400),
        ("Content-Length: 9223372036854775808\r\n", HeadError::InvalidContentLength, 400),
        ("Content-Length: 18446744073709551621\r\n", HeadError::InvalidContentLength, 400),
        ("Transfer-Encoding: gzip, chunked\r\n", HeadError::InvalidTransferEncoding, 501),
        ("Transfer-Encoding: chunked, chunked\r\n", HeadError::InvalidTransferEncoding, 501),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", HeadError::InvalidTransferEncoding, 501),
        ("Transfer-Encoding:\r\n", HeadError::InvalidTransferEncoding, 501),
    ] {
        assert_eq!(get(fields).err(), Some(error), "{fields:?}");
        assert_eq!(error.status(), status, "{fields:?}");
    }
    for (fields, framing) in [
        ("", Framing::None),
        ("Content-Length: 0\r\n", Framing::Length(0)),
        ("Content-Length: \t9223372036854775807 \r\n", Framing::Length(i64::MAX as u64)),
        ("Content-Length: 00000000000000000000000005\r\n", Framing::Length(5)),
        ("Transfer-Encoding:\tChunked\r\n", Framing::Chunked),
        ("Content_Length: 5\r\nTransfer_Encoding: chunked\r\n", Framing::None),
    ] {
        assert_eq!(get(fields).unwrap().0.framing(), framing, "{fields:?}");
    }
}

#[test]
fn one_valid_host() {
    for host in ["h.test", "H-1.test.", "h_1", "h%2etest", "127.0.0.1:65535", "[::1]", "[::1]:8080", "h.test:", "a!b"] {
        assert!(parse(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).is_ok(), "{host}");
    }
    let long = format!("{}.test", "h".repeat(300));
    for host in [
        "",
        "h test",
        "h,i",
        "u@h",
        "h:80@i",
        "h/x",
        "h?x",
        "h#x",
        "h\\i",
        "<h>",
        "h%2",
        "h%zz",
        "h\u{e9}",
        "h:a",
        "h:-1",
        "h:65536",
        "h:000080",
        "h:80:81",
        ":80",
        "::1",
        "[::1",
        "[::g]",
        "[::1]x",
        "[::1%25eth0]",
        "[]",
        &long,
    ] {
        let error = parse(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).err();
        assert_eq!(error, Some(HeadError::InvalidHost), "{host:?}");
    }
    assert_eq!(get("hOsT: h.test\r\n").err(), Some(HeadError::DuplicateHost));
    for target in ["/", "http://h.test/"] {
        assert_eq!(parse(&format!("GET {target} HTTP/1.1\r\n\r\n")).err(), Some(HeadError::MissingHost), "{target}");
    }
}

#[test]
fn http_10_only_where_it_is_accepted() {
    let options = RequestOptions { accept_http_10: true, ..RequestOptions::default() };
    let parse = |fields: &str| parse_with(&format!("GET / HTTP/1.0\r\nHost: h\r\n{fields}\r\n"), options);
    assert!(!parse("").unwrap().0.keep_alive());
    assert!(parse("Connection: Keep-Alive\r\n").unwrap().0.keep_alive());
    assert!(!parse("Connection: keep-alive, close\r\n").unwrap().0.keep_alive());
    assert!(!parse("Expect: 100-continue\r\nContent-Length: 5\r\n").unwrap().0.expects_continue());
    assert_eq!(parse("Transfer-Encoding: chunked\r\n").err(), Some(HeadError::TransferEncodingInHttp10));
    let (head, buf) = parse("Connection: Upgrade\r\nUpgrade: websocket\r\n").unwrap();
    assert_eq!(head.upgrade(&buf, &["websocket"]), Ok(None));
}

#[test]
fn connection_decides_what_stays_here() {
    let all = "Connection: X-A, close ,, @@\r\nX-A: 1\r\nX-B: 2\r\nx-a: 3\r\nKeep-Alive: 5\r\nProxy-Connection: keep-alive\r\n\
        TE: gzip\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nTransfer-Encoding: chunked\r\nAuthorization: Basic eA==\r\n\
        connection: authorization\r\n";
    let (head, buf) = get(all).unwrap();
    assert_eq!(names(&head, &buf), ["host", "x-b"]);
    // What is not sent on is still there for policies and the log.
    assert_eq!(head.fields().get(KnownHeader::Authorization, &buf), Some(&b"Basic eA=="[..]));
    assert!(!head.keep_alive());

    let (head, buf) = get("Connection: Content-Length, TE\r\nContent-Length: 0\r\nTE: trailers\r\n").unwrap();
    assert_eq!(names(&head, &buf), ["host", "content-length", "te"]);
    for name in ["Host", "x-forwarded-for", "X-Forwarded-Host", "X-FORWARDED-PROTO"] {
        assert_eq!(get(&format!("Connection: {name}\r\n")).err(), Some(HeadError::ProtectedFieldNominated), "{name}");
    }
    assert!(get("Connection: a, b, c, d, e, f, g, h, i, j\r\n").is_ok());
    assert_eq!(get("Connection: a, b, c, d, e, f, g, h, i, j, k\r\n").err(), Some(HeadError::TooManyNominated));
}

#[test]
fn upgrades_are_asked_for_in_two_fields() {
    let ask = |fields: &str| get(fields).and_then(|(head, buf)| Ok(head.upgrade(&buf, &["websocket"])?.is_some()));
    assert_eq!(ask("Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"), Ok(true));
    assert_eq!(ask("Upgrade: websocket\r\n"), Ok(false));
    assert_eq!(ask("Connection: upgrade\r\n"), Ok(false));
    assert_eq!(ask("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"), Ok(false));
    assert_eq!(ask("Connection: Upgrade\r\nUpgrade: foo/1\r\n"), Err(HeadError::UpgradeNotAllowed));
    assert_eq!(ask("Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n"), Err(HeadError::UpgradeNotAllowed));
    let body = "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n";
    assert_eq!(ask(body), Err(HeadError::UpgradeWithContent));
    assert_eq!(HeadError::UpgradeNotAllowed.status(), 403);
}

#[test]
fn connect_has_no_content() {
    let connect =
        |fields: &str| parse(&format!("CONNECT h.test:443 HTTP/1.1\r\nHost: h.test:443\r\n{fields}\r\n")).err();
    assert_eq!(connect(""), None);
    assert_eq!(connect("Content-Length: 0\r\n"), Some(HeadError::ConnectWithContent));
    assert_eq!(connect("Transfer-Encoding: chunked\r\n"), Some(HeadError::ConnectWithContent));
}

#[test]
fn limits_hold_to_the_byte() {
    let text = "GET /x HTTP/1.1\r\nHost: h.test\r\nX-A: 1\r\n\r\n";
    let limits = |max_bytes, max_fields| RequestOptions {
        limits: HeadLimits { max_bytes, max_fields },
        ..RequestOptions::default()
    };
    assert!(parse_with(text, limits(text.len(), 2)).is_ok());
    assert_eq!(parse_with(text, limits(text.len() - 1, 2)).err(), Some(HeadError::HeadTooLarge));
    assert_eq!(parse_with(text, limits(text.len(), 1)).err(), Some(HeadError::TooManyFields));
    assert_eq!((HeadError::HeadTooLarge.status(), HeadError::TooManyFields.status()), (431, 431));
    // A line without end is refused as soon as the limit is reached.
    let mut endless = vec![b'A'; 100];
    assert_eq!(RequestHead::new().parse(&mut endless, &limits(100, 1)), Err(HeadError::HeadTooLarge));
    assert_eq!(RequestHead::new().parse(&mut endless, &limits(101, 1)), Ok(Progress::Partial));
}

#[test]
fn a_bare_cr_is_refused_before_its_line_ends() {
    for start in ["GET /x HTTP/1.1\rH", "GET /x HTTP/1.1\r\nHost: h\r\n\r\r", "\rG"] {
        let mut buf = Vec::new();
        let mut head = RequestHead::new();
        let mut last = Ok(Progress::Partial);
        for byte in start.bytes() {
            assert_eq!(last, Ok(Progress::Partial), "{start:?}");
            buf.push(byte);
            last = head.parse(&mut buf, &RequestOptions::default());
        }
        assert_eq!(last, Err(HeadError::BareCr), "{start:?}");
    }
}

#[test]
fn writes_what_is_forwarded() {
    let text = "POST http://a.test/p HTTP/1.1\r\nHost: b.test\r\nX-A:1\r\nX-B: 2\r\nConnection: x-c\r\nX-C: 3\r\nX-D:  4 \r\n\
        Content-Length: 007\r\nTE: gzip, Trailers\r\nX-E: 5\r\n\r\n";
    let (mut head, buf) = parse(text).unwrap();
    head.fields_mut().remove(&FieldName::new("X-E"), &buf);
    let mut out = Vec::new();
    head.write_forwarded(&buf, b"/q", head.authority(&buf), &mut out);
    let wanted =
        "POST /q HTTP/1.1\r\nhost: a.test\r\nx-a: 1\r\nx-b: 2\r\nx-d: 4\r\ncontent-length: 7\r\nte: Trailers\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), wanted);
    // The same Host goes on where it stands.
    let mut out = Vec::new();
    head.write_forwarded(&buf, b"/q", b"b.test", &mut out);
    assert!(out.starts_with(b"POST /q HTTP/1.1\r\nhost: b.test\r\nx-a: 1\r\n"));
}

#[test]
fn removed_fields_are_gone_for_everyone() {
    let (mut head, buf) = get("X-A: 1\r\nCookie: a\r\ncookie: b\r\nX-B: 2\r\n").unwrap();
    let fields = head.fields_mut();
    assert!(fields.remove(&FieldName::new("cookie"), &buf) && fields.remove(&FieldName::new("X-a"), &buf));
    assert!(!fields.remove(&FieldName::new("x-a"), &buf) && !fields.remove_known(KnownHeader::Cookie));
    assert_eq!((fields.get(KnownHeader::Cookie, &buf), fields.first(&FieldName::new("x-a"), &buf)), (None, None));
    assert_eq!(names(&head, &buf), ["host", "x-b"]);
}
