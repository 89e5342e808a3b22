use super::{MAGIC, RecordError, RecordKind, decode, encode};
use crate::keyring::Keyring;
use crate::{GroupResource, Key};

fn key(plural: &str) -> Key {
    Key::new(GroupResource::new("", plural), "default", "one")
}

const BODY: &str = r#"{"name":"one"},"data":{"password":"aHVudGVyMg=="}}"#;

#[test]
fn a_row_reads_as_it_was_written() {
    let keyring = Keyring::generate().expect("a key");
    for (plural, kind) in [("configmaps", RecordKind::Object), ("secrets", RecordKind::Modified)] {
        let row = encode(kind, &key(plural), (7, 5), BODY, &keyring).expect("a row");
        let read = decode(&row, &keyring).expect("the same row");
        assert_eq!((read.kind, read.key, read.revision, read.version), (kind, key(plural), 7, 5));
        assert_eq!(&*read.body, BODY);
    }
}

#[test]
fn a_confidential_body_is_not_in_its_row_and_no_two_rows_are_alike() {
    let keyring = Keyring::generate().expect("a key");
    let row = || encode(RecordKind::Object, &key("secrets"), (7, 7), BODY, &keyring).expect("a row");
    let (first, second) = (row(), row());
    assert!(!first.windows(8).any(|window| window == b"password"));
    assert_ne!(first, second, "each row has a nonce of its own");
    let open = encode(RecordKind::Object, &key("configmaps"), (7, 7), BODY, &keyring).expect("a row");
    assert!(open.windows(8).any(|window| window == b"password"), "others are not encrypted");
}

/// Whatever byte changes, the row is refused, and never read as another one.
#[test]
fn every_flipped_bit_is_noticed() {
    let keyring = Keyring::generate().expect("a key");
    for plural in ["configmaps", "secrets"] {
        let row = encode(RecordKind::Object, &key(plural), (7, 7), BODY, &keyring).expect("a row");
        for bit in 0..row.len() * 8 {
            let mut damaged = row.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            decode(&damaged, &keyring).expect_err("damaged");
        }
        for length in 0..row.len() {
            decode(&row[..length], &keyring).expect_err("cut");
        }
    }
}

/// With a checksum that fits, as somebody who changes the file would make it.
#[test]
fn a_sealed_body_opens_only_in_its_own_row() {
    let keyring = Keyring::generate().expect("a key");
    let row = encode(RecordKind::Object, &key("secrets"), (7, 7), BODY, &keyring).expect("a row");
    // The kind, the revision, the version, the name, and the body.
    let name = row.windows(3).rposition(|window| window == b"one").expect("the name");
    for at in [8, 20, 28, name, row.len() - 12] {
        let mut forged = row[..row.len() - 8].to_vec();
        forged[at] = if at == 8 { b'M' } else { forged[at] ^ 1 };
        let checksum = twox_hash::XxHash64::oneshot(0, &forged);
        forged.extend_from_slice(&checksum.to_le_bytes());
        assert!(matches!(decode(&forged, &keyring), Err(RecordError::Forged(_))), "byte {at}");
    }
    let other = Keyring::generate().expect("a key");
    assert!(matches!(decode(&row, &other), Err(RecordError::NoKey(..))));
}

#[test]
fn no_json_text_contains_the_magic() {
    assert!(std::str::from_utf8(&MAGIC[..]).is_err());
}
