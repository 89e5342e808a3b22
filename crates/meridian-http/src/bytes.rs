//! Classes of bytes (RFC 9110 section 5.6.2, RFC 3986), as tables that are computed at compile time.

/// For a byte of a token its lower-case form, 0 for any other byte. A name is checked and lower-cased in one look-up.
pub(crate) const TOKEN_LOWER: [u8; 256] = token_lower();

const fn token_lower() -> [u8; 256] {
    let mut table = [0; 256];
    let mut b = 0;
    while b < 256 {
        let byte = b as u8;
        if byte.is_ascii_alphanumeric() || contains(b"!#$%&'*+-.^_`|~", byte) {
            table[b] = byte.to_ascii_lowercase();
        }
        b += 1;
    }
    table
}

/// Bytes of a request target: visible ASCII. What of it a URI cannot have, such as `"`, is encoded by
/// [`path::canonicalize`](crate::path::canonicalize), as Envoy does.
pub(crate) const TARGET: [bool; 256] = visible();

const fn visible() -> [bool; 256] {
    let mut table = [false; 256];
    let mut b = 0x21;
    while b < 0x7f {
        table[b] = true;
        b += 1;
    }
    table
}

/// Bytes of a registered name (RFC 3986 section 3.2.2) but the comma, which joins two Host headers, and `%`, which is
/// checked with its two digits.
pub(crate) const REG_NAME: [bool; 256] = reg_name();

const fn reg_name() -> [bool; 256] {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        let byte = b as u8;
        table[b] = byte.is_ascii_alphanumeric() || contains(b"-._~!$&'()*+;=", byte);
        b += 1;
    }
    table
}

const fn contains(set: &[u8], byte: u8) -> bool {
    let mut i = 0;
    while i < set.len() {
        if set[i] == byte {
            return true;
        }
        i += 1;
    }
    false
}

pub(crate) const fn is_token_byte(byte: u8) -> bool {
    TOKEN_LOWER[byte as usize] != 0
}

pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&b| is_token_byte(b))
}

/// A byte of a field value or a reason phrase: visible, blank, tab, or above ASCII (RFC 9110 section 5.5).
pub(crate) const fn is_field_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= 0x20 && byte != 0x7f)
}

/// Whether all bytes may stand in a field value, eight at a time.
pub(crate) fn is_field_value(bytes: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let x = u64::from_ne_bytes(*word);
        let below_blank = x.wrapping_sub(ONES * 0x20) & !x & HIGHS;
        let del = x ^ (ONES * 0x7f);
        let is_del = del.wrapping_sub(ONES) & !del & HIGHS;
        // A tab is below blank, too, and allowed; it is rare enough for the slow look.
        if (below_blank | is_del) != 0 && !word.iter().all(|&b| is_field_byte(b)) {
            return false;
        }
    }
    rest.iter().all(|&b| is_field_byte(b))
}

/// The bytes without blanks and tabs at both ends (`OWS` of RFC 9110 section 5.6.3).
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_values_are_judged_alike_one_by_one_and_in_words() {
        for byte in 0..=255u8 {
            for at in 0..20 {
                let mut value = [b'a'; 20];
                value[at] = byte;
                assert_eq!(is_field_value(&value), is_field_byte(byte), "byte {byte:#x} at {at}");
                value[(at + 1) % 20] = b'\t';
                assert_eq!(is_field_value(&value), is_field_byte(byte), "byte {byte:#x} at {at} beside a tab");
            }
        }
    }

    #[test]
    fn tokens_have_the_bytes_of_the_rfc() {
        let count = (0..=255u8).filter(|&b| is_token_byte(b)).count();
        assert_eq!(count, 26 * 2 + 10 + 15);
        assert!(is_token(b"X-a_b!#$%&'*+.^`|~0") && !is_token(b"") && !is_token(b"a b") && !is_token(b"a:"));
    }
}
