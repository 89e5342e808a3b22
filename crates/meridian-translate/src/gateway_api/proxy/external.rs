//! Hosts outside of the cluster (XBackend).

use super::backend_tls::BackendPolicies;
use crate::gateway_api::model::BackendTls;
use crate::istio::cluster::{Carried, ClusterId};
use crate::istio::credential;
use crate::key::Key;
use crate::mesh::MeshConfig;
use crate::pool::Pool;
use meridian_ir::cluster::{Discovery, UpstreamProtocol};
use meridian_ir::endpoint::{Address, Endpoint};
use meridian_ir::tls::UpstreamTls;
use meridian_ir::{Cluster, Endpoints, Name, Origin};
use meridian_resources::Object;
use meridian_resources::gateway_api::XBackend;
use meridian_resources::gateway_api::backend_tls_policy::SubjectAltNameType;
use meridian_resources::gateway_api::x_backend::XBackendTlsMode;
use std::sync::Arc;

/// The cluster of an XBackend: `outbound|port|namespace/name|host`. No subset has such a name.
pub(crate) fn cluster_id(pool: &mut Pool, object: &Key, host: &str, port: u16, carried: Carried) -> ClusterId {
    let host = host.to_ascii_lowercase();
    ClusterId { carried, external: true, ..ClusterId::new(pool, &host, port, &object.to_string()) }
}

/// The cluster and where it is; `None` when there is no such XBackend, or its TLS cannot be used.
pub(crate) fn make(policies: BackendPolicies<'_>, mesh: &MeshConfig, id: &ClusterId) -> Option<(Cluster, Endpoints)> {
    let (namespace, name) = id.subset.split_once('/')?;
    let key = Key { namespace: namespace.into(), name: name.into() };
    let object = policies.backends.api.backends.get(&key)?;
    let host = object.spec.external_hostname.as_ref()?.hostname.to_ascii_lowercase();
    if *host != *id.host || object.spec.port.port != i32::from(id.port) {
        return None;
    }
    let is_http2 = id.carried == Carried::Http2 || matches!(object.spec.protocol.as_deref(), Some("HTTP2" | "H2C"));
    let protocol = if is_http2 { UpstreamProtocol::Http2 } else { UpstreamProtocol::Http1 };
    let tls = match object.spec.tls.as_ref().is_some_and(|tls| tls.mode != XBackendTlsMode::None) {
        true => Some(Arc::new(tls(object, protocol)?)),
        false => None,
    };
    let cluster = Cluster {
        name: id.name.clone(),
        discovery: Discovery::StrictDns,
        connect_timeout: mesh.connect_timeout,
        protocol,
        tls,
        origins: vec![Origin { kind: "XBackend", namespace: key.namespace, name: key.name }],
        ..Cluster::default()
    };
    let address = match host.parse() {
        Ok(ip) => Address::Socket(std::net::SocketAddr::new(ip, id.port)),
        Err(_) => Address::Dns(id.host.clone(), id.port),
    };
    Some((cluster, Endpoints { endpoints: vec![Endpoint::new(address)], ..Endpoints::default() }))
}

fn tls(object: &Object<XBackend>, protocol: UpstreamProtocol) -> Option<UpstreamTls> {
    let settings = object.spec.tls.as_ref()?;
    let validation = settings.validation.as_ref()?;
    let own = |name: &str| Key { namespace: object.meta.namespace.clone(), name: name.into() };
    let is_config_map = |group: &str, kind: &str| group.is_empty() && kind == "ConfigMap";
    let references = &validation.ca_certificate_refs;
    let system = validation.well_known_ca_certificates.as_deref() == Some("System");
    let usable = references.iter().all(|reference| is_config_map(&reference.group, &reference.kind));
    let names = |type_: SubjectAltNameType| -> Vec<Name> {
        let of_type = validation.subject_alt_names.iter().filter(|name| name.type_ == type_);
        let text = of_type.filter_map(|name| match type_ {
            SubjectAltNameType::Hostname => name.hostname.as_deref(),
            SubjectAltNameType::Uri => name.uri.as_deref(),
        });
        text.map(Name::from).collect()
    };
    let asked = BackendTls {
        policy: Key::of(&object.meta),
        usable: usable && (system || !references.is_empty()),
        hostname: validation.hostname.as_str().into(),
        authorities: references.iter().map(|reference| own(&reference.name)).collect(),
        dns_names: names(SubjectAltNameType::Hostname),
        uris: names(SubjectAltNameType::Uri),
    };
    let certificate = match settings.mode {
        XBackendTlsMode::None | XBackendTlsMode::ServerOnly => None,
        XBackendTlsMode::ClientAndServer => {
            let reference = settings.client_certificate_ref.as_ref()?;
            // Nobody grants an XBackend what is in another namespace.
            let is_own = reference.namespace.as_deref().is_none_or(|namespace| *namespace == *object.meta.namespace);
            Some(credential::granted_certificate(&own(&reference.name))).filter(|_| is_own)
        }
    };
    let tls = super::backend_tls::upstream(&asked, protocol)?;
    Some(UpstreamTls { certificate, ..tls })
}
