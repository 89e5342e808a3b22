use super::*;
use std::path::Path;
use std::process::Command;

fn openssl(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn certificate(folder: &Path, subject: &str, more: &[&str]) -> Vec<u8> {
    let mut arguments = vec!["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k", "-out", "c"];
    arguments.extend(["-utf8", "-days", "30", "-subj", subject]);
    arguments.extend(more);
    openssl(folder, &arguments);
    std::fs::read(folder.join("c")).unwrap()
}

#[test]
fn reads_what_openssl_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let names = "subjectAltName=DNS:a.example.com,IP:10.0.0.1,IP:2001:db8::1,URI:spiffe://td/ns/a/sa/b,email:a@b.c";
    let pem = certificate(folder.path(), "/CN=a", &["-set_serial", "0x0a1b", "-addext", names]);
    let certificate = first_of_pem(&pem).unwrap();
    assert_eq!(certificate.serial_number, "0a1b");
    assert_eq!(certificate.not_after - certificate.not_before, 30 * 86_400);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    assert!((now - 600..=now).contains(&certificate.not_before));
    assert_eq!(
        certificate.alternative_names,
        [
            AlternativeName::Dns("a.example.com".to_owned()),
            AlternativeName::Ip("10.0.0.1".to_owned()),
            AlternativeName::Ip("2001:db8::1".to_owned()),
            AlternativeName::Uri("spiffe://td/ns/a/sa/b".to_owned()),
            AlternativeName::Email("a@b.c".to_owned()),
        ]
    );
}

#[test]
fn names_are_written_as_openssl_writes_them() {
    let folder = tempfile::tempdir().unwrap();
    for subject in [
        "/CN=good/O=some organization",
        "/C=US/ST=CA/L=San Francisco/O=Example, Inc./OU=a+b/CN=www.example.com/emailAddress=a@b.c",
        "/DC=com/DC=example/UID=someone/CN= blanks at both ends ",
        "/O=#1 \"quoted\" <x>;y\\\\z/CN=K\u{f6}ln",
        "/serialNumber=12/title=Dr/GN=G/SN=S/street=s 1/postalCode=1234/CN=x",
    ] {
        let pem = certificate(folder.path(), subject, &["-multivalue-rdn"]);
        let expected = openssl(folder.path(), &["x509", "-in", "c", "-noout", "-subject", "-nameopt", "RFC2253"]);
        let found = first_of_pem(&pem).unwrap();
        assert_eq!(format!("subject={}", found.subject), expected.trim_end_matches('\n'), "{subject}");
        assert_eq!(found.subject, found.issuer);
    }
    let pem = certificate(folder.path(), "/CN=good/O=some organization", &[]);
    assert_eq!(first_of_pem(&pem).unwrap().subject, "O=some organization,CN=good");
}

#[test]
fn cut_certificates_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "/CN=a", &["-outform", "der"]);
    let der = std::fs::read(folder.path().join("c")).unwrap();
    assert!(parse(&der).is_some());
    for end in 0..der.len() {
        assert_eq!(parse(&der[..end]), None, "{end}");
    }
}
