//! The files: what is made, what is kept, what is refused.

#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::*;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn everything_is_made_once_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let pki_folder = folder.path().join("pki");
    let now = SystemTime::now();
    let pki = Pki::open(&pki_folder, &["192.0.2.7".to_owned(), "edge.example.com".to_owned()], now).unwrap();
    assert_eq!(mode(&pki_folder), 0o700);
    let names = ["ca.crt", "ca.key", "apiserver.crt", "apiserver.key"];
    for name in names {
        assert_eq!(mode(&pki_folder.join(name)), 0o600, "{name}");
    }
    let before = names.map(|name| read(&pki_folder, name));
    assert_eq!(pki.authority(), before[0]);
    Pki::open(&pki_folder, &["edge.example.com".to_owned()], now + Duration::from_secs(86_400)).unwrap();
    assert_eq!(names.map(|name| read(&pki_folder, name)), before);
    // Another name needs another certificate, by the same authority.
    Pki::open(&pki_folder, &["other.example.com".to_owned()], now).unwrap();
    let after = names.map(|name| read(&pki_folder, name));
    assert_eq!(after[..2], before[..2]);
    assert_ne!(after[2..], before[2..]);
    assert!(!format!("{pki:?}").contains("PRIVATE"), "a key is shown");
}

#[test]
fn what_ends_is_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let pki = Pki::open(folder.path(), &[], now).unwrap();
    let (authority, serving) = (read(folder.path(), "ca.crt"), read(folder.path(), "apiserver.crt"));
    pki.renew(now).unwrap();
    assert_eq!(read(folder.path(), "apiserver.crt"), serving, "it is good for a while");
    let held = pki.serving(now);
    pki.renew(now + LIFETIME - RENEWAL).unwrap();
    assert_ne!(read(folder.path(), "apiserver.crt"), serving);
    assert_ne!(pki.serving(now).cert, held.cert, "new connections get the new one");
    assert_eq!(read(folder.path(), "ca.crt"), authority);
    Pki::open(folder.path(), &[], now + AUTHORITY_LIFETIME - RENEWAL).unwrap();
    assert_ne!(read(folder.path(), "ca.crt"), authority);
}

/// What is made while the clock is wrong counts when it is right again, and what has ended by a jump is renewed at once.
#[test]
fn a_clock_that_jumps_locks_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let valid = |name: &str, at: SystemTime| {
        let leaf = certificate::first_of_pem(read(folder.path(), name).as_bytes()).unwrap();
        let at = i64::try_from(at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap();
        leaf.not_before <= at && at <= leaf.not_after
    };
    let ahead = now + 2 * LIFETIME;
    Pki::open(folder.path(), &[], ahead).unwrap();
    assert!(valid("ca.crt", now) && valid("apiserver.crt", now) && valid("apiserver.crt", ahead));
    let pki = Pki::open(folder.path(), &[], now).unwrap();
    let held = pki.serving(now);
    assert_eq!(pki.serving(ahead + LIFETIME - Duration::from_secs(1)).cert, held.cert);
    assert_ne!(pki.serving(ahead + LIFETIME + Duration::from_secs(1)).cert, held.cert);
    assert!(valid("apiserver.crt", ahead + LIFETIME + Duration::from_secs(1)));
    // A machine without a battery begins in 1970.
    let other = tempfile::tempdir().unwrap();
    Pki::open(other.path(), &[], SystemTime::UNIX_EPOCH + Duration::from_secs(60)).unwrap();
    let authority = read(other.path(), "ca.crt");
    assert!(end_of(&authority).unwrap() >= SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600) + LIFETIME);
    Pki::open(other.path(), &[], now).unwrap();
    assert_eq!(read(other.path(), "ca.crt"), authority);
    assert!(!ends_soon(&read(other.path(), "apiserver.crt"), now));
}

#[test]
fn wide_modes_are_narrowed() {
    let folder = tempfile::tempdir().unwrap();
    let pki_folder = folder.path().join("pki");
    Pki::open(&pki_folder, &[], SystemTime::now()).unwrap();
    std::fs::set_permissions(&pki_folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["ca.key", "apiserver.key"] {
        std::fs::set_permissions(pki_folder.join(name), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    Pki::open(&pki_folder, &[], SystemTime::now()).unwrap();
    assert_eq!(mode(&pki_folder), 0o700);
    for name in ["ca.key", "apiserver.key"] {
        assert_eq!(mode(&pki_folder.join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_damaged_authority_is_told_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Pki::open(folder.path(), &[], SystemTime::now()).map(|_| ()).unwrap_err().to_string();
    Pki::open(folder.path(), &[], SystemTime::now()).unwrap();
    let key = read(folder.path(), "ca.key");
    std::fs::remove_file(folder.path().join("ca.key")).unwrap();
    assert!(open().contains("its key ca.key is missing; put back both"), "{}", open());
    std::fs::write(folder.path().join("ca.key"), read(folder.path(), "apiserver.key")).unwrap();
    assert!(open().contains("does not belong to the first certificate"), "{}", open());
    std::fs::write(folder.path().join("ca.key"), &key).unwrap();
    // What is served with is made anew without a word.
    std::fs::write(folder.path().join("apiserver.crt"), "nonsense").unwrap();
    Pki::open(folder.path(), &[], SystemTime::now()).unwrap();
    let missing = ClientAuthority::open(&folder.path().join("elsewhere")).unwrap_err().to_string();
    assert!(missing.contains("start `meridian up` with this data folder first"), "{missing}");
}

#[test]
fn openssl_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::open(folder.path(), &["edge.example.com".to_owned()], SystemTime::now()).unwrap();
    let pair = pki.issue_client("meridian-admin", Some("system:masters"), SystemTime::now()).unwrap();
    std::fs::write(folder.path().join("client.crt"), &pair.certificate).unwrap();
    let openssl = |arguments: &str| {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder.path()).output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let verified = openssl("verify -x509_strict -CAfile ca.crt -purpose sslclient client.crt");
    assert_eq!(verified, "client.crt: OK\n");
    for name in ["edge.example.com", "localhost", "kubernetes.default.svc"] {
        let verified = openssl(&format!(
            "verify -x509_strict -CAfile ca.crt -purpose sslserver -verify_hostname {name} apiserver.crt"
        ));
        assert_eq!(verified, "apiserver.crt: OK\n");
    }
    assert_eq!(openssl("verify -CAfile ca.crt -verify_ip ::1 apiserver.crt"), "apiserver.crt: OK\n");
    let subject = openssl("x509 -in client.crt -noout -subject -nameopt RFC2253");
    assert_eq!(subject, "subject=CN=meridian-admin,O=system:masters\n");
}
