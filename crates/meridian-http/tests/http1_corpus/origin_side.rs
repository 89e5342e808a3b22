//! Responses: what an origin answers, and what a client gets of it.

use meridian_http::body::{BodyDecoder, BodyEvent};
use meridian_http::{
    Framing, HeadLimits, Progress, RequestHead, RequestOptions, ResponseHead, ResponseKind, ResponseTo, Version, write,
};

use crate::case::{Case, Step, read_head, unescape};

#[derive(Default)]
struct Outcome {
    status: u16,
    head: Vec<u8>,
    body: Vec<u8>,
    complete: bool,
    reuse: bool,
}

struct Upstream<'a> {
    to: ResponseTo<'a>,
    buf: Vec<u8>,
    head: ResponseHead,
    body: Option<BodyDecoder>,
    outcome: Outcome,
    done: bool,
}

pub(crate) fn judge(case: &Case, piece: usize) -> Vec<String> {
    let mut request = case.request.clone();
    let mut asked = RequestHead::new();
    assert!(matches!(asked.parse(&mut request, &RequestOptions::default()), Ok(Progress::Complete { .. })));
    let mut upstream = Upstream {
        to: ResponseTo { method: asked.method(), upgrade: None, http2: false },
        buf: Vec::new(),
        head: ResponseHead::new(),
        body: None,
        outcome: Outcome::default(),
        done: false,
    };
    for step in &case.script {
        match step {
            Step::Send(bytes) => {
                for bytes in bytes.chunks(piece.min(bytes.len().max(1))) {
                    upstream.receive(bytes);
                }
            }
            Step::Close => upstream.end(true),
            Step::Reset => upstream.end(false),
        }
    }
    // An origin that says nothing more is given up.
    upstream.end(false);
    compare(case, &upstream.outcome)
}

impl Upstream<'_> {
    fn receive(&mut self, bytes: &[u8]) {
        if self.done {
            // Bytes behind a response belong to no request.
            self.outcome.reuse = false;
            return;
        }
        self.buf.extend_from_slice(bytes);
        while !self.done && self.advance() {}
    }

    fn refuse(&mut self, status: u16) {
        self.outcome = Outcome { status, complete: true, ..Outcome::default() };
        self.done = true;
    }

    fn finish(&mut self) {
        self.outcome.complete = true;
        self.outcome.reuse = self.head.is_reusable() && self.buf.is_empty();
        self.done = true;
    }

    fn end(&mut self, orderly: bool) {
        if self.done {
            return;
        }
        match &mut self.body {
            None => self.refuse(ResponseHead::error_at_eof(self.buf.len()).upstream_status()),
            Some(body) => match body.finish() {
                Ok(()) if orderly => self.finish(),
                _ => self.done = true,
            },
        }
    }

    fn advance(&mut self) -> bool {
        match &mut self.body {
            None => self.advance_head(),
            Some(body) => match body.decode(&self.buf) {
                Ok(step) => {
                    if let BodyEvent::Data(range) = step.event.clone() {
                        self.outcome.body.extend_from_slice(&self.buf[range]);
                    }
                    self.buf.drain(..step.consumed);
                    if step.event == BodyEvent::End {
                        self.finish();
                    }
                    step.event != BodyEvent::NeedMore
                }
                Err(_) => {
                    self.done = true;
                    false
                }
            },
        }
    }

    fn advance_head(&mut self) -> bool {
        let len = match self.head.parse(&mut self.buf, &HeadLimits::default(), &self.to) {
            Ok(Progress::Partial) => return false,
            Ok(Progress::Complete { len }) => len,
            Err(error) => {
                self.refuse(error.upstream_status());
                return false;
            }
        };
        if self.head.kind() == ResponseKind::Interim {
            self.head.reset_after_interim(len);
            self.buf.drain(..len);
            return true;
        }
        let mut out = Vec::new();
        self.head.write_forwarded(&self.buf, &mut out);
        if self.head.framing().towards_client(Version::Http11) == Framing::Chunked {
            write::chunked(&mut out);
        }
        write::end(&mut out);
        self.outcome.status = self.head.status();
        self.outcome.head = out;
        self.body = Some(BodyDecoder::new(self.head.framing(), &HeadLimits::default()));
        self.buf.drain(..len);
        true
    }
}

fn compare(case: &Case, outcome: &Outcome) -> Vec<String> {
    let verdict = &case.verdict;
    let mut wrong = Vec::new();
    if verdict["status"] != outcome.status {
        wrong.push(format!("status {}, wanted {}", outcome.status, verdict["status"]));
    }
    if verdict["complete"] != outcome.complete {
        wrong.push(format!("complete: {}, wanted {}", outcome.complete, verdict["complete"]));
    }
    if verdict["body"].as_str().is_some_and(|body| unescape(body) != outcome.body) {
        wrong.push(format!("body {:?}, wanted {}", String::from_utf8_lossy(&outcome.body), verdict["body"]));
    }
    if verdict["reuse"].as_bool().is_some_and(|reuse| reuse != outcome.reuse) {
        wrong.push(format!("reusable: {}, wanted {}", outcome.reuse, verdict["reuse"]));
    }
    if !outcome.head.is_empty() {
        let (line, fields) = read_head(&outcome.head);
        assert!(line.starts_with(&format!("HTTP/1.1 {} ", outcome.status)), "{line}");
        let has = |name: &str| fields.iter().any(|(n, _)| n == name);
        wrong.extend(Case::names(verdict, "absent").filter(|n| has(n)).map(|n| format!("forwarded header {n}")));
        wrong.extend(Case::names(verdict, "present").filter(|n| !has(n)).map(|n| format!("lost header {n}")));
    }
    wrong
}
