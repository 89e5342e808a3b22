use super::*;
use meridian_ir::tls::{PeerValidation, TlsVersion, UpstreamSni, UpstreamTls};
use meridian_ir::{Authority, Cluster, Secret};
use std::sync::Arc;

fn cluster(name: &str, certificate: Option<&str>, authority: Option<&str>) -> Cluster {
    let tls = UpstreamTls {
        certificate: certificate.map(Into::into),
        validation: PeerValidation { authority: authority.map(Into::into), ..PeerValidation::default() },
        validate_sni: false,
        sni: UpstreamSni::None,
        alpn: Vec::new(),
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
    };
    Cluster { name: name.into(), tls: Some(Arc::new(tls)), ..Cluster::default() }
}

#[test]
fn what_is_shown_and_what_is_trusted_stands_together() {
    let pair = rcgen::generate_simple_self_signed(vec!["a.example.com".into()]).unwrap();
    let pem = pair.cert.pem().into_bytes();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &pem).unwrap();
    let path = file.path().display().to_string();
    let secret = |name: &str| Secret { name: name.into(), certificate_chain: pem.clone(), private_key: Vec::new() };
    let authority = Authority { name: "ca".into(), certificates: pem.clone(), revocation_lists: Vec::new() };
    let clusters = [
        cluster("a", Some("pair"), Some("ca")),
        cluster("b", Some("pair"), Some("ca")),
        cluster("c", Some(&format!("file-cert:{path}~/nowhere.key")), Some(SYSTEM_AUTHORITY)),
        cluster("d", Some("missing"), Some("file-root:/nowhere")),
        cluster("e", None, None),
    ];
    let config = ProxyConfig {
        clusters: clusters.into_iter().map(|one| (one.name.clone(), Arc::new(one))).collect(),
        secrets: [("pair", secret("pair")), ("unused", secret("unused"))]
            .into_iter()
            .map(|(name, one)| (name.into(), Arc::new(one)))
            .collect(),
        authorities: [("ca".into(), Arc::new(authority))].into(),
        ..ProxyConfig::default()
    };
    let shown = certificates(&config);
    assert_eq!(shown.len(), 2, "alike are told once, and what is missing not at all: {shown:#?}");
    assert_eq!(shown[0]["cert_chain"][0]["path"], "pair");
    assert_eq!(shown[0]["cert_chain"][0]["subject_alt_names"], json!([{"dns": "a.example.com"}]));
    assert_eq!(shown[0]["ca_cert"][0]["path"], "ca");
    assert_eq!(shown[0]["ca_cert"][0]["serial_number"], shown[0]["cert_chain"][0]["serial_number"]);
    assert_eq!(shown[1]["cert_chain"][0]["path"], path.as_str());
    assert_eq!(shown[1]["ca_cert"], json!([]));
}
