use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{FILE, Keyring};

#[test]
fn a_key_file_reads_as_it_was_written_and_only_by_its_owner() {
    let dir = tempfile::tempdir().expect("a folder");
    assert!(Keyring::read(dir.path()).expect("readable").is_none());
    let keyring = Keyring::generate().expect("a key").rotated().expect("another");
    keyring.write(dir.path()).expect("written");
    let path = dir.path().join(FILE);
    let mode = || fs::metadata(&path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("changed");
    let read = Keyring::read(dir.path()).expect("readable").expect("there");
    assert_eq!((read.active(), read.has_old(), mode()), (keyring.active(), true, 0o600));
}

#[test]
fn a_key_file_that_is_damaged_says_where_and_not_what() {
    let dir = tempfile::tempdir().expect("a folder");
    Keyring::generate().expect("a key").write(dir.path()).expect("written");
    let path = dir.path().join(FILE);
    let text = fs::read_to_string(&path).expect("text");
    let line = text.lines().last().expect("a line");
    let (id, key) = line.split_once(' ').expect("two words");
    let changed = format!("{id} {}{}", if key.starts_with('A') { "B" } else { "A" }, &key[1..]);
    for (content, expected) in [
        (String::new(), "it holds no key"),
        ("# nothing\n".to_owned(), "it holds no key"),
        (format!("{id}\n"), "line 1: it is not `ID KEY`"),
        (format!("{id} {}\n", &key[..20]), "line 1: the key does not have 32 bytes"),
        (format!("# k\n{id} ???\n"), "line 2: the key is not base64"),
        (format!("{changed}\n"), "line 1: the key is not the one that its identifier names"),
    ] {
        fs::write(&path, &content).expect("written");
        assert_eq!(Keyring::read(dir.path()).expect_err(expected).to_string(), expected);
    }
}

#[test]
fn a_keyring_names_its_keys_only() {
    let keyring = Keyring::generate().expect("a key");
    assert_eq!(format!("{keyring:?}"), format!("[\"{:016x}\"]", keyring.active()));
}
