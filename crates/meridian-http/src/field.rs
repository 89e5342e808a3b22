//! The fields of a head: positions in the caller's buffer, in order, duplicates kept.

use crate::{FieldName, KnownHeader, Span};

/// The gateway does not send this field on: it is hop-by-hop, or something removed it.
const NOT_FORWARDED: u8 = 1;
/// Nobody sees this field any more.
const GONE: u8 = 2;
/// The line is not exactly `name: value CRLF`, so it cannot be copied.
const IRREGULAR: u8 = 4;

/// One field line of a head.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    name_start: u32,
    value_start: u32,
    value_end: u32,
    line_end: u32,
    name_len: u16,
    known: KnownHeader,
    flags: u8,
}

impl Field {
    /// A field at `name` and `value`, whose line ends, with its line end, before `line_end`.
    pub(crate) fn new(name: Span, value: Span, line_end: usize, known: KnownHeader, regular: bool) -> Self {
        Self {
            name_start: name.start,
            value_start: value.start,
            value_end: value.end,
            line_end: line_end as u32,
            name_len: name.len() as u16,
            known,
            flags: if regular { 0 } else { IRREGULAR },
        }
    }

    /// The number of the name.
    #[must_use]
    pub const fn known(&self) -> KnownHeader {
        self.known
    }

    /// Where the name stands, in lower case.
    #[must_use]
    pub const fn name(&self) -> Span {
        Span { start: self.name_start, end: self.name_start + self.name_len as u32 }
    }

    /// Where the value stands, without blanks around it.
    #[must_use]
    pub const fn value(&self) -> Span {
        Span { start: self.value_start, end: self.value_end }
    }

    /// Whether the gateway sends this field on as it is.
    #[must_use]
    pub const fn is_forwarded(&self) -> bool {
        self.flags & (NOT_FORWARDED | GONE) == 0
    }

    /// Keeps the field visible, but does not send it on.
    pub const fn do_not_forward(&mut self) {
        self.flags |= NOT_FORWARDED;
    }

    /// Narrows the value; the line is written anew when it is sent on.
    pub(crate) const fn narrow(&mut self, value: Span) {
        self.value_start = value.start;
        self.value_end = value.end;
        self.flags |= IRREGULAR;
    }

    const fn is_gone(&self) -> bool {
        self.flags & GONE != 0
    }

    fn is_named(&self, name: &FieldName, buf: &[u8]) -> bool {
        self.known == name.known()
            && (self.known != KnownHeader::Other || self.name().of(buf) == name.as_str().as_bytes())
    }
}

/// The fields of a head, in the order of the lines.
///
/// All positions are in the buffer that the head was parsed from; methods that look at bytes take it as `buf`.
/// Names in it are in lower case since the parser went over them, as Envoy sends them; values are as they were sent.
///
/// Two things can happen to a field after parsing. [`Field::do_not_forward`] keeps it visible to routing, policies and
/// the log, but leaves it out of [`Fields::write_forwarded`]; hop-by-hop fields start so. [`Fields::remove`] makes it
/// as if it never came.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    list: Vec<Field>,
    known: u128,
}

impl Fields {
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.known = 0;
    }

    pub(crate) fn push(&mut self, field: Field) {
        self.known |= field.known.bit();
        self.list.push(field);
    }

    /// Number of field lines that were received.
    #[must_use]
    pub fn received(&self) -> usize {
        self.list.len()
    }

    /// All fields but the removed ones, forwarded or not.
    pub fn iter(&self) -> impl Iterator<Item = &Field> {
        self.list.iter().filter(|field| !field.is_gone())
    }

    /// All fields but the removed ones, to change what is sent on.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Field> {
        self.list.iter_mut().filter(|field| !field.is_gone())
    }

    /// Whether there is a field of this name; a look at one bit, no search.
    #[must_use]
    pub const fn has(&self, known: KnownHeader) -> bool {
        self.known & known.bit() != 0
    }

    /// The value of the first field of this name. `known` is not [`KnownHeader::Other`].
    #[must_use]
    pub fn get<'a>(&self, known: KnownHeader, buf: &'a [u8]) -> Option<&'a [u8]> {
        if !self.has(known) {
            return None;
        }
        self.iter().find(|field| field.known == known).map(|field| field.value().of(buf))
    }

    /// The value of the first field of this name.
    #[must_use]
    pub fn first<'a>(&self, name: &FieldName, buf: &'a [u8]) -> Option<&'a [u8]> {
        self.has(name.known()).then(|| self.iter().find(|field| field.is_named(name, buf)))?.map(|f| f.value().of(buf))
    }

    /// The values of all fields of this name, in order, never joined.
    pub fn values<'a>(&'a self, name: &'a FieldName, buf: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let some = self.has(name.known());
        self.iter().filter(move |field| some && field.is_named(name, buf)).map(|field| field.value().of(buf))
    }

    /// Takes all fields of this name out, for every reader. Returns whether there were any.
    pub fn remove(&mut self, name: &FieldName, buf: &[u8]) -> bool {
        if name.known() != KnownHeader::Other {
            return self.remove_known(name.known());
        }
        let mut found = false;
        for field in self.list.iter_mut().filter(|field| !field.is_gone() && field.is_named(name, buf)) {
            field.flags |= GONE;
            found = true;
        }
        found
    }

    /// Takes all fields of this known name out, for every reader. Returns whether there were any.
    pub fn remove_known(&mut self, known: KnownHeader) -> bool {
        if known == KnownHeader::Other || !self.has(known) {
            return false;
        }
        self.known &= !known.bit();
        for field in self.list.iter_mut().filter(|field| field.known == known) {
            field.flags |= GONE;
        }
        true
    }

    /// Appends the field lines that are sent on to `out`, each `name: value CRLF`.
    ///
    /// Adjacent lines are copied in one piece; only a line with unusual blanks is written anew.
    pub fn write_forwarded(&self, buf: &[u8], out: &mut Vec<u8>) {
        self.write_forwarded_without(KnownHeader::Other, buf, out);
    }

    /// As [`Fields::write_forwarded`], without the fields named `left_out`, if that is not [`KnownHeader::Other`].
    pub fn write_forwarded_without(&self, left_out: KnownHeader, buf: &[u8], out: &mut Vec<u8>) {
        let left_out = if left_out == KnownHeader::Other { 0 } else { left_out.bit() };
        let mut run: Option<Span> = None;
        for field in &self.list {
            if field.flags == 0 && field.known.bit() & left_out == 0 {
                let start = run.map_or(field.name_start, |run| run.start);
                run = Some(Span { start, end: field.line_end });
                continue;
            }
            if let Some(run) = run.take() {
                out.extend_from_slice(run.of(buf));
            }
            if field.is_forwarded() && field.known.bit() & left_out == 0 {
                crate::write::field(out, field.name().of(buf), field.value().of(buf));
            }
        }
        if let Some(run) = run {
            out.extend_from_slice(run.of(buf));
        }
    }
}
