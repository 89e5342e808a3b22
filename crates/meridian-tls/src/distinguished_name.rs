//! Names of subjects and issuers as RFC 2253 writes them, with the choices of OpenSSL's `XN_FLAG_RFC2253`, which Envoy
//! prints.

use crate::der::{Der, OBJECT_IDENTIFIER, SEQUENCE, SET, Value};
use std::fmt::Write;

/// OpenSSL's short names of attributes, by the content of their object identifiers.
const SHORT_NAMES: [(&[u8], &str); 21] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x55, 4, 13], "description"),
    (&[0x55, 4, 17], "postalCode"),
    (&[0x55, 4, 41], "name"),
    (&[0x55, 4, 42], "GN"),
    (&[0x55, 4, 43], "initials"),
    (&[0x55, 4, 46], "dnQualifier"),
    (&[0x55, 4, 65], "pseudonym"),
    (&[0x55, 4, 97], "organizationIdentifier"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 1, 1], "UID"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 1, 25], "DC"),
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 1], "emailAddress"),
];

/// Prints the content of a `Name`; `None` when it is malformed.
pub(crate) fn rfc2253(content: &[u8]) -> Option<String> {
    let mut sets = Vec::new();
    let mut list = Der(content);
    while !list.0.is_empty() {
        sets.push(list.expect(SET)?);
    }
    let mut out = String::new();
    for (position, set) in sets.into_iter().rev().enumerate() {
        if position > 0 {
            out.push(',');
        }
        let mut attributes = Vec::new();
        let mut list = Der(set);
        while !list.0.is_empty() {
            attributes.push(list.expect(SEQUENCE)?);
        }
        for (position, attribute) in attributes.into_iter().rev().enumerate() {
            if position > 0 {
                out.push('+');
            }
            let mut attribute = Der(attribute);
            let id = attribute.expect(OBJECT_IDENTIFIER)?;
            print(&mut out, id, attribute.next()?);
        }
    }
    Some(out)
}

fn print(out: &mut String, id: &[u8], value: Value<'_>) {
    let short = SHORT_NAMES.iter().find(|(known, _)| *known == id).map(|(_, name)| *name);
    match short {
        Some(name) => out.push_str(name),
        None => dotted(out, id),
    }
    out.push('=');
    match text(value).filter(|_| short.is_some()) {
        Some(text) => escape(out, &text),
        None => {
            out.push('#');
            push_hexadecimal(out, value.whole);
        }
    }
}

fn push_hexadecimal(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02X}");
    }
}

/// The text of a string value of any of the kinds that names use.
fn text(value: Value<'_>) -> Option<String> {
    const UTF8: u8 = 0x0C;
    const NUMERIC: u8 = 0x12;
    const PRINTABLE: u8 = 0x13;
    const T61: u8 = 0x14;
    const IA5: u8 = 0x16;
    const UNIVERSAL: u8 = 0x1C;
    const BMP: u8 = 0x1E;
    match value.tag {
        UTF8 => String::from_utf8(value.content.to_vec()).ok(),
        NUMERIC | PRINTABLE | T61 | IA5 => Some(value.content.iter().map(|byte| char::from(*byte)).collect()),
        BMP => {
            let (units, []) = value.content.as_chunks::<2>() else { return None };
            String::from_utf16(&units.iter().map(|unit| u16::from_be_bytes(*unit)).collect::<Vec<_>>()).ok()
        }
        UNIVERSAL => {
            let (units, []) = value.content.as_chunks::<4>() else { return None };
            units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit))).collect()
        }
        _ => None,
    }
}

/// Special characters get a backslash; control characters and what is not ASCII are written as the hexadecimal of their
/// UTF-8.
fn escape(out: &mut String, text: &str) {
    let last = text.chars().count().saturating_sub(1);
    for (position, char) in text.chars().enumerate() {
        let is_special = matches!(char, ',' | '+' | '"' | '\\' | '<' | '>' | ';')
            || (char == '#' && position == 0)
            || (char == ' ' && (position == 0 || position == last));
        if is_special {
            out.push('\\');
            out.push(char);
        } else if char.is_ascii() && !char.is_ascii_control() {
            out.push(char);
        } else {
            for byte in char.encode_utf8(&mut [0; 4]).bytes() {
                out.push('\\');
                push_hexadecimal(out, &[byte]);
            }
        }
    }
}

/// `1.2.840.113549`
fn dotted(out: &mut String, id: &[u8]) {
    let mut number = 0_u64;
    let mut is_first = true;
    for byte in id {
        number = number.wrapping_shl(7) | u64::from(byte & 0x7F);
        if byte & 0x80 != 0 {
            continue;
        }
        // Writing to a string cannot fail.
        if std::mem::take(&mut is_first) {
            let top = (number / 40).min(2);
            let _ = write!(out, "{top}.{}", number - top * 40);
        } else {
            let _ = write!(out, ".{number}");
        }
        number = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_identifiers_without_a_name_are_dotted_and_their_values_dumped() {
        let mut out = String::new();
        let value = Value { tag: 0x0C, content: b"ab", whole: &[0x0C, 2, b'a', b'b'] };
        print(&mut out, &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 2], value);
        assert_eq!(out, "1.2.840.113549.1.9.2=#0C026162");
    }
}
