//! The gateway's own fields, beside those of a received head.

use meridian_http::{Field, FieldName, Fields, KnownHeader, write};
use std::ops::Range;

/// Fields that are added to a head, written out as they will be sent.
#[derive(Debug, Default)]
pub(super) struct Extra {
    bytes: Vec<u8>,
    fields: Vec<Added>,
    removed: bool,
}

#[derive(Debug)]
struct Added {
    known: KnownHeader,
    line: Range<u32>,
    value: Range<u32>,
    removed: bool,
}

impl Extra {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.fields.clear();
        self.removed = false;
    }

    /// Adds a field whose value `write` appends.
    pub(super) fn add_with(&mut self, known: KnownHeader, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b": ");
        let value = self.bytes.len() as u32;
        write(&mut self.bytes);
        let end = self.bytes.len() as u32;
        self.bytes.extend_from_slice(b"\r\n");
        self.fields.push(Added { known, line: start..end + 2, value: value..end, removed: false });
    }

    /// Adds a known field.
    pub(super) fn add(&mut self, known: KnownHeader, value: &[u8]) {
        self.add_with(known, known.name(), |out| out.extend_from_slice(value));
    }

    /// Adds a known field with a number.
    pub(super) fn add_number(&mut self, known: KnownHeader, value: u64) {
        self.add_with(known, known.name(), |out| write::decimal(out, value));
    }

    fn is_named(&self, field: &Added, name: Wanted<'_>) -> bool {
        let bytes = &self.bytes[field.line.start as usize..field.value.start as usize - 2];
        field.known == name.known && !field.removed && (name.is_known() || bytes == name.name.as_bytes())
    }

    fn remove(&mut self, name: Wanted<'_>) {
        for index in 0..self.fields.len() {
            if self.is_named(&self.fields[index], name) {
                self.fields[index].removed = true;
                self.removed = true;
            }
        }
    }

    pub(super) fn remove_known(&mut self, known: KnownHeader) {
        for field in self.fields.iter_mut().filter(|field| field.known == known) {
            field.removed = true;
            self.removed = true;
        }
    }

    fn values<'a>(&'a self, name: Wanted<'_>) -> impl Iterator<Item = &'a [u8]> {
        let named = self.fields.iter().filter(move |field| self.is_named(field, name));
        named.map(|field| &self.bytes[field.value.start as usize..field.value.end as usize])
    }

    /// Whether there is a field of this name.
    pub(super) fn has(&self, known: KnownHeader) -> bool {
        self.fields.iter().any(|field| field.known == known && !field.removed)
    }

    /// Appends the fields, each `name: value CRLF`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        if !self.removed {
            out.extend_from_slice(&self.bytes);
            return;
        }
        for field in self.fields.iter().filter(|field| !field.removed) {
            out.extend_from_slice(&self.bytes[field.line.start as usize..field.line.end as usize]);
        }
    }
}

/// The fields of a message as they are sent on: those received that stay, and the gateway's own.
#[derive(Clone, Copy)]
pub(super) struct FieldsView<'m> {
    pub(super) fields: &'m Fields,
    pub(super) buf: &'m [u8],
    pub(super) extra: &'m Extra,
}

impl<'m> FieldsView<'m> {
    /// All values of a field, also of one that is not sent on.
    pub(super) fn values(self, name: Wanted<'_>) -> impl Iterator<Item = &'m [u8]> {
        let some = self.fields.has(name.known);
        let is_named = move |field: &&Field| {
            field.known() == name.known && (name.is_known() || field.name().of(self.buf) == name.name.as_bytes())
        };
        let received = self.fields.iter().filter(move |field| some && is_named(field));
        received.map(move |field| field.value().of(self.buf)).chain(self.extra.values(name))
    }

    /// Bytes of names and values.
    pub(super) fn byte_size(self) -> u64 {
        let received = self.fields.iter().map(|field| field.name().len() + field.value().len());
        let added = self.extra.fields.iter().filter(|field| !field.removed);
        let added = added.map(|field| field.line.len() - b": \r\n".len());
        (received.sum::<usize>() + added.sum::<usize>()) as u64
    }

    /// The first of them.
    pub(super) fn first(self, name: &str) -> Option<&'m [u8]> {
        self.values(Wanted::new(name)).next()
    }
}

/// A name that is looked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'n> {
    known: KnownHeader,
    name: &'n str,
}

impl<'n> Wanted<'n> {
    /// `name` is in lower case.
    pub(super) fn new(name: &'n str) -> Self {
        Self { known: KnownHeader::from_lower(name.as_bytes()), name }
    }

    fn is_known(self) -> bool {
        self.known != KnownHeader::Other
    }
}

impl<'n> From<&'n FieldName> for Wanted<'n> {
    fn from(name: &'n FieldName) -> Self {
        Self { known: name.known(), name: name.as_str() }
    }
}

/// Takes a field out of a message, wherever it is.
pub(super) fn remove(fields: &mut Fields, buf: &[u8], extra: &mut Extra, name: &FieldName) {
    fields.remove(name, buf);
    extra.remove(name.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_fields_are_found_removed_and_written() {
        let mut extra = Extra::default();
        extra.add(KnownHeader::XRequestId, b"1");
        extra.add_with(KnownHeader::Other, "x-own", |out| out.extend_from_slice(b"a"));
        extra.add_with(KnownHeader::Other, "x-own", |out| out.extend_from_slice(b"b"));
        extra.add_number(KnownHeader::XEnvoyAttemptCount, 12);
        let view = FieldsView { fields: &Fields::default(), buf: b"", extra: &extra };
        assert_eq!(view.first("x-own"), Some(&b"a"[..]));
        assert_eq!(view.first("x-envoy-attempt-count"), Some(&b"12"[..]));
        assert_eq!(view.values(Wanted::new("x-own")).collect::<Vec<_>>(), [b"a", b"b"]);
        extra.remove((&FieldName::new("X-Own")).into());
        assert!(extra.has(KnownHeader::XRequestId));
        let mut out = Vec::new();
        extra.write(&mut out);
        assert_eq!(out, b"x-request-id: 1\r\nx-envoy-attempt-count: 12\r\n");
    }
}
