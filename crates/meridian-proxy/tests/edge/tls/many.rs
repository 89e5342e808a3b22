//! Many certificates on one listener: what they take, printed, and that replacing one is nobody else's business.

use super::lab::{Lab, add_secret, chain, curl, run, settings};
use super::pki::Ca;
use meridian_ir::FilterChain;
use meridian_ir::tls::{ClientAuth, DownstreamTls};
use std::time::Instant;

const NUMBER: usize = 500;

fn host(index: usize) -> String {
    format!("host-{index}.example.com")
}

/// `VmRSS` of this process in KiB.
fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is there");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[tokio::test]
async fn five_hundred_certificates() {
    let lab = Lab::new();
    let ca = Ca::new("ca");
    std::fs::write(lab.path().join("ca.crt"), &ca.pem).expect("a file");
    let chain_of = |index: usize| -> FilterChain {
        let certificates = vec![host(index).as_str().into()];
        chain(&host(index), DownstreamTls { certificates, ..settings(ClientAuth::None) })
    };
    let mut config = lab.config((0..NUMBER).map(chain_of).collect());
    for index in 0..NUMBER {
        add_secret(&mut config, &host(index), &ca.good(&[&host(index)]));
    }
    let (before, begun) = (resident_kib(), Instant::now());
    let at = lab.apply(&config).await;
    println!("{NUMBER} certificates: {:?}, {} KiB", begun.elapsed(), resident_kib() - before);
    for index in [0, NUMBER / 2, NUMBER - 1] {
        let connect = format!("-sS --cacert ca.crt --connect-to {0}:443:{at} https://{0}/", host(index));
        assert_eq!(run("curl", lab.path(), connect).await.stdout, b"hi");
    }
    config.version += 1;
    add_secret(&mut config, &host(7), &ca.issue(&[&host(7)], 77, |_| {}));
    let begun = Instant::now();
    lab.apply(&config).await;
    println!("one of them replaced: {:?}", begun.elapsed());
    assert_eq!(curl(lab.path(), &host(7), at, "").await, Ok("hi".to_owned()));
    let command = format!("s_client -connect {at} -servername {}", host(7));
    let output = run("openssl", lab.path(), command).await;
    std::fs::write(lab.path().join("shown"), &output.stdout).expect("a file");
    let serial = run("openssl", lab.path(), "x509 -in shown -noout -serial".to_owned()).await;
    assert_eq!(serial.stdout, b"serial=4D\n");
}
