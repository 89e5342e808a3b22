//! What must hold for any bytes whatever: shared by the fuzz targets under `fuzz/` and the property tests.
//!
//! Each function takes arbitrary bytes and panics when something does not hold.

use crate::body::{BodyDecoder, BodyEvent, LAST_CHUNK, push_chunk};
use crate::path::{Normalization, canonicalize};
use crate::{
    BodyError, Fields, Framing, HeadError, HeadLimits, Method, Progress, RequestHead, RequestOptions, ResponseHead,
    ResponseTo, Version, write,
};

/// Limits small enough that arbitrary bytes reach them.
const LIMITS: HeadLimits = HeadLimits { max_bytes: 512, max_fields: 8 };

/// The lengths of the pieces in which `bytes` arrive: all at once, one by one, and as the bytes themselves say.
fn splits(bytes: &[u8]) -> [Vec<usize>; 3] {
    let mut odd = Vec::new();
    let mut left = bytes.len();
    for byte in bytes.iter().rev() {
        let piece = usize::from(byte % 23).clamp(1, left.max(1));
        if left == 0 {
            break;
        }
        odd.push(piece);
        left -= piece;
    }
    [vec![bytes.len()], vec![1; bytes.len()], odd]
}

/// Lets a buffer grow piece by piece until `parse` is done with it.
fn grow<E>(
    bytes: &[u8],
    pieces: &[usize],
    mut parse: impl FnMut(&mut [u8]) -> Result<Progress, E>,
) -> (Vec<u8>, Result<Progress, E>) {
    let mut buf = Vec::new();
    let mut last = Ok(Progress::Partial);
    for &piece in pieces {
        buf.extend_from_slice(&bytes[buf.len()..buf.len() + piece]);
        last = parse(&mut buf);
        if !matches!(last, Ok(Progress::Partial)) {
            break;
        }
    }
    (buf, last)
}

/// Names and values of the forwarded fields.
fn forwarded(fields: &Fields, buf: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let fields = fields.iter().filter(|field| field.is_forwarded());
    fields.map(|field| (field.name().of(buf).to_vec(), field.value().of(buf).to_vec())).collect()
}

/// A request head: the same however it is split, the same again after it was written, and nothing that httparse refuses.
pub fn request_head(bytes: &[u8]) {
    for accept_http_10 in [false, true] {
        let options = RequestOptions { limits: LIMITS, accept_http_10, ..RequestOptions::default() };
        let outcomes = splits(bytes).map(|pieces| {
            let mut head = RequestHead::new();
            let (buf, result) = grow(bytes, &pieces, |buf| head.parse(buf, &options));
            let complete = matches!(result, Ok(Progress::Complete { .. }));
            (result, complete.then(|| describe_request(&head, &buf)))
        });
        assert_eq!(outcomes[0], outcomes[1], "byte by byte");
        assert_eq!(outcomes[0], outcomes[2], "in pieces");
    }
    let options = RequestOptions { accept_http_10: true, allow_custom_methods: true, ..RequestOptions::default() };
    let mut buf = bytes.to_vec();
    let mut head = RequestHead::new();
    if let Ok(Progress::Complete { len }) = head.parse(&mut buf, &options) {
        httparse_agrees_on_request(&head, &buf, len);
        writing_a_request_keeps_it(&head, &buf, &options);
    }
}

/// All that a request head says.
type RequestFacts = (Vec<u8>, Vec<u8>, Vec<u8>, Framing, [bool; 3], Vec<(Vec<u8>, Vec<u8>)>);

fn describe_request(head: &RequestHead, buf: &[u8]) -> RequestFacts {
    (
        head.method_name(buf).to_vec(),
        head.path(buf).to_vec(),
        head.authority(buf).to_vec(),
        head.framing(),
        [head.keep_alive(), head.expects_continue(), head.upgrade(buf, &["websocket"]).is_ok()],
        forwarded(head.fields(), buf),
    )
}

fn writing_a_request_keeps_it(head: &RequestHead, buf: &[u8], options: &RequestOptions) {
    let mut rewritten = Vec::new();
    let Ok(path) = canonicalize(head.path(buf), Normalization::Base, &mut rewritten) else { return };
    let path = path.of(head.path(buf), &rewritten);
    let mut out = Vec::new();
    head.write_forwarded(buf, path, head.authority(buf), &mut out);
    if head.framing() == Framing::Chunked {
        write::chunked(&mut out);
    }
    write::end(&mut out);
    let mut again = RequestHead::new();
    let limits = HeadLimits { max_bytes: usize::MAX, max_fields: usize::MAX };
    let result = again.parse(&mut out, &RequestOptions { limits, ..*options });
    assert_eq!(result, Ok(Progress::Complete { len: out.len() }), "{:?}", String::from_utf8_lossy(&out));
    assert_eq!(again.method_name(&out), head.method_name(buf));
    assert_eq!(again.path(&out), path);
    assert_eq!(again.authority(&out), head.authority(buf));
    assert_eq!(again.framing(), head.framing());
    assert!(again.nominated().is_empty() && again.version() == Version::Http11 && again.keep_alive());
    let sorted = |mut fields: Vec<_>| {
        fields.retain(|(name, _)| name != b"host");
        fields
    };
    assert_eq!(sorted(forwarded(again.fields(), &out)), sorted(forwarded(head.fields(), buf)));
}

fn httparse_agrees_on_request(head: &RequestHead, buf: &[u8], len: usize) {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut request = httparse::Request::new(&mut headers);
    assert_eq!(request.parse(&buf[..len]), Ok(httparse::Status::Complete(len)));
    assert_eq!(request.method.map(str::as_bytes), Some(head.method_name(buf)));
    assert!(request.path.is_some_and(|path| path.as_bytes().ends_with(head.path(buf))));
    same_fields(request.headers, head.fields(), buf);
}

fn same_fields(theirs: &[httparse::Header<'_>], ours: &Fields, buf: &[u8]) {
    assert_eq!(theirs.len(), ours.received());
    for (their, our) in theirs.iter().zip(ours.iter()) {
        assert_eq!(their.name.as_bytes(), our.name().of(buf));
        // Leading zeros of a Content-Length are not ours.
        assert!(their.value.ends_with(our.value().of(buf)) || our.known() == crate::KnownHeader::Te);
    }
}

/// A response head, under the same rules.
pub fn response_head(bytes: &[u8]) {
    for to in [
        ResponseTo::default(),
        ResponseTo { method: Method::Head, upgrade: None, http2: false },
        ResponseTo { method: Method::Get, upgrade: Some(b"websocket"), http2: false },
    ] {
        let outcomes = splits(bytes).map(|pieces| {
            let mut head = ResponseHead::new();
            let (buf, result) = grow(bytes, &pieces, |buf| head.parse(buf, &LIMITS, &to));
            let complete = matches!(result, Ok(Progress::Complete { .. }));
            (result, complete.then(|| describe_response(&head, &buf)))
        });
        assert_eq!(outcomes[0], outcomes[1], "byte by byte");
        assert_eq!(outcomes[0], outcomes[2], "in pieces");
        let mut buf = bytes.to_vec();
        let mut head = ResponseHead::new();
        if let Ok(Progress::Complete { len }) = head.parse(&mut buf, &HeadLimits::default(), &to) {
            httparse_agrees_on_response(&head, &buf, len);
            writing_a_response_keeps_it(&head, &buf, &to);
        }
    }
}

/// All that a response head says.
type ResponseFacts = (u16, Framing, bool, Vec<(Vec<u8>, Vec<u8>)>);

fn describe_response(head: &ResponseHead, buf: &[u8]) -> ResponseFacts {
    (head.status(), head.framing(), head.is_reusable(), forwarded(head.fields(), buf))
}

fn writing_a_response_keeps_it(head: &ResponseHead, buf: &[u8], to: &ResponseTo<'_>) {
    let mut out = Vec::new();
    head.write_forwarded(buf, &mut out);
    if head.declares_chunked() {
        write::chunked(&mut out);
    }
    if head.status() == 101 {
        write::upgrade(&mut out, to.upgrade.expect("101 is only accepted where an upgrade was offered"));
    }
    write::end(&mut out);
    let mut again = ResponseHead::new();
    let limits = HeadLimits { max_bytes: usize::MAX, max_fields: usize::MAX };
    assert_eq!(again.parse(&mut out, &limits, to), Ok(Progress::Complete { len: out.len() }));
    assert_eq!((again.status(), again.framing(), again.kind()), (head.status(), head.framing(), head.kind()));
    let fields = forwarded(again.fields(), &out);
    assert_eq!(fields, forwarded(head.fields(), buf));
}

fn httparse_agrees_on_response(head: &ResponseHead, buf: &[u8], len: usize) {
    // Higher minor versions are 1.1 to us and refused there.
    if !matches!(buf[7], b'0' | b'1') {
        return;
    }
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut response = httparse::Response::new(&mut headers);
    assert_eq!(response.parse(&buf[..len]), Ok(httparse::Status::Complete(len)));
    assert_eq!(response.code, Some(head.status()));
    // What was taken out (Content-Length: 0 of a 204) is not ours any more.
    if head.fields().iter().count() == head.fields().received() {
        same_fields(response.headers, head.fields(), buf);
    }
}

/// What a body was: its data, its trailer section, how many bytes were taken, and how it ended.
type Body = (Vec<u8>, Vec<u8>, usize, Result<bool, BodyError>);

fn decode(framing: Framing, bytes: &[u8], pieces: &[usize]) -> Body {
    let mut decoder = BodyDecoder::new(framing, &LIMITS);
    let (mut data, mut trailers, mut given, mut at) = (Vec::new(), Vec::new(), 0, 0);
    for &piece in pieces {
        given += piece;
        loop {
            let input = &bytes[at..given];
            match decoder.decode(input) {
                Ok(step) => {
                    at += step.consumed;
                    match step.event {
                        BodyEvent::NeedMore => break,
                        BodyEvent::Data(range) => data.extend_from_slice(&input[range]),
                        BodyEvent::Trailers(range) => trailers.extend_from_slice(&input[range]),
                        BodyEvent::End => return (data, trailers, at, Ok(true)),
                    }
                }
                // How much of the data before a fault gets through may depend on the split; nothing of it is a message.
                Err(error) => return (Vec::new(), Vec::new(), 0, Err(error)),
            }
        }
        assert_eq!(at, given, "bytes are left without an end");
    }
    (data, trailers, at, Ok(decoder.is_done()))
}

/// A body in chunks, and one of a known length: the same however it is split, as a plain reader finds it, and the same
/// again after it was written.
pub fn body(bytes: &[u8]) {
    for framing in [Framing::Chunked, Framing::Length(bytes.len() as u64 / 2), Framing::UntilClose, Framing::None] {
        let outcomes = splits(bytes).map(|pieces| decode(framing, bytes, &pieces));
        assert_eq!(outcomes[0], outcomes[1], "byte by byte");
        assert_eq!(outcomes[0], outcomes[2], "in pieces");
    }
    let (data, trailers, consumed, end) = decode(Framing::Chunked, bytes, &[bytes.len()]);
    if end != Ok(true) {
        return;
    }
    assert_eq!(plain_chunks(bytes), Some((data.clone(), consumed)));
    let mut section = trailers.clone();
    assert_eq!(crate::body::Trailers::default().parse(&mut section), Ok::<(), HeadError>(()));
    let mut written = Vec::new();
    for piece in data.chunks(5) {
        push_chunk(&mut written, piece);
    }
    written.extend_from_slice(LAST_CHUNK);
    let again = decode(Framing::Chunked, &written, &[written.len()]);
    assert_eq!(again, (data, Vec::new(), written.len(), Ok(true)));
}

/// The data and the length of a complete chunked body, found in the simplest way.
fn plain_chunks(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let line_end = |from: usize| bytes[from..].windows(2).position(|two| two == b"\r\n").map(|at| from + at);
    let (mut data, mut at) = (Vec::new(), 0);
    loop {
        let end = line_end(at)?;
        let digits = bytes[at..end].iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[at..at + digits]).ok()?, 16).ok()?;
        at = end + 2;
        if size == 0 {
            break;
        }
        data.extend_from_slice(bytes.get(at..at + size)?);
        at += size + 2;
    }
    loop {
        let end = line_end(at)?;
        if end == at {
            return Some((data, end + 2));
        }
        at = end + 2;
    }
}

/// A path: canonical form is stable, has no dot segments or backslashes, and leaves the query alone.
pub fn path(bytes: &[u8]) {
    let mut sent = vec![b'/'];
    sent.extend(bytes.iter().filter(|b| b.is_ascii_graphic()));
    for mode in
        [Normalization::None, Normalization::Base, Normalization::MergeSlashes, Normalization::DecodeAndMergeSlashes]
    {
        let mut out = Vec::new();
        let Ok(canonical) = canonicalize(&sent, mode, &mut out) else { continue };
        let once = canonical.of(&sent, &out).to_vec();
        let mut out = Vec::new();
        let twice = canonicalize(&once, mode, &mut out).map(|canonical| canonical.of(&once, &out).to_vec());
        assert_eq!(twice.as_ref(), Ok(&once), "{mode:?} of {:?}", String::from_utf8_lossy(&sent));
        let query = |path: &[u8]| {
            let path = path.split(|&b| b == b'#').next().unwrap_or_default();
            path.iter().position(|&b| b == b'?').map(|at| path[at..].to_vec())
        };
        assert_eq!(query(&once), query(&sent));
        if mode != Normalization::None {
            let path = once.split(|&b| b == b'?').next().unwrap_or_default();
            assert!(path.starts_with(b"/") && !path.contains(&b'\\') && !path.contains(&b'#'));
            for segment in path.split(|&b| b == b'/') {
                let name = segment.split(|&b| b == b';').next().unwrap_or_default();
                assert!(name != b"." && name != b"..", "{:?}", String::from_utf8_lossy(&once));
            }
        }
    }
}

#[cfg(test)]
mod tests;
