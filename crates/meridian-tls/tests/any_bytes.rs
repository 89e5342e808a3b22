//! Whatever a Secret or a peer brings is read or refused, never a panic.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use std::process::Command;
use std::sync::LazyLock;

/// A certificate with extensions, in DER.
static CERTIFICATE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out c -outform DER -subj \
                     /O=some/CN=name -addext subjectAltName=DNS:a.example.com,IP:10.0.0.1,URI:spiffe://a/b";
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    assert!(Command::new("openssl").args(arguments).current_dir(folder.path()).output().unwrap().status.success());
    std::fs::read(folder.path().join("c")).unwrap()
});

fn read(der: &[u8]) {
    meridian_tls::fuzz(der);
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        read(&bytes);
    }

    #[test]
    fn a_certificate_with_changes(changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..6), cut in any::<u16>()) {
        let mut der = CERTIFICATE.clone();
        for (place, byte) in changes {
            let place = usize::from(place) % der.len();
            der[place] = byte;
        }
        read(&der);
        der.truncate(usize::from(cut) % der.len());
        read(&der);
    }
}

#[test]
fn the_certificate_itself_is_read() {
    let certificate = meridian_tls::certificate::parse(&CERTIFICATE).unwrap();
    assert_eq!(certificate.subject, "CN=name,O=some");
    assert_eq!(certificate.alternative_names.len(), 3);
}
