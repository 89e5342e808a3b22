//! Certificates and authorities in files, replaced on disk.

use super::lab::{Lab, chain, curl, run, settings};
use super::pki::Ca;
use meridian_ir::tls::{ClientAuth, DownstreamTls, PeerValidation};
use std::time::{Duration, Instant};

const HOST: &str = "a.example.com";

#[tokio::test]
async fn files_are_read_again_when_they_change() {
    let lab = Lab::new();
    let folder = lab.path();
    let (old, new) = (Ca::new("old"), Ca::new("new"));
    for (name, ca) in [("old", &old), ("new", &new)] {
        std::fs::create_dir(folder.join(name)).expect("a folder");
        ca.good(&[HOST]).write(&folder.join(name), "tls");
        std::fs::write(folder.join(name).join("ca.crt"), &ca.pem).expect("a file");
        ca.good(&["client.example.com"]).write(folder, &format!("{name}-client"));
    }
    // As Kubernetes mounts Secrets: a link to a folder, replaced by another link.
    let link = folder.join("mounted");
    std::os::unix::fs::symlink("old", &link).expect("a link");
    let path = |name: &str| link.join(name).display().to_string();
    let tls = DownstreamTls {
        certificates: vec![format!("file-cert:{}~{}", path("tls.crt"), path("tls.key")).into()],
        ..settings(ClientAuth::Required(PeerValidation {
            authority: Some(format!("file-root:{}", path("ca.crt")).into()),
            ..PeerValidation::default()
        }))
    };
    let config = lab.config(vec![chain(HOST, tls)]);
    let at = lab.apply(&config).await;
    let with = |name: &str| format!("--cert {name}-client.crt --key {name}-client.key");
    assert_eq!(curl(folder, HOST, at, &with("old")).await, Ok("hi".to_owned()));
    assert!(curl(folder, HOST, at, &with("new")).await.is_err());

    std::os::unix::fs::symlink("new", folder.join("next")).expect("a link");
    std::fs::rename(folder.join("next"), &link).expect("the link is replaced");
    let begun = Instant::now();
    while curl(folder, HOST, at, &with("new")).await != Ok("hi".to_owned()) {
        assert!(begun.elapsed() < Duration::from_secs(10), "the files are not read again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(curl(folder, HOST, at, &with("old")).await.is_err());
    let connect = format!("-sS --connect-to {HOST}:443:{at} --cacert new/ca.crt {} https://{HOST}/", with("new"));
    assert_eq!(run("curl", folder, connect).await.stdout, b"hi");

    // Files that are gone, or do not fit together, fail the handshakes and say so.
    std::fs::remove_file(folder.join("new").join("tls.key")).expect("it was there");
    let begun = Instant::now();
    while curl(folder, HOST, at, &with("new")).await.is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(10), "nobody sees that the key is gone");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    lab.line_with("tls.key_cannot_be_read:_No_such_file").await;
}
