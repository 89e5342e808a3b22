//! What proxies of the mesh tell each other about their workloads, for metrics: `x-envoy-peer-metadata-id` with the
//! node's id, and `x-envoy-peer-metadata` with a `google.protobuf.Struct` in base64, as Istio's metadata exchange does.
//!
//! It is told to endpoints of the mesh only, so that nobody outside learns of it, and believed from whoever has shown a
//! certificate of the mesh.

use crate::ProxyOptions;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meridian_ir::endpoint::Workload;

/// What a proxy tells of itself.
#[derive(Debug)]
pub struct PeerMetadata {
    /// `x-envoy-peer-metadata-id`
    pub id: String,
    /// `x-envoy-peer-metadata`
    pub metadata: String,
}

impl PeerMetadata {
    /// What a proxy that was started with `options` tells; `None`: nothing, because it has no id.
    #[must_use]
    pub fn new(options: &ProxyOptions) -> Option<Self> {
        let id = options.node_id.clone()?;
        let told = |name: &str| {
            let label = options.metric_labels.iter().find(|(label, _)| label.strip_prefix("source_") == Some(name));
            label.map_or_else(|| "".into(), |(_, value)| value.as_str().into())
        };
        let workload = Workload {
            name: told("workload"),
            namespace: told("workload_namespace"),
            canonical_name: told("canonical_service"),
            canonical_revision: told("canonical_revision"),
            cluster: told("cluster"),
        };
        Some(Self { id, metadata: encode(&workload) })
    }
}

/// A peer's value as it came last on a connection, and what it means: most peers send the same with every request.
#[derive(Debug, Default)]
pub struct KnownPeer {
    value: Vec<u8>,
    workload: Option<Workload>,
}

impl KnownPeer {
    /// Reads `value`, if it is another than the last.
    pub fn read(&mut self, value: &[u8]) {
        if self.value != value {
            self.value.clear();
            self.value.extend_from_slice(value);
            self.workload = decode(value);
        }
    }

    /// What the last value means.
    #[must_use]
    pub fn workload(&self) -> Option<&Workload> {
        self.workload.as_ref()
    }
}

/// A longer value is not read.
const MAX_VALUE: usize = 8 * 1024;

/// How deep structs in structs are followed; Istio's have their labels one level down.
const MAX_DEPTH: u8 = 3;

const CANONICAL_NAME: &str = "service.istio.io/canonical-name";
const CANONICAL_REVISION: &str = "service.istio.io/canonical-revision";

/// The value of `x-envoy-peer-metadata` for `workload`.
#[must_use]
pub fn encode(workload: &Workload) -> String {
    let mut labels = Vec::new();
    text(&mut labels, CANONICAL_NAME, &workload.canonical_name);
    text(&mut labels, CANONICAL_REVISION, &workload.canonical_revision);
    let mut fields = Vec::new();
    text(&mut fields, "CLUSTER_ID", &workload.cluster);
    field(&mut fields, "LABELS", STRUCT_VALUE, &labels);
    text(&mut fields, "NAMESPACE", &workload.namespace);
    text(&mut fields, "WORKLOAD_NAME", &workload.name);
    STANDARD.encode(&fields)
}

/// The workload that the value of `x-envoy-peer-metadata` tells of; what it does not tell is empty. `None`: it is not
/// such a value.
#[must_use]
pub fn decode(value: &[u8]) -> Option<Workload> {
    if value.len() > MAX_VALUE {
        return None;
    }
    let bytes = STANDARD.decode(value).ok()?;
    let mut workload = Workload::default();
    read(&bytes, &mut workload, MAX_DEPTH)?;
    Some(workload)
}

// Fields of google.protobuf.Struct, of its map's entries, and of google.protobuf.Value; all with a length.
const FIELDS: u8 = 1;
const KEY: u8 = 1;
const VALUE: u8 = 2;
const STRING_VALUE: u8 = 3;
const STRUCT_VALUE: u8 = 5;

fn text(out: &mut Vec<u8>, key: &str, value: &str) {
    if !value.is_empty() {
        field(out, key, STRING_VALUE, value.as_bytes());
    }
}

/// One entry of a Struct.
fn field(out: &mut Vec<u8>, key: &str, kind: u8, content: &[u8]) {
    let (mut value, mut entry) = (Vec::new(), Vec::new());
    delimited(&mut value, kind, content);
    delimited(&mut entry, KEY, key.as_bytes());
    delimited(&mut entry, VALUE, &value);
    delimited(out, FIELDS, &entry);
}

fn delimited(out: &mut Vec<u8>, field: u8, content: &[u8]) {
    out.push(field << 3 | 2);
    let mut length = content.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(content);
}

/// Reads the entries of a Struct.
fn read(mut bytes: &[u8], workload: &mut Workload, depth: u8) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    while !bytes.is_empty() {
        let (_, entry) = next(&mut bytes)?;
        let (mut key, mut value) = (&b""[..], &b""[..]);
        let mut rest = entry?;
        while !rest.is_empty() {
            match next(&mut rest)? {
                (KEY, Some(content)) => key = content,
                (VALUE, Some(content)) => value = content,
                _ => {}
            }
        }
        while !value.is_empty() {
            match next(&mut value)? {
                (STRING_VALUE, Some(content)) => set(workload, key, content),
                (STRUCT_VALUE, Some(content)) if key == b"LABELS" => read(content, workload, depth)?,
                _ => {}
            }
        }
    }
    Some(())
}

fn set(workload: &mut Workload, key: &[u8], value: &[u8]) {
    let Ok(value) = std::str::from_utf8(value) else { return };
    let place = match std::str::from_utf8(key) {
        Ok("WORKLOAD_NAME") => &mut workload.name,
        Ok("NAMESPACE") => &mut workload.namespace,
        Ok("CLUSTER_ID") => &mut workload.cluster,
        Ok(CANONICAL_NAME) => &mut workload.canonical_name,
        Ok(CANONICAL_REVISION) => &mut workload.canonical_revision,
        _ => return,
    };
    *place = value.into();
}

/// The next field of a protobuf message, with its content where it has a length.
fn next<'b>(bytes: &mut &'b [u8]) -> Option<(u8, Option<&'b [u8]>)> {
    let tag = varint(bytes)?;
    let field = u8::try_from(tag >> 3).ok()?;
    let take = |bytes: &mut &'b [u8], length: u64| {
        let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
        *bytes = rest;
        Some(taken)
    };
    match tag & 7 {
        0 => varint(bytes).map(|_| (field, None)),
        1 => take(bytes, 8).map(|_| (field, None)),
        2 => {
            let length = varint(bytes)?;
            take(bytes, length).map(|content| (field, Some(content)))
        }
        5 => take(bytes, 4).map(|_| (field, None)),
        _ => None,
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sleep() -> Workload {
        Workload {
            name: "sleep".into(),
            namespace: "default".into(),
            canonical_name: "sleep".into(),
            canonical_revision: "v1".into(),
            cluster: "Kubernetes".into(),
        }
    }

    #[test]
    fn what_is_told_is_understood() {
        assert_eq!(decode(encode(&sleep()).as_bytes()), Some(sleep()));
        assert_eq!(decode(b""), Some(Workload::default()));
        for broken in [&b"!!"[..], b"CgE", b"ZZZZZZZZ", &[b'A'; MAX_VALUE + 1]] {
            assert_eq!(decode(broken), None, "{}", String::from_utf8_lossy(broken));
        }
    }

    #[test]
    fn other_fields_are_passed_over() {
        let mut fields = Vec::new();
        text(&mut fields, "NAME", "pod-1");
        // X is the number 1, OK is true.
        delimited(&mut fields, FIELDS, b"\x0a\x01X\x12\x09\x11\0\0\0\0\0\0\xf0\x3f");
        delimited(&mut fields, FIELDS, b"\x0a\x02OK\x12\x02\x20\x01");
        text(&mut fields, "NAMESPACE", "shop");
        let workload = decode(STANDARD.encode(fields).as_bytes()).expect("a value");
        assert_eq!((&*workload.namespace, &*workload.name), ("shop", ""));
    }

    proptest! {
        #[test]
        fn anything_may_come(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = decode(&bytes);
            let _ = decode(STANDARD.encode(&bytes).as_bytes());
        }
    }
}
