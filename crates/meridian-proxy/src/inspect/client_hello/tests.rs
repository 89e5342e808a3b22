use super::*;
use proptest::prelude::*;
use std::sync::Arc;

/// A ClientHello as rustls writes it.
fn real(server_name: &str, alpn: &[&str]) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = server_name.to_owned().try_into().unwrap();
    let mut connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    connection.write_tls(&mut bytes).unwrap();
    bytes
}

fn vector(length_bytes: usize, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_be_bytes();
    [&length[8 - length_bytes..], content].concat()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector(2, data)].concat()
}

fn sni(name: &[u8]) -> Vec<u8> {
    extension(EXTENSION_SERVER_NAME, &vector(2, &[&[NAME_TYPE_HOST][..], &vector(2, name)].concat()))
}

/// A handshake message with these extensions.
fn message(extensions: &[Vec<u8>]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend(vector(1, &[]));
    body.extend(vector(2, &[0x13, 0x01]));
    body.extend(vector(1, &[0]));
    body.extend(vector(2, &extensions.concat()));
    [&[HANDSHAKE_CLIENT_HELLO][..], &vector(3, &body)].concat()
}

/// The message in records of at most `size` bytes.
fn records(message: &[u8], size: usize) -> Vec<u8> {
    message.chunks(size).flat_map(|chunk| [&[CONTENT_HANDSHAKE, 3, 1][..], &vector(2, chunk)].concat()).collect()
}

fn complete(bytes: &[u8]) -> ClientHello {
    match parse(bytes) {
        Progress::Complete(hello) => hello,
        other => panic!("{other:?}"),
    }
}

#[test]
fn reads_what_a_real_client_sends() {
    let hello = complete(&real("Nginx.Example.com", &["h2", "http/1.1"]));
    assert_eq!(hello.server_name.as_deref(), Some("nginx.example.com"));
    assert_eq!(hello.alpn, ["h2", "http/1.1"]);
    let hello = complete(&real("127.0.0.1", &[]));
    assert_eq!(hello, ClientHello::default(), "an address is no SNI");
}

#[test]
fn bytes_behind_the_hello_do_not_matter() {
    let mut bytes = real("a.example.com", &[]);
    bytes.extend([23, 3, 3, 0, 5, 1, 2]);
    assert_eq!(complete(&bytes).server_name.as_deref(), Some("a.example.com"));
}

#[test]
fn fragmented_records_are_put_together() {
    let message = message(&[sni(b"a.example.com")]);
    for size in 1..message.len() {
        assert_eq!(complete(&records(&message, size)).server_name.as_deref(), Some("a.example.com"), "{size}");
    }
}

#[test]
fn a_split_hello_is_incomplete_until_its_last_byte() {
    let bytes = real("a.example.com", &["h2"]);
    for end in 0..bytes.len() {
        assert_eq!(parse(&bytes[..end]), Progress::Incomplete, "{end}");
    }
}

#[test]
fn what_is_not_tls_is_known_at_once() {
    let first: [&[u8]; 6] =
        [b"G", b"GET / HTTP/1.1\r\n", b"\x16\x02", b"\x80\x2e\x01", b"\x15\x03\x01\0\x02", b"\x16\x03\x01\0\0"];
    for bytes in first {
        assert_eq!(parse(bytes), Progress::NotTls, "{bytes:?}");
    }
    assert_eq!(parse(b"\x16\x03\x01\0\x04\x02\0\0\0"), Progress::NotTls, "a ServerHello");
    assert_eq!(parse(b""), Progress::Incomplete);
}

#[test]
fn contradicting_lengths_are_not_tls() {
    let name = extension(EXTENSION_SERVER_NAME, &[0, 9, 0, 0, 1, b'a']);
    let duplicate = [sni(b"a.example.com"), sni(b"b.example.com")];
    let two_names = {
        let entry = [&[NAME_TYPE_HOST][..], &vector(2, b"a")].concat();
        extension(EXTENSION_SERVER_NAME, &vector(2, &[entry.clone(), entry].concat()))
    };
    for extensions in [&[name][..], &duplicate, &[two_names], &[sni(b"")], &[sni(b"a\0b")], &[sni(&[b'a'; 256])]] {
        assert_eq!(parse(&records(&message(extensions), 1 << 14)), Progress::NotTls);
    }
}

#[test]
fn grease_is_left_out_of_alpn() {
    let list = [vector(1, &[0x2A, 0x2A]), vector(1, b"h2")].concat();
    let bytes = records(&message(&[extension(EXTENSION_ALPN, &vector(2, &list)), extension(0x1A1A, &[])]), 1 << 14);
    assert_eq!(complete(&bytes).alpn, ["h2"]);
}

#[test]
fn a_hello_without_extensions_is_one() {
    let mut message = message(&[]);
    message.truncate(message.len() - 2);
    message[3] -= 2;
    assert_eq!(complete(&records(&message, 1 << 14)), ClientHello::default());
}

#[test]
fn a_hello_that_claims_too_much_is_refused() {
    let bytes = [CONTENT_HANDSHAKE, 3, 1, 0x40, 0, HANDSHAKE_CLIENT_HELLO, 0, 0x40, 1];
    assert_eq!(parse(&bytes), Progress::TooLarge);
    let padding = extension(21, &vec![0; 20_000]);
    assert_eq!(parse(&records(&message(&[padding]), 1000)[..16 * 1024]), Progress::TooLarge);
}

proptest! {
    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        parse(&bytes);
    }

    #[test]
    fn any_damage_to_a_hello_is_judged(at in 0_usize..250, value: u8) {
        let mut bytes = records(&message(&[sni(b"a.example.com"), extension(EXTENSION_ALPN, &[0, 3, 2, b'h', b'2'])]), 40);
        let at = at % bytes.len();
        bytes[at] = value;
        parse(&bytes);
    }

    /// A verdict never changes because more bytes came: whoever decides early decides the same.
    #[test]
    fn verdicts_are_final(split in 0_usize..250, size in 1_usize..80, name in "[a-z]{1,20}\\.example\\.com") {
        let bytes = records(&message(&[sni(name.as_bytes())]), size);
        let early = parse(&bytes[..split.min(bytes.len())]);
        prop_assert!(early == Progress::Incomplete || early == parse(&bytes));
    }
}
