//! The Secrets and ConfigMaps that the suite makes when it starts.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const INFRA: &str = "gateway-conformance-infra";
const APP: &str = "gateway-conformance-app-backend";
const WEB: &str = "gateway-conformance-web-backend";

/// Certificates as objects and files.
pub(crate) struct Certificates {
    /// Secrets and ConfigMaps.
    pub(crate) objects: Vec<Value>,
    folder: tempfile::TempDir,
}

impl Certificates {
    pub(crate) fn make() -> Certificates {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let mut made = Certificates { objects: Vec::new(), folder };
        made.server(None, WEB, "certificate", &["*"]);
        made.server(None, INFRA, "tls-validity-checks-certificate", &["*", "*.org", "*.wildcard.org"]);
        for name in ["web-backend-cm", "mismatch-ca-certificate"] {
            let namespace = if name == "web-backend-cm" { WEB } else { INFRA };
            made.authority(namespace, name);
        }
        for name in ["tls-validity-checks", "tls-validity-checks-per-port"] {
            let authority = made.authority(INFRA, &format!("{name}-ca-certificate"));
            made.server(Some(&authority), INFRA, &format!("{name}-client-certificate"), &[]);
        }
        let authority = made.authority(INFRA, "tls-checks-ca-certificate");
        let names = ["abc.example.com", "spiffe://abc.example.com/test-identity", "other.example.com"];
        made.server(Some(&authority), INFRA, "tls-checks-certificate", &names);
        made.server(Some(&authority), INFRA, "tls-checks-client-certificate", &[]);
        for namespace in [INFRA, APP] {
            made.server(Some(&authority), namespace, "tls-passthrough-checks-certificate", &["abc.example.com"]);
        }
        made.server(Some(&authority), INFRA, "tls-terminate-checks-certificate", &["tls.example.com"]);
        made
    }

    /// Where they are as files: `<secret>.crt` and `<secret>.key`.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file with what a client trusts to accept the certificate of a Secret.
    pub(crate) fn file(&self, secret: &str) -> PathBuf {
        self.folder.path().join(format!("{secret}.crt"))
    }

    /// The namespaces of these objects.
    pub(crate) fn namespaces(&self) -> Vec<Value> {
        let namespace = |name: &str| {
            let label = if name == INFRA { "infra" } else { "backend" };
            json!({
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": {"gateway-conformance": label}},
            })
        };
        [INFRA, APP, WEB].map(namespace).into()
    }

    fn authority(&mut self, namespace: &str, name: &str) -> Issuer<'static, KeyPair> {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let text = params.self_signed(&key).expect("an authority").pem();
        std::fs::write(self.folder.path().join(format!("{name}.crt")), &text).expect("the scratch folder is writable");
        self.objects.push(json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": namespace},
            "data": {"ca.crt": text},
        }));
        Issuer::new(params, key)
    }

    fn server(&mut self, authority: Option<&Issuer<'static, KeyPair>>, namespace: &str, name: &str, names: &[&str]) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.subject_alt_names = (names.iter())
            .map(|name| match name.contains("://") {
                true => SanType::URI((*name).try_into().expect("a URI")),
                false => SanType::DnsName((*name).try_into().expect("a DNS name")),
            })
            .collect();
        let certificate = match authority {
            Some(authority) => params.signed_by(&key, authority),
            None => params.self_signed(&key),
        };
        let (certificate, key) = (certificate.expect("a certificate").pem(), key.serialize_pem());
        for (end, text) in [("crt", &certificate), ("key", &key)] {
            let file = self.folder.path().join(format!("{name}.{end}"));
            std::fs::write(file, text).expect("the scratch folder is writable");
        }
        self.objects.push(json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": name, "namespace": namespace},
            "data": {"tls.crt": BASE64_STANDARD.encode(certificate), "tls.key": BASE64_STANDARD.encode(key)},
        }));
    }
}
