//! Property tests: the checks of this module on messages that are put together from the pieces that matter.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Bytes made of `pieces` in any order, with a few arbitrary bytes between them, behind one of `starts`.
fn soup(starts: &'static [&'static str], pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        12 => select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..4),
    ];
    (select(starts), vec(piece, 0..24)).prop_map(|(start, pieces)| [start.as_bytes(), &pieces.concat()].concat())
}

const REQUEST_STARTS: &[&str] = &[
    "",
    "GET / HTTP/1.1\r\n",
    "GET /x HTTP/1.1\r\nHost: h.test\r\n",
    "POST http://a.test/b?c HTTP/1.1\r\nHost: h.test\r\n",
    "POST /x HTTP/1.0\r\nHost: h.test\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: h.test\r\n",
    "\r\nHEAD /a/../b HTTP/1.1\r\nHost:h.test:80\r\n",
];

const FIELDS: &[&str] = &[
    "\r\n",
    "\r\n\r\n",
    "\r\n\r\n",
    "X-A: 1\r\n",
    "x-b:  two words \r\n",
    "X-C:\r\n",
    "Host: h.test\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0005\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Connection: close, X-A\r\n",
    "Connection: keep-alive\r\n",
    "Connection: Upgrade\r\nUpgrade: websocket\r\n",
    "TE: trailers, gzip\r\n",
    "Expect: 100-continue\r\n",
    "Keep-Alive: 5\r\n",
    " folded\r\n",
    "no colon\r\n",
    "X D: 1\r\n",
    "X-E: a\rb\r\n",
    "X-F: c\n",
    "\n",
    "\r",
    ":",
    " ",
    "\t",
    "GET ",
    "/x",
    " HTTP/1.1\r\n",
];

const RESPONSE_STARTS: &[&str] = &[
    "",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 204\r\n",
    "HTTP/1.1 304 Not Modified\r\n",
    "HTTP/1.0 200 OK\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n",
    "HTTP/1.1 103 Early Hints\r\n",
    "HTTP/1.1 200 OK\n",
    "HTTP/1.7 500 \r\nContent-Length: 0\r\n",
];

const CHUNKS: &[&str] = &[
    "5\r\nhello\r\n",
    "1\r\nx\r\n",
    "00a\r\n0123456789\r\n",
    "0\r\n\r\n",
    "0\r\n\r\n",
    "0\r\nX-T: v\r\n\r\n",
    "0\r\nContent-Length: 5\r\nX-T: v\r\n",
    "3;a=b\r\nabc\r\n",
    "3 ; a = \"q;\\\"\"\r\nabc\r\n",
    "\r\n",
    "\n",
    "\r",
    ";",
    "\"",
    "2",
    "f",
    "g",
    "ffffffffffffffff",
];

const PATHS: &[&str] = &[
    "/", "/", "//", ".", "..", "/.", "/..", "/../", "/./", "a", "b.c", "%2e", "%2E", "%2f", "%5C", "\\", ";", ";p=1",
    "%41", "%7e", "%00", "%25", "%2", "%", "%%32e", "%2%65", "%c0%af", "?", "?q=/../", "#", "#f", "\"", "<", "|", "~",
    "32", "65",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn request_heads(bytes in soup(REQUEST_STARTS, FIELDS)) {
        request_head(&bytes);
    }

    #[test]
    fn response_heads(bytes in soup(RESPONSE_STARTS, FIELDS)) {
        response_head(&bytes);
    }

    #[test]
    fn bodies(bytes in soup(&["", "5\r\nhello\r\n"], CHUNKS)) {
        body(&bytes);
    }

    #[test]
    fn paths(bytes in soup(&["", "/a/b"], PATHS)) {
        path(&bytes);
    }

    #[test]
    fn arbitrary_bytes(bytes in vec(any::<u8>(), 0..600)) {
        request_head(&bytes);
        response_head(&bytes);
        body(&bytes);
        path(&bytes);
    }
}

#[test]
fn the_pieces_make_messages_that_are_taken() {
    // The properties above would hold for a parser that refuses everything.
    let taken = |start: &str, rest: &str| {
        let mut buf = format!("{start}{rest}").into_bytes();
        RequestHead::new().parse(&mut buf, &RequestOptions { accept_http_10: true, ..RequestOptions::default() })
    };
    for start in &REQUEST_STARTS[2..] {
        assert!(
            matches!(taken(start, "X-A: 1\r\nTE: trailers, gzip\r\n\r\n"), Ok(Progress::Complete { .. })),
            "{start}"
        );
    }
    for start in &RESPONSE_STARTS[1..] {
        let end = if start.ends_with("\r\n") { "X-A: 1\r\n\r\n" } else { "X-A: 1\n\n" };
        let mut buf = format!("{start}{end}").into_bytes();
        let to = ResponseTo { method: Method::Get, upgrade: Some(b"websocket"), http2: false };
        let result = ResponseHead::new().parse(&mut buf, &HeadLimits::default(), &to);
        assert!(matches!(result, Ok(Progress::Complete { .. })), "{start}: {result:?}");
    }
}
