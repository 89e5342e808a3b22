//! Sessions are resumed by those who may, and by nobody else.

use super::lab::{Lab, add_authority, add_secret, chain, settings, signed_by_ca};
use super::pki::Ca;
use meridian_ir::tls::ClientAuth;
use std::net::SocketAddr;

const A: &str = "a.example.com";
const B: &str = "b.example.com";

/// One connection of `openssl s_client`, which says whether its session is new or reused.
async fn connect(lab: &Lab, at: SocketAddr, name: &str, arguments: &str) -> String {
    // The request makes the client read, and by that take the ticket.
    let script = format!(
        "printf 'GET / HTTP/1.1\\r\\nhost: {name}\\r\\nconnection: close\\r\\n\\r\\n' | \
         openssl s_client -connect {at} -servername {name} -ign_eof {arguments}"
    );
    let folder = lab.path().to_owned();
    let run =
        move || std::process::Command::new("bash").args(["-c", &script]).current_dir(folder).output().expect("bash");
    let output = tokio::task::spawn_blocking(run).await.expect("no panic");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether the body came. What `s_client` prints of certificates may contain any two letters.
fn is_served(output: &str) -> bool {
    output.contains("\r\n\r\nhi")
}

fn is_new(output: &str) -> bool {
    output.contains("\nNew, TLSv1") && is_served(output)
}

fn is_reused(output: &str) -> bool {
    output.contains("\nReused, TLSv1") && is_served(output)
}

#[tokio::test]
async fn tickets_are_for_one_certificate_and_policy() {
    let lab = Lab::new();
    let ca = Ca::new("ca");
    ca.good(&["client.example.com"]).write(lab.path(), "client");
    let with_secret_of_its_own =
        meridian_ir::tls::DownstreamTls { certificates: vec!["b".into()], ..settings(ClientAuth::None) };
    let mut config = lab.config(vec![chain(A, settings(ClientAuth::None)), chain(B, with_secret_of_its_own.clone())]);
    add_secret(&mut config, "s", &ca.good(&[A]));
    add_secret(&mut config, "b", &ca.good(&[B]));
    add_authority(&mut config, "ca", &ca, "");
    let at = lab.apply(&config).await;
    for version in ["-tls1_2", "-tls1_3"] {
        assert!(is_new(&connect(&lab, at, A, &format!("{version} -sess_out a{version}")).await));
        assert!(is_new(&connect(&lab, at, B, &format!("{version} -sess_out b{version}")).await));
        let output = connect(&lab, at, A, &format!("{version} -sess_in a{version}")).await;
        assert!(is_reused(&output), "{version}: {output}");
        // To another host with the session of the first.
        let output = connect(&lab, at, B, &format!("{version} -sess_in a{version}")).await;
        assert!(is_new(&output), "{version}: {output}");
    }
    assert!(lab.count("ssl.session_reused") >= 2);

    // The certificate of one is replaced: its sessions end, those of the other go on.
    config.version += 1;
    add_secret(&mut config, "s", &ca.good(&[A]));
    lab.apply(&config).await;
    for version in ["-tls1_2", "-tls1_3"] {
        assert!(is_new(&connect(&lab, at, A, &format!("{version} -sess_in a{version}")).await), "{version}");
        assert!(is_reused(&connect(&lab, at, B, &format!("{version} -sess_in b{version}")).await), "{version}");
    }

    // Something else about the chains changes: sessions go on.
    config.version += 1;
    let mut again = lab.config(vec![chain(A, settings(ClientAuth::None)), chain(B, with_secret_of_its_own)]);
    (again.version, again.secrets, again.authorities) = (config.version, config.secrets, config.authorities);
    lab.apply(&again).await;
    assert!(is_reused(&connect(&lab, at, B, "-tls1_3 -sess_in b-tls1_3").await));
}

#[tokio::test]
async fn tickets_do_not_spare_a_client_its_certificate() {
    let lab = Lab::new();
    let ca = Ca::new("ca");
    let (pair, client) = (ca.good(&[A]), ca.good(&["client.example.com"]));
    client.write(lab.path(), "client");
    let mut config = lab.config(vec![chain(A, settings(ClientAuth::None))]);
    add_secret(&mut config, "s", &pair);
    add_authority(&mut config, "ca", &ca, "");
    let at = lab.apply(&config).await;
    assert!(is_new(&connect(&lab, at, A, "-sess_out none").await));

    // From now on clients must show a certificate; an old session is no way around.
    let mut strict = lab.config(vec![chain(A, settings(ClientAuth::Required(signed_by_ca())))]);
    (strict.version, strict.secrets, strict.authorities) = (2, config.secrets.clone(), config.authorities.clone());
    lab.apply(&strict).await;
    let output = connect(&lab, at, A, "-sess_in none").await;
    assert!(!is_served(&output), "{output}");
    let with_certificate = "-cert client.crt -key client.key";
    assert!(is_new(&connect(&lab, at, A, &format!("{with_certificate} -sess_out strict")).await));
    let output = connect(&lab, at, A, &format!("{with_certificate} -sess_in strict")).await;
    assert!(is_reused(&output), "{output}");

    // The client's certificate is revoked: what is trusted has changed, and its session ends.
    strict.version += 1;
    add_authority(&mut strict, "ca", &ca, &ca.revocation_list(&[1], 2100));
    lab.apply(&strict).await;
    let output = connect(&lab, at, A, &format!("{with_certificate} -sess_in strict")).await;
    assert!(!is_served(&output), "{output}");
}
