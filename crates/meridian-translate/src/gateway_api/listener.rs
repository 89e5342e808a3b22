//! The listeners of a Gateway: its own and those of ListenerSets, merged; which of them can be served, and what stands
//! in the way of the others.

use super::conflict::{self, Standing};
use super::model::{ClientValidation, ListenerProtocol, ListenerTls, Transport};
use super::reference::{Credentials, Problem, Referrer, key_of, not_permitted, secret};
use super::route::RouteKind;
use super::{GatewayApi, namespace};
use crate::key::Key;
use crate::resources::Resources;
use meridian_ir::Name;
use meridian_resources::Object;
use meridian_resources::gateway_api::gateway::{
    FrontendTlsValidation, FrontendValidationMode, Listener, RouteNamespaces, TlsMode,
};
use meridian_resources::gateway_api::{GROUP, Gateway, ListenerSet};
use std::collections::BTreeMap;

/// A listener of a Gateway, served or not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Effective {
    /// The ListenerSet that it stands in; `None`: the Gateway.
    pub(crate) set: Option<Key>,
    /// Its name.
    pub(crate) name: Name,
    /// Its port.
    pub(crate) port: u16,
    /// Its protocol; `None`: one that is not supported.
    pub(crate) protocol: Option<ListenerProtocol>,
    /// Its host, lowercase.
    pub(crate) hostname: Option<Name>,
    /// TLS, as far as it can be used.
    pub(crate) tls: Option<ListenerTls>,
    /// The kinds of routes that may attach.
    pub(crate) kinds: Vec<RouteKind>,
    /// The namespaces of the routes that may attach.
    pub(crate) namespaces: RouteNamespaces,
    /// The namespace that `from: Same` means.
    pub(crate) home: Name,
    /// Why it is not accepted.
    pub(crate) refused: Option<Problem>,
    /// Another listener that came before is not to be told from it, or cannot share its port.
    pub(crate) conflict: Option<Problem>,
    /// A reference that does not lead to what it should.
    pub(crate) unresolved: Option<Problem>,
    /// Which listeners answer the same server names on its port.
    pub(crate) overlapping: Option<String>,
}

impl Effective {
    /// Whether traffic can be served.
    pub(crate) fn is_served(&self) -> bool {
        let has_certificate = match &self.tls {
            Some(tls) => tls.mode == TlsMode::Passthrough || !tls.certificates.is_empty(),
            None => true,
        };
        self.is_accepted() && !self.kinds.is_empty() && has_certificate
    }

    /// Whether what it asks for is supported and does not conflict with others.
    pub(crate) fn is_accepted(&self) -> bool {
        self.protocol.is_some() && self.refused.is_none() && self.conflict.is_none()
    }

    /// Whether it occupies its port.
    pub(crate) fn has_port(&self) -> bool {
        self.protocol.is_some() && self.conflict.is_none()
    }

    /// What its port carries.
    pub(crate) fn transport(&self) -> Transport {
        if self.protocol == Some(ListenerProtocol::Udp) { Transport::Udp } else { Transport::Tcp }
    }
}

/// What listeners are made with.
pub(crate) struct Maker<'a> {
    pub(crate) api: &'a GatewayApi,
    pub(crate) resources: &'a Resources,
    pub(crate) credentials: &'a mut Credentials,
}

impl Maker<'_> {
    /// The listeners of a Gateway, then those of the ListenerSets that it allows, in the order of precedence.
    pub(crate) fn listeners(&mut self, gateway: &Object<Gateway>, sets: &[&Object<ListenerSet>]) -> Vec<Effective> {
        let own = Referrer { kind: "Gateway", namespace: &gateway.meta.namespace };
        let mut all: Vec<Effective> = Vec::new();
        for (index, listener) in gateway.spec.listeners.iter().enumerate() {
            all.push(self.listener(gateway, own, None, index, listener));
        }
        conflict::within(&mut all);
        let mut standing = Standing::default();
        all.iter().enumerate().for_each(|(at, listener)| standing.add(at, listener));
        for set in sets {
            let own = Referrer { kind: "ListenerSet", namespace: &set.meta.namespace };
            for (index, listener) in set.spec.listeners.iter().enumerate() {
                let mut made = self.listener(gateway, own, Some(Key::of(&set.meta)), index, listener);
                made.conflict = standing.conflict(&made, &all);
                if made.conflict.is_none() {
                    standing.add(all.len(), &made);
                }
                all.push(made);
            }
        }
        conflict::overlaps(&mut all);
        all
    }

    fn listener(
        &mut self,
        gateway: &Object<Gateway>,
        own: Referrer<'_>,
        set: Option<Key>,
        index: usize,
        listener: &Listener,
    ) -> Effective {
        let path = format!("spec.listeners[{index}]");
        let protocol = match listener.protocol.as_str() {
            "HTTP" => Some(ListenerProtocol::Http),
            "HTTPS" => Some(ListenerProtocol::Https),
            "TLS" => Some(ListenerProtocol::Tls),
            "TCP" => Some(ListenerProtocol::Tcp),
            "UDP" => Some(ListenerProtocol::Udp),
            _ => None,
        };
        let mut made = Effective {
            set,
            name: listener.name.as_str().into(),
            port: u16::try_from(listener.port).unwrap_or_default(),
            protocol,
            hostname: listener.hostname.as_deref().filter(|host| !host.is_empty()).map(lowercase),
            tls: None,
            kinds: Vec::new(),
            namespaces: listener.allowed_routes.namespaces.clone(),
            home: own.namespace.clone(),
            refused: None,
            conflict: None,
            unresolved: None,
            overlapping: None,
        };
        let Some(protocol) = protocol else {
            let message =
                format!("{path}.protocol: {:?} is not supported; HTTP, HTTPS, TLS, TCP and UDP are", listener.protocol);
            made.refused = Some(Problem::new("UnsupportedProtocol", message));
            return made;
        };
        if made.port == 0 {
            let message = format!("{path}.port: {} is not from 1 to 65535", listener.port);
            made.refused = Some(Problem::new("UnsupportedValue", message));
        }
        self.kinds(&path, protocol, listener, &mut made);
        if matches!(protocol, ListenerProtocol::Https | ListenerProtocol::Tls) {
            self.tls(&path, protocol, own, listener, &mut made);
        }
        if protocol == ListenerProtocol::Https {
            self.client_validation(gateway, &mut made);
        }
        made
    }

    fn kinds(&self, path: &str, protocol: ListenerProtocol, listener: &Listener, made: &mut Effective) {
        let fitting: &[RouteKind] = match protocol {
            ListenerProtocol::Http | ListenerProtocol::Https => &[RouteKind::Http, RouteKind::Grpc],
            ListenerProtocol::Tls => &[RouteKind::Tls],
            ListenerProtocol::Tcp => &[RouteKind::Tcp],
            ListenerProtocol::Udp => &[RouteKind::Udp],
        };
        if listener.allowed_routes.kinds.is_empty() {
            made.kinds = fitting.to_vec();
            return;
        }
        let mut strange = Vec::new();
        for (index, asked) in listener.allowed_routes.kinds.iter().enumerate() {
            let known = fitting.iter().find(|kind| asked.group == GROUP && asked.kind == kind.name());
            match known {
                Some(kind) if made.kinds.contains(kind) => {}
                Some(kind) => made.kinds.push(*kind),
                None => strange.push(format!("{path}.allowedRoutes.kinds[{index}]: {}/{}", asked.group, asked.kind)),
            }
        }
        if !strange.is_empty() {
            let names: Vec<&str> = fitting.iter().map(|kind| kind.name()).collect();
            let message = format!(
                "{}: not for protocol {}, whose routes are of kind {}",
                strange.join(", "),
                listener.protocol,
                names.join(" or ")
            );
            made.unresolved = Some(Problem::new("InvalidRouteKinds", message));
        }
    }

    fn tls(
        &mut self,
        path: &str,
        protocol: ListenerProtocol,
        own: Referrer<'_>,
        listener: &Listener,
        made: &mut Effective,
    ) {
        let Some(tls) = &listener.tls else {
            let message = format!("{path}.tls: is missing, and protocol {} needs it", listener.protocol);
            made.refused = Some(Problem::new("UnsupportedValue", message));
            return;
        };
        if protocol == ListenerProtocol::Https && tls.mode == TlsMode::Passthrough {
            let message = format!("{path}.tls.mode: Passthrough is for protocol TLS; HTTPS ends TLS");
            made.refused = Some(Problem::new("UnsupportedValue", message));
        }
        if let Some(option) = tls.options.keys().next() {
            let message = format!("{path}.tls.options: {option:?} is not supported; none is");
            made.refused = Some(Problem::new("UnsupportedValue", message));
        }
        let mut certificates = Vec::new();
        if tls.mode == TlsMode::Terminate {
            for (index, reference) in tls.certificate_refs.iter().enumerate() {
                let path = format!("{path}.tls.certificateRefs[{index}]");
                let invalid = "InvalidCertificateRef";
                match secret(self.api, self.credentials, self.resources, own, &path, reference, invalid) {
                    Ok(key) => certificates.push(key),
                    Err(problem) => made.unresolved = Some(problem),
                }
            }
            if tls.certificate_refs.is_empty() {
                let message = format!("{path}.tls.certificateRefs: none is given, and mode Terminate needs one");
                made.unresolved = Some(Problem::new("InvalidCertificateRef", message));
            }
        }
        made.tls =
            Some(ListenerTls { mode: tls.mode, certificates, client_validation: None, options: BTreeMap::new() });
    }

    /// How clients of an HTTPS listener are verified: as the Gateway says for its port, or for all.
    fn client_validation(&mut self, gateway: &Object<Gateway>, made: &mut Effective) {
        let Some(frontend) = gateway.spec.tls.as_ref().and_then(|tls| tls.frontend.as_ref()) else { return };
        let at_port = frontend.per_port.iter().position(|one| one.port == i32::from(made.port));
        let (path, settings) = match at_port {
            Some(index) => (format!("spec.tls.frontend.perPort[{index}].tls"), &frontend.per_port[index].tls),
            None => ("spec.tls.frontend.default".to_owned(), &frontend.default),
        };
        let Some(validation) = &settings.validation else { return };
        let (authorities, problem) = self.authorities(gateway, &format!("{path}.validation"), validation);
        if authorities.is_empty() {
            let message = match &problem {
                Some(problem) => problem.message.clone(),
                None => format!("{path}.validation.caCertificateRefs: none is given"),
            };
            made.refused = Some(Problem::new("NoValidCACertificate", message));
        }
        if problem.is_some() {
            made.unresolved = problem;
        }
        if let Some(tls) = &mut made.tls {
            let insecure_fallback = validation.mode == FrontendValidationMode::AllowInsecureFallback;
            tls.client_validation = Some(ClientValidation { authorities, insecure_fallback });
        }
    }

    fn authorities(
        &mut self,
        gateway: &Object<Gateway>,
        path: &str,
        validation: &FrontendTlsValidation,
    ) -> (Vec<Key>, Option<Problem>) {
        let own = Referrer { kind: "Gateway", namespace: &gateway.meta.namespace };
        let mut authorities = Vec::new();
        let mut problem = None;
        for (index, reference) in validation.ca_certificate_refs.iter().enumerate() {
            let path = format!("{path}.caCertificateRefs[{index}]");
            if !reference.group.is_empty() || reference.kind != "ConfigMap" {
                let found = format!("{:?} of group {:?}", reference.kind, reference.group);
                let message = format!("{path}: {found} is not supported; name a ConfigMap (group \"\")");
                problem = Some(Problem::new("InvalidCACertificateKind", message));
                continue;
            }
            let key = key_of(reference.namespace.as_deref(), &reference.name, own.namespace);
            if !self.api.permits(own, "", "ConfigMap", &key) {
                let found = not_permitted(own, "ConfigMap", &key);
                problem = Some(Problem::new(found.reason, format!("{path}: {}", found.message)));
                continue;
            }
            match self.credentials.authority(self.resources, &key) {
                Ok(()) => authorities.push(key),
                Err(message) => {
                    problem = Some(Problem::new("InvalidCACertificateRef", format!("{path}: {message}")));
                }
            }
        }
        (authorities, problem)
    }
}

fn lowercase(text: &str) -> Name {
    text.to_ascii_lowercase().into()
}

impl Effective {
    /// Whether routes of a namespace may attach.
    pub(crate) fn allows_namespace(&self, api: &GatewayApi, route: &Name) -> bool {
        namespace::routes_allowed(api, &self.namespaces, &self.home, route)
    }
}
