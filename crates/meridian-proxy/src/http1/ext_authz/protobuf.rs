//! `envoy.service.auth.v3`: the question and the answer of `Authorization/Check` in protobuf's wire format, as far as
//! they are used.

use super::verdict::{Change, Denial, Passage, Verdict};
use super::{Asked, field};
use meridian_http::FieldName;
use std::net::SocketAddr;
use std::time::SystemTime;

/// Why an answer is not read.
const MALFORMED: &str = "its answer is no CheckResponse";

/// The status of a denial that names none.
const FORBIDDEN: u16 = 403;

/// A message that grows field by field.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u64, value: u64) {
        if value != 0 {
            self.varint(field << 3);
            self.varint(value);
        }
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.message(field, bytes);
        }
    }

    fn message(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn with(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.message(field, &inner.0);
    }
}

/// `CheckRequest` about a request of which `headers` are told.
pub(super) fn check_request<'a>(asked: &'a Asked, headers: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
    let mut request = Writer::default();
    request.with(1, |attributes| {
        attributes.with(1, |source| peer(source, asked.source, asked.principal.as_deref()));
        attributes.with(2, |destination| peer(destination, asked.destination, None));
        attributes.with(4, |of_request| {
            of_request.with(1, |time| {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                time.number(1, now.as_secs());
                time.number(2, now.subsec_nanos().into());
            });
            of_request.with(2, |http| http_request(http, asked, headers));
        });
    });
    request.0
}

fn peer(writer: &mut Writer, address: SocketAddr, principal: Option<&str>) {
    writer.with(1, |any| {
        any.with(1, |socket| {
            socket.bytes(2, address.ip().to_canonical().to_string().as_bytes());
            socket.number(3, address.port().into());
        });
    });
    writer.bytes(4, principal.unwrap_or_default().as_bytes());
}

fn http_request<'a>(http: &mut Writer, asked: &'a Asked, headers: impl Iterator<Item = (&'a [u8], &'a [u8])>) {
    let (method, path) = asked.line();
    http.bytes(1, asked.id.to_string().as_bytes());
    http.bytes(2, method);
    let pseudo: [(&[u8], &[u8]); 4] = [
        (b":method", method),
        (b":path", path),
        (b":authority", &asked.authority),
        (b":scheme", asked.scheme.as_bytes()),
    ];
    for (name, value) in pseudo.into_iter().chain(headers).chain(asked.partial_body()) {
        http.with(3, |entry| {
            entry.bytes(1, name);
            entry.bytes(2, value);
        });
    }
    http.bytes(4, path);
    http.bytes(5, &asked.authority);
    http.bytes(6, asked.scheme.as_bytes());
    http.number(9, asked.length.unwrap_or(u64::MAX));
    http.bytes(10, if asked.is_http2 { b"HTTP/2" } else { b"HTTP/1.1" });
    http.bytes(12, &asked.body.bytes);
}

/// A value in a message.
enum Value<'b> {
    Number(u64),
    Bytes(&'b [u8]),
    Other,
}

/// The fields of a message, in its order.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next field; the inner `None` at the end.
    fn next(&mut self) -> Option<Option<(u64, Value<'b>)>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.take(8).map(|_| Value::Other)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Other)?,
            _ => return None,
        };
        Some(Some((key >> 3, value)))
    }
}

/// Calls `take` with each field; `None` when the message cannot be read, or `take` cannot read a field.
fn each<'b>(message: &'b [u8], mut take: impl FnMut(u64, Value<'b>) -> Option<()>) -> Option<()> {
    let mut reader = Reader(message);
    while let Some((number, value)) = reader.next()? {
        take(number, value)?;
    }
    Some(())
}

/// The `CheckResponse` behind the length of a gRPC message.
pub(super) fn verdict(body: &[u8]) -> Result<Verdict, &'static str> {
    let (frame, message) = body.split_at_checked(5).ok_or(MALFORMED)?;
    let length = u32::from_be_bytes([frame[1], frame[2], frame[3], frame[4]]) as usize;
    if frame[0] != 0 || message.len() != length {
        return Err("its answer is compressed, or is not one message");
    }
    let (mut code, mut denied, mut ok) = (0, None, None);
    let read = each(message, |number, value| {
        match (number, value) {
            (1, Value::Bytes(status)) => each(status, |number, value| {
                if let (1, Value::Number(found)) = (number, value) {
                    code = found;
                }
                Some(())
            })?,
            (2, Value::Bytes(bytes)) => denied = Some(bytes),
            (3, Value::Bytes(bytes)) => ok = Some(bytes),
            _ => {}
        }
        Some(())
    });
    read.ok_or(MALFORMED)?;
    match code {
        0 => passage(ok.unwrap_or_default()).map(Verdict::Passes),
        _ => denial(denied.unwrap_or_default()).map(Verdict::Denied).ok_or(MALFORMED),
    }
}

/// `OkHttpResponse`
fn passage(message: &[u8]) -> Result<Passage, &'static str> {
    let (mut passage, mut unsupported) = (Passage::default(), false);
    let read = each(message, |number, value| {
        match (number, value) {
            (2, Value::Bytes(option)) => passage.request.extend(header_value_option(option)?),
            (5, Value::Bytes(name)) => passage.remove.extend(field(name, b"").map(|(name, _)| name)),
            (6, Value::Bytes(option)) => passage.response.extend(header_value_option(option)?),
            (7 | 8, _) => unsupported = true,
            _ => {}
        }
        Some(())
    });
    read.ok_or(MALFORMED)?;
    if unsupported {
        return Err("it changes query parameters, which is not supported");
    }
    Ok(passage)
}

/// `DeniedHttpResponse`
fn denial(message: &[u8]) -> Option<Denial> {
    let mut denial = Denial { status: FORBIDDEN, headers: Vec::new(), body: Vec::new() };
    each(message, |number, value| {
        match (number, value) {
            (1, Value::Bytes(status)) => each(status, |number, value| {
                if let (1, Value::Number(code)) = (number, value) {
                    let code = u16::try_from(code).ok().filter(|code| (200..600).contains(code));
                    denial.status = code.unwrap_or(FORBIDDEN);
                }
                Some(())
            })?,
            (2, Value::Bytes(option)) => {
                denial.headers.extend(header_value_option(option)?.map(|change| (change.name, change.value)));
            }
            (3, Value::Bytes(body)) => denial.body = body.to_vec(),
            _ => {}
        }
        Some(())
    })?;
    Some(denial)
}

/// `HeaderValueOption`; the inner `None` for a field that must not be touched.
fn header_value_option(message: &[u8]) -> Option<Option<Change>> {
    let (mut name, mut value, mut appends): (&[u8], &[u8], bool) = (b"", b"", false);
    each(message, |number, found| {
        match (number, found) {
            (1, Value::Bytes(header)) => each(header, |number, found| {
                match (number, found) {
                    (1, Value::Bytes(key)) => name = key,
                    (2 | 3, Value::Bytes(text)) => value = text,
                    _ => {}
                }
                Some(())
            })?,
            (2, Value::Bytes(flag)) => each(flag, |number, found| {
                appends = matches!((number, found), (1, Value::Number(1)));
                Some(())
            })?,
            _ => {}
        }
        Some(())
    })?;
    let change = |(name, value): (FieldName, Vec<u8>)| Change { name, value, appends };
    Some(field(name, value).map(change))
}
