//! TLS towards endpoints (`trafficPolicy.tls`).

use crate::istio::cluster::ClusterId;
use crate::istio::credential;
use crate::registry::service::{Service, Source};
use meridian_ir::cluster::UpstreamProtocol;
use meridian_ir::tls::{
    FILE_AUTHORITY, FILE_CERTIFICATE, MESH_AUTHORITY, PeerValidation, SYSTEM_AUTHORITY, TlsVersion, UpstreamSni,
    UpstreamTls, WORKLOAD_CERTIFICATE,
};
use meridian_ir::{Name, StringMatch};
use meridian_resources::istio::destination_rule::{ClientTlsMode, ClientTlsSettings};
use std::collections::BTreeSet;

/// The settings of a cluster, as Istio gives them to Envoy: without a server name that of the request's Host is sent,
/// and verified unless names are given; without authorities those of the system are trusted. `None` when a certificate
/// is needed and none is given, or when a credential cannot be read: nothing may be sent then.
pub(crate) fn compile(
    settings: &ClientTlsSettings,
    id: &ClusterId,
    service: &Service,
    protocol: UpstreamProtocol,
) -> Option<UpstreamTls> {
    let is_http2 = protocol == UpstreamProtocol::Http2;
    let mut tls = UpstreamTls {
        certificate: None,
        validation: PeerValidation::default(),
        validate_sni: false,
        sni: match &*settings.sni {
            "" => UpstreamSni::Host,
            name => UpstreamSni::Fixed(name.into()),
        },
        alpn: if is_http2 { vec!["h2".into()] } else { Vec::new() },
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
    };
    match settings.mode {
        ClientTlsMode::Disable => return None,
        ClientTlsMode::IstioMutual => in_the_mesh(&mut tls, settings, id, service),
        ClientTlsMode::Simple => {}
        ClientTlsMode::Mutual => tls.certificate = Some(certificate(settings)?),
    }
    if settings.mode != ClientTlsMode::IstioMutual && settings.insecure_skip_verify != Some(true) {
        tls.validation = validation(settings, service)?;
        tls.validate_sni = settings.sni.is_empty() && settings.subject_alt_names.is_empty();
    }
    Some(tls)
}

/// Mutual TLS of the mesh towards the workloads of `identities`, where nobody asked for it (automatic mutual TLS).
pub(crate) fn automatic(
    id: &ClusterId,
    service: &Service,
    protocol: UpstreamProtocol,
    identities: &BTreeSet<Name>,
) -> UpstreamTls {
    let settings = ClientTlsSettings { mode: ClientTlsMode::IstioMutual, ..ClientTlsSettings::default() };
    let mut tls = UpstreamTls {
        certificate: None,
        validation: PeerValidation::default(),
        validate_sni: false,
        sni: UpstreamSni::None,
        alpn: if protocol == UpstreamProtocol::Http2 { vec!["h2".into()] } else { Vec::new() },
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
    };
    in_the_mesh(&mut tls, &settings, id, service);
    expect(&mut tls, identities);
    tls
}

/// Demands that endpoints are one of `identities`, or have a name that `tls` demands already.
pub(crate) fn expect(tls: &mut UpstreamTls, identities: &BTreeSet<Name>) {
    for identity in identities {
        let name = StringMatch::Exact(identity.clone());
        if !tls.validation.subject_alt_names.contains(&name) {
            tls.validation.subject_alt_names.push(name);
        }
    }
}

/// The mesh's own certificates on both sides.
fn in_the_mesh(tls: &mut UpstreamTls, settings: &ClientTlsSettings, id: &ClusterId, service: &Service) {
    tls.certificate = Some(WORKLOAD_CERTIFICATE.into());
    tls.validation = PeerValidation {
        authority: Some(MESH_AUTHORITY.into()),
        subject_alt_names: names(settings, service),
        ..PeerValidation::default()
    };
    if settings.sni.is_empty() {
        let ClusterId { host, port, subset, .. } = id;
        tls.sni = UpstreamSni::Fixed(format!("outbound_.{port}_.{subset}_.{host}").into());
    }
    tls.alpn.splice(..0, ["istio-peer-exchange".into(), "istio".into()]);
}

/// The SDS name of the certificate that is shown: of a Secret, or of files.
fn certificate(settings: &ClientTlsSettings) -> Option<Name> {
    if !settings.credential_name.is_empty() {
        return credential::certificate_name(&settings.credential_name).ok();
    }
    let ClientTlsSettings { client_certificate, private_key, .. } = settings;
    let given = !client_certificate.is_empty() && !private_key.is_empty();
    given.then(|| format!("{FILE_CERTIFICATE}{client_certificate}~{private_key}").into())
}

fn validation(settings: &ClientTlsSettings, service: &Service) -> Option<PeerValidation> {
    let authority: Name = match (&*settings.credential_name, &*settings.ca_certificates) {
        ("", "" | "system") => SYSTEM_AUTHORITY.into(),
        ("", file) => format!("{FILE_AUTHORITY}{file}").into(),
        (credential, _) => credential::authority_name(credential).ok()?,
    };
    Some(PeerValidation {
        authority: Some(authority),
        crl_file: (!settings.ca_crl.is_empty()).then(|| settings.ca_crl.as_str().into()),
        subject_alt_names: names(settings, service),
        ..PeerValidation::default()
    })
}

/// The names of which the certificate must have one: those of the rule, or else those of the ServiceEntry.
fn names(settings: &ClientTlsSettings, service: &Service) -> Vec<StringMatch> {
    let names = match &service.source {
        Source::ServiceEntry(entry) if settings.subject_alt_names.is_empty() => &entry.spec.subject_alt_names,
        _ => &settings.subject_alt_names,
    };
    names.iter().map(|name| StringMatch::Exact(name.as_str().into())).collect()
}
