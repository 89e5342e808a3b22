//! Requests: what a client sends, what it is answered, and what an origin sees.

use meridian_http::body::{BodyDecoder, BodyEvent, LAST_CHUNK, push_chunk};
use meridian_http::path::{Normalization, canonicalize};
use meridian_http::{
    Framing, HeadError, HeadLimits, Progress, RequestHead, RequestOptions, ResponseHead, ResponseKind, ResponseTo,
    write,
};

use crate::case::{Case, Step, read_head, unescape};

/// What became of a connection.
#[derive(Default)]
struct Outcome {
    statuses: Vec<u16>,
    closed: bool,
    forwards: Vec<Forwarded>,
}

struct Forwarded {
    head: Vec<u8>,
    body: Vec<u8>,
}

/// A gateway without sockets: everything that is decided is decided by the codec.
struct Connection<'a> {
    case: &'a Case,
    options: RequestOptions,
    buf: Vec<u8>,
    eof: bool,
    head: RequestHead,
    phase: Phase,
    outcome: Outcome,
}

enum Phase {
    Head,
    Body { forwarded: Forwarded, decoder: BodyDecoder, chunked: bool, keep_alive: bool },
    Tunnel,
    Closed,
}

pub(crate) fn judge(case: &Case, piece: usize) -> Vec<String> {
    // What the answer to a refused upgrade leaves on the connection depends on what had come by then.
    if piece != usize::MAX && case.verdict["split_may_differ"] == true {
        return Vec::new();
    }
    let mut connection = Connection {
        case,
        options: RequestOptions::default(),
        buf: Vec::new(),
        eof: false,
        head: RequestHead::new(),
        phase: Phase::Head,
        outcome: Outcome::default(),
    };
    for bytes in case.bytes.chunks(piece.min(case.bytes.len())) {
        connection.buf.extend_from_slice(bytes);
        connection.advance();
    }
    if case.half_close {
        connection.eof = true;
        connection.advance();
    }
    compare(case, &connection.outcome)
}

impl Connection<'_> {
    fn advance(&mut self) {
        loop {
            let goes_on = match self.phase {
                Phase::Head => self.read_head(),
                Phase::Body { .. } => self.read_body(),
                Phase::Tunnel | Phase::Closed => false,
            };
            if !goes_on {
                return;
            }
        }
    }

    fn answer(&mut self, status: u16, keep: bool) {
        self.outcome.statuses.push(status);
        if !keep {
            self.close();
        }
    }

    fn close(&mut self) {
        self.outcome.closed = true;
        self.phase = Phase::Closed;
    }

    fn read_head(&mut self) -> bool {
        match self.head.parse(&mut self.buf, &self.options) {
            Ok(Progress::Partial) if self.eof => self.close(),
            Ok(Progress::Partial) => {}
            Ok(Progress::Complete { len }) => {
                if let Err(error) = self.admit(len) {
                    self.answer(error.status(), false);
                }
                return true;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty() && !error.details().is_empty());
                self.answer(error.status(), false);
            }
        }
        false
    }

    fn admit(&mut self, len: usize) -> Result<(), HeadError> {
        let (head, buf) = (&self.head, &self.buf);
        let upgrade = head.upgrade(buf, &["websocket"])?.map(<[u8]>::to_vec);
        let mut rewritten = Vec::new();
        let sent = head.path(buf);
        let path = canonicalize(sent, Normalization::Base, &mut rewritten)?.of(sent, &rewritten).to_vec();
        let mut out = Vec::new();
        head.write_forwarded(buf, &path, head.authority(buf), &mut out);
        let chunked = head.framing() == Framing::Chunked;
        if chunked {
            write::chunked(&mut out);
        }
        if let Some(protocol) = &upgrade {
            write::upgrade(&mut out, protocol);
        }
        write::end(&mut out);
        let forwarded = Forwarded { head: out, body: Vec::new() };
        let decoder = BodyDecoder::new(head.framing(), &HeadLimits::default());
        let keep_alive = head.keep_alive();
        self.buf.drain(..len);
        self.head.reset();
        if !path.starts_with(b"/") {
            // The corpus's gateway has one route, for the prefix "/": neither "*" nor CONNECT's target is under it.
            self.answer(404, false);
        } else if upgrade.is_some() {
            self.outcome.forwards.push(forwarded);
            self.answer_upgrade(&upgrade);
        } else {
            self.phase = Phase::Body { forwarded, decoder, chunked, keep_alive };
        }
        Ok(())
    }

    fn answer_upgrade(&mut self, upgrade: &Option<Vec<u8>>) {
        let mut answer = match self.case.script.first() {
            Some(Step::Send(bytes)) => bytes.clone(),
            _ => b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(),
        };
        let to = ResponseTo { upgrade: upgrade.as_deref(), ..ResponseTo::default() };
        let mut head = ResponseHead::new();
        match head.parse(&mut answer, &HeadLimits::default(), &to) {
            Ok(Progress::Complete { .. }) if head.kind() == ResponseKind::Switch => {
                self.answer(101, true);
                self.phase = Phase::Tunnel;
            }
            // Bytes behind the head were meant for a protocol that is not spoken.
            Ok(_) => {
                let keep = self.buf.is_empty();
                self.answer(head.status(), keep);
            }
            Err(error) => self.answer(error.upstream_status(), false),
        }
    }

    fn read_body(&mut self) -> bool {
        let Phase::Body { forwarded, decoder, chunked, keep_alive } = &mut self.phase else { return false };
        match decoder.decode(&self.buf) {
            Ok(step) => {
                match step.event {
                    BodyEvent::Data(range) if *chunked => push_chunk(&mut forwarded.body, &self.buf[range]),
                    BodyEvent::Data(range) => forwarded.body.extend_from_slice(&self.buf[range]),
                    BodyEvent::Trailers(_) => {}
                    BodyEvent::NeedMore if self.eof => {
                        assert!(decoder.finish().is_err_and(|error| error.status().is_none()));
                        self.close();
                        return false;
                    }
                    BodyEvent::NeedMore => {
                        self.buf.clear();
                        return false;
                    }
                    BodyEvent::End => {
                        if *chunked {
                            forwarded.body.extend_from_slice(LAST_CHUNK);
                        }
                        let keep = *keep_alive;
                        let done = std::mem::replace(&mut self.phase, Phase::Head);
                        if let Phase::Body { forwarded, .. } = done {
                            self.outcome.forwards.push(forwarded);
                        }
                        self.answer(200, keep);
                    }
                }
                self.buf.drain(..step.consumed);
                true
            }
            Err(error) => {
                self.answer(error.status().expect("a malformed body is answered"), false);
                false
            }
        }
    }
}

fn compare(case: &Case, outcome: &Outcome) -> Vec<String> {
    let verdict = &case.verdict;
    let mut wrong = Vec::new();
    let statuses = serde_json::json!(outcome.statuses);
    if statuses != verdict["statuses"] {
        wrong.push(format!("answers {statuses}, wanted {}", verdict["statuses"]));
    }
    if verdict["close"].as_bool().is_some_and(|close| close != outcome.closed) {
        wrong.push(format!("closed: {}, wanted {}", outcome.closed, verdict["close"]));
    }
    let wanted = verdict["forwards"].as_array().expect("forwards");
    if wanted.len() != outcome.forwards.len() {
        wrong.push(format!("{} requests forwarded, wanted {}", outcome.forwards.len(), wanted.len()));
    }
    for (wanted, forwarded) in wanted.iter().zip(&outcome.forwards) {
        let (line, fields) = read_head(&forwarded.head);
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!((words.len(), words[2]), (3, "HTTP/1.1"), "{line}");
        let hosts: Vec<&str> = fields.iter().filter(|(name, _)| name == "host").map(|(_, v)| v.as_str()).collect();
        for (what, got) in [("method", words[0]), ("target", words[1]), ("host", &hosts.join(", "))] {
            if wanted[what].as_str().is_some_and(|wanted| wanted != got) {
                wrong.push(format!("forwarded {what} {got:?}, wanted {}", wanted[what]));
            }
        }
        let body = plain(&fields, &forwarded.body);
        if wanted["body"].as_str().is_some_and(|wanted| unescape(wanted) != body) {
            wrong.push(format!("forwarded body {:?}, wanted {}", String::from_utf8_lossy(&body), wanted["body"]));
        }
        let has = |name: &str| fields.iter().any(|(n, _)| n == name);
        wrong.extend(Case::names(wanted, "absent").filter(|n| has(n)).map(|n| format!("forwarded header {n}")));
        wrong.extend(Case::names(wanted, "present").filter(|n| !has(n)).map(|n| format!("lost header {n}")));
    }
    wrong
}

/// The data of a written body, which must be exactly what the written head declares.
fn plain(fields: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let value = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    match (value("content-length"), value("transfer-encoding")) {
        (Some(length), None) => {
            assert_eq!(length.parse(), Ok(body.len()), "content-length");
            body.to_vec()
        }
        (None, Some("chunked")) => {
            let (mut out, mut rest) = (Vec::new(), body);
            loop {
                let end = rest.windows(2).position(|two| two == b"\r\n").expect("a chunk size line");
                let size = std::str::from_utf8(&rest[..end]).expect("hexadecimal digits");
                let size = usize::from_str_radix(size, 16).expect("a chunk size");
                out.extend_from_slice(&rest[end + 2..end + 2 + size]);
                assert_eq!(rest[end + 2 + size..end + 4 + size], *b"\r\n");
                rest = &rest[end + 4 + size..];
                if size == 0 {
                    assert!(rest.is_empty(), "bytes behind the last chunk");
                    return out;
                }
            }
        }
        (None, None) => {
            assert!(body.is_empty(), "a body without framing");
            Vec::new()
        }
        both => panic!("both framings: {both:?}"),
    }
}
