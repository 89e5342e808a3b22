//! `x-forwarded-client-cert`: what the endpoint is told of the client's certificate (Envoy's
//! `forward_client_cert_details`).

use super::fields::Extra;
use crate::listener::TlsInfo;
use crate::tls::PeerCertificate;
use meridian_http::{KnownHeader, RequestHead};
use meridian_ir::HttpConnectionManager;
use meridian_ir::http::{ClientCertDetails, ClientCertHeader};
use meridian_tls::Certificate;

const NAME: KnownHeader = KnownHeader::XForwardedClientCert;

/// Takes out, extends or sets the field, as the connection manager wants it.
pub(super) fn rewrite(
    head: &mut RequestHead,
    extra: &mut Extra,
    buf: &[u8],
    manager: &HttpConnectionManager,
    tls: Option<&TlsInfo>,
) {
    let mode = manager.client_cert_header;
    if mode == ClientCertHeader::AlwaysForwardOnly {
        return;
    }
    let peer = tls.and_then(|tls| tls.peer.as_deref());
    let (Some(peer), true) = (peer, mode != ClientCertHeader::Sanitize) else {
        head.fields_mut().remove_known(NAME);
        return;
    };
    if mode == ClientCertHeader::ForwardOnly {
        return;
    }
    let local = tls.and_then(|tls| tls.local.as_deref());
    let fields = head.fields_mut();
    extra.add_with(NAME, NAME.name(), |out| {
        if mode == ClientCertHeader::AppendForward {
            for field in fields.iter().filter(|field| field.known() == NAME) {
                out.extend_from_slice(field.value().of(buf));
                out.push(b',');
            }
        }
        write_element(peer, local, manager.client_cert_details, out);
    });
    fields.remove_known(NAME);
}

/// Appends `By=...;Hash=...` and the details that are wanted, in Envoy's order.
fn write_element(peer: &PeerCertificate, local: Option<&Certificate>, details: ClientCertDetails, out: &mut Vec<u8>) {
    for uri in local.into_iter().flat_map(Certificate::uris) {
        write(&["By=", uri, ";"], out);
    }
    write(&["Hash=", &peer.sha256], out);
    if details.cert {
        write(&[";Cert=\"", peer.pem(), "\""], out);
    }
    if details.chain {
        write(&[";Chain=\"", peer.chain_pem(), "\""], out);
    }
    if details.subject {
        write(&[";Subject=\"", &peer.facts.subject, "\""], out);
    }
    if details.uri {
        let mut uris = peer.facts.uris();
        write(&[";URI=", uris.next().unwrap_or_default()], out);
        uris.for_each(|uri| write(&[";URI=", uri], out));
    }
    if details.dns {
        peer.facts.dns_names().for_each(|name| write(&[";DNS=", name], out));
    }
}

/// A certificate may say anything: what would break the header's line is left out.
fn write(texts: &[&str], out: &mut Vec<u8>) {
    for text in texts {
        out.extend(text.bytes().filter(|byte| !byte.is_ascii_control()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::PeerCertificate;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    fn certificate(subject: &str, names: &str) -> CertificateDer<'static> {
        let mut arguments = vec!["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj"];
        arguments.push(subject);
        if !names.is_empty() {
            arguments.extend(["-addext", names]);
        }
        let output = std::process::Command::new("openssl").args(arguments).output().expect("openssl is installed");
        CertificateDer::from_pem_slice(&output.stdout).expect("openssl writes a certificate")
    }

    fn element(peer: &PeerCertificate, local: Option<&Certificate>, details: ClientCertDetails) -> String {
        let mut out = Vec::new();
        write_element(peer, local, details, &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    /// The order and the forms are those that Envoy 1.40 sent for such certificates.
    #[test]
    fn elements_are_envoys() {
        let names = "subjectAltName=DNS:a.test,URI:spiffe://c/ns/n/sa/c,DNS:b.test,URI:https://x.test/y";
        let chain = [certificate("/CN=good/O=some organization, inc", names)];
        let peer = PeerCertificate::new(&chain, true).expect("a certificate");
        let all = ClientCertDetails { subject: true, cert: true, chain: true, dns: true, uri: true };
        let (hash, pem) = (&peer.sha256, peer.pem());
        assert_eq!(
            element(&peer, Some(&peer.facts), all),
            format!(
                "By=spiffe://c/ns/n/sa/c;By=https://x.test/y;Hash={hash};Cert=\"{pem}\";Chain=\"{pem}\";\
                 Subject=\"O=some organization\\, inc,CN=good\";URI=spiffe://c/ns/n/sa/c;URI=https://x.test/y;DNS=a.test;\
                 DNS=b.test"
            )
        );
        assert_eq!(element(&peer, None, ClientCertDetails::default()), format!("Hash={hash}"));
        let bare = PeerCertificate::new(&[certificate("/CN=bare", "")], true).expect("a certificate");
        let details = ClientCertDetails { cert: false, chain: false, ..all };
        assert_eq!(element(&bare, None, details), format!("Hash={};Subject=\"CN=bare\";URI=", bare.sha256));
    }
}
