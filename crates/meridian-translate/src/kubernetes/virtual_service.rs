//! The VirtualService of a host: the paths of all Ingresses that have rules for it, longest first.

use crate::condition::{Finding, Topic};
use crate::key::Key;
use crate::kubernetes::gateway::{self, MARK};
use crate::mesh::MeshConfig;
use crate::registry::service::Service;
use meridian_resources::istio::virtual_service::{
    Destination, HttpDirectResponse, HttpMatchRequest, HttpRoute, HttpRouteDestination, PortSelector,
};
use meridian_resources::istio::{StringMatch, VirtualService};
use meridian_resources::networking::Ingress;
use meridian_resources::networking::ingress::{HttpIngressPath, IngressServiceBackend, PathType};
use meridian_resources::{Meta, Object};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The annotation by which Istio tells VirtualServices that are made of Ingresses from others.
const SEMANTICS_ANNOTATION: &str = "internal.istio.io/route-semantics";
const INGRESS_SEMANTICS: &str = "ingress";

/// Whether prefixes in a VirtualService are compared path element by path element, as those of Ingresses are.
pub(crate) fn has_ingress_semantics(meta: &Meta) -> bool {
    meta.annotations.get(SEMANTICS_ANNOTATION).is_some_and(|semantics| semantics == INGRESS_SEMANTICS)
}

/// A VirtualService, and where its rules come from.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) object: Arc<Object<VirtualService>>,
    /// For each HTTP rule its place.
    pub(super) origins: Vec<Origin>,
    pub(super) findings: Vec<(Key, Finding)>,
    /// Services whose port names were looked up.
    pub(super) services: BTreeSet<Key>,
}

/// The place of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) ingress: Key,
    /// `spec.rules[0].http.paths[0]`
    pub(super) path: String,
}

/// The host of a rule: all when it names none.
pub(super) fn host_of(written: &str) -> &str {
    if written.is_empty() { "*" } else { written }
}

/// Makes the VirtualService of `host` from `ingresses`, which have paths for it, oldest first; `certificate` is the
/// Ingress that has the host's certificate. `None` when no Ingress is given.
pub(super) fn make<'r>(
    host: &str,
    ingresses: &[Arc<Object<Ingress>>],
    certificate: Option<&Key>,
    mesh: &MeshConfig,
    service: impl Fn(&Key) -> Option<&'r Arc<Service>>,
) -> Option<Made> {
    let first = ingresses.first()?;
    let mut maker =
        Maker { host, mesh, service, seen: HashMap::new(), findings: Vec::new(), services: BTreeSet::new() };
    let mut rules: Vec<(HttpRoute, Origin)> = Vec::new();
    for ingress in ingresses {
        for (index, rule) in ingress.spec.rules.iter().enumerate().filter(|(_, rule)| host_of(&rule.host) == host) {
            for (place, path) in rule.http.iter().flat_map(|http| &http.paths).enumerate() {
                let origin = Origin {
                    ingress: Key::of(&ingress.meta),
                    path: format!("spec.rules[{index}].http.paths[{place}]"),
                };
                rules.push((maker.rule(path, &origin), origin));
            }
        }
    }
    rules.sort_by_key(|(rule, _)| std::cmp::Reverse(precedence(rule)));
    let (http, origins) = rules.into_iter().unzip();
    let mut gateways: Vec<Key> = ingresses.iter().map(|ingress| Key::of(&ingress.meta)).collect();
    gateways.extend(certificate.filter(|owner| !gateways.contains(owner)).cloned());
    let spec = VirtualService {
        hosts: vec![host.to_owned()],
        gateways: gateways.iter().map(|ingress| gateway::key(ingress).to_string()).collect(),
        http,
        ..VirtualService::default()
    };
    let meta = Meta {
        name: name(host, first).into(),
        namespace: first.meta.namespace.clone(),
        annotations: [(SEMANTICS_ANNOTATION.to_owned(), INGRESS_SEMANTICS.to_owned())].into(),
        ..Meta::default()
    };
    let object = Arc::new(Object { meta, spec, status: Default::default(), source: first.source.clone() });
    Some(Made { object, origins, findings: maker.findings, services: maker.services })
}

/// Istio's name: the host with dashes, and the oldest Ingress. Where another host of that Ingress would get the same,
/// the host as it is written.
fn name(host: &str, first: &Object<Ingress>) -> String {
    let dashed = |host: &str| host.replace('.', "-");
    let mine = dashed(host);
    let mut hosts = first.spec.rules.iter().map(|rule| host_of(&rule.host));
    let ambiguous = hosts.any(|other| other != host && dashed(other) == mine);
    let host = if ambiguous { host } else { &mine };
    format!("{host}-{}-{MARK}", first.meta.name)
}

/// Longer paths first, exact ones before prefixes of the same length, rules for every path last.
fn precedence(rule: &HttpRoute) -> (usize, bool) {
    match rule.matches.first().and_then(|one| one.uri.as_ref()) {
        Some(StringMatch::Exact(path)) => (path.len(), true),
        Some(StringMatch::Prefix(path)) => (path.len(), false),
        _ => (0, false),
    }
}

/// How a path is compared; `None`: every path. What is not `Exact` or `Prefix` is exact unless it ends with `/*` or
/// `.*`.
fn uri(path: &HttpIngressPath) -> Option<StringMatch> {
    let text = path.path.as_str();
    match path.path_type {
        Some(PathType::Exact) => Some(StringMatch::Exact(text.to_owned())),
        Some(PathType::Prefix) => Some(StringMatch::Prefix(text.to_owned())),
        Some(PathType::ImplementationSpecific) | None => match text {
            "" | "*" | "/*" | ".*" => None,
            _ => Some(match text.strip_suffix(".*").or_else(|| text.strip_suffix("/*")) {
                Some(prefix) => StringMatch::Prefix(prefix.to_owned()),
                None => StringMatch::Exact(text.to_owned()),
            }),
        },
    }
}

struct Maker<'m, S> {
    host: &'m str,
    mesh: &'m MeshConfig,
    service: S,
    /// Who was the first with a path.
    seen: HashMap<Option<StringMatch>, Origin>,
    findings: Vec<(Key, Finding)>,
    services: BTreeSet<Key>,
}

impl<'r, S: Fn(&Key) -> Option<&'r Arc<Service>>> Maker<'_, S> {
    fn rule(&mut self, path: &HttpIngressPath, origin: &Origin) -> HttpRoute {
        let uri = uri(path);
        if let Some(first) = self.seen.get(&uri) {
            let message = format!(
                "has no effect: {} of Ingress {} is for the same path of host {:?} and comes first",
                first.path, first.ingress, self.host
            );
            self.find(origin, Topic::Conflicted, "path", message);
        } else {
            self.seen.insert(uri.clone(), origin.clone());
        }
        let matches = uri.map(|uri| HttpMatchRequest { uri: Some(uri), ..HttpMatchRequest::default() });
        let rule = HttpRoute { matches: matches.into_iter().collect(), ..HttpRoute::default() };
        match &path.backend.service {
            Some(service) => match self.port(service, origin) {
                Some(port) => HttpRoute { route: vec![self.destination(&service.name, port, origin)], ..rule },
                None => HttpRoute { direct_response: Some(answer(503).into()), ..rule },
            },
            None => {
                let message = "only Services can be reached; requests are answered 501".to_owned();
                self.find(origin, Topic::Unsupported, "backend.resource", message);
                HttpRoute { direct_response: Some(answer(501).into()), ..rule }
            }
        }
    }

    fn find(&mut self, origin: &Origin, topic: Topic, field: &str, message: String) {
        let finding = Finding::at(topic, &format!("{}.{field}", origin.path), message);
        self.findings.push((origin.ingress.clone(), finding));
    }

    /// The number of a backend's port.
    fn port(&mut self, backend: &IngressServiceBackend, origin: &Origin) -> Option<u32> {
        if backend.port.number > 0 {
            return u32::try_from(backend.port.number).ok();
        }
        let key = Key { namespace: origin.ingress.namespace.clone(), name: backend.name.as_str().into() };
        let found = (self.service)(&key);
        self.services.insert(key);
        let message = match found {
            None => format!("there is no Service {}/{}", origin.ingress.namespace, backend.name),
            Some(service) => match service.ports.iter().find(|port| *port.name == backend.port.name) {
                Some(port) => return Some(port.number.into()),
                None => {
                    format!("{} has no port {:?}; it has {}", service.host, backend.port.name, service.list_ports())
                }
            },
        };
        let topic = if found.is_none() { Topic::BackendNotFound } else { Topic::PortNotFound };
        self.find(origin, topic, "backend.service.port.name", format!("{message}; requests are answered 503"));
        None
    }

    fn destination(&self, service: &str, port: u32, origin: &Origin) -> HttpRouteDestination {
        let host = self.mesh.service_host(service, &origin.ingress.namespace);
        let destination = Destination { host, port: Some(PortSelector { number: port }), subset: String::new() };
        HttpRouteDestination { destination, headers: None, weight: 100 }
    }
}

fn answer(status: u32) -> HttpDirectResponse {
    HttpDirectResponse { body: None, status }
}
