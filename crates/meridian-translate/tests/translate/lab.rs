//! A translator with one gateway, fed with YAML as a user writes it.

use meridian_ir::filter_chain::{ConnectionView, Filters, TransportProtocol, select};
use meridian_ir::http::RouteSource;
use meridian_ir::request::PlainRequest;
use meridian_ir::{Action, FilterChain, ProxyConfig, Route};
use meridian_resources::{ObjectRef, Resource};
use meridian_translate::{Condition, MeshConfig, Output, ProxyNode, Translator};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The Service in front of the gateway, and a Service `httpbin` with two endpoints.
pub(crate) const BASICS: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  ports:
  - {name: http2, port: 80, targetPort: 8080}
  - {name: https, port: 443, targetPort: 8443}
---
apiVersion: v1
kind: Service
metadata: {name: httpbin}
spec: {ports: [{name: http, port: 8000, targetPort: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: httpbin-1, labels: {kubernetes.io/service-name: httpbin}}
addressType: IPv4
ports: [{name: http, port: 80}]
endpoints:
- {addresses: [10.0.0.1]}
- {addresses: [10.0.0.2]}
"#;

/// A Gateway for plain HTTP on port 80 with these hosts.
pub(crate) fn http_gateway(hosts: &str) -> String {
    format!(
        r#"
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: gateway}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: 80, name: http, protocol: HTTP}}
    hosts: {hosts}
"#
    )
}

/// A VirtualService `name` with these hosts, bound to `gateway`, whose `spec.http` is the YAML flow sequence `http`.
pub(crate) fn virtual_service(name: &str, hosts: &str, http: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}}}\n\
         spec: {{hosts: {hosts}, gateways: [gateway], http: {http}}}\n"
    )
}

/// The objects of a YAML text.
pub(crate) fn parse(yaml: &str) -> Vec<Resource> {
    let documents = meridian_resources::yaml::parse(yaml, "test.yaml");
    let object = |document: meridian_resources::yaml::Document| {
        let parsed = document.object.unwrap_or_else(|errors| panic!("{errors:?}\n{yaml}"));
        parsed.decode().unwrap_or_else(|errors| panic!("{errors:?}\n{yaml}"))
    };
    documents.into_iter().map(object).collect()
}

/// See the module.
pub(crate) struct Lab {
    pub(crate) translator: Translator,
    /// The gateway's configuration.
    pub(crate) config: Arc<ProxyConfig>,
    /// What was said of objects, by `Kind namespace/name`.
    pub(crate) statuses: BTreeMap<String, Arc<[Condition]>>,
    references: HashMap<String, ObjectRef>,
}

impl Lab {
    /// With nothing in it but the gateway.
    pub(crate) fn empty() -> Self {
        Self::with_gateway([("istio".to_owned(), "ingressgateway".to_owned())].into())
    }

    /// With nothing in it but a gateway that has these labels.
    pub(crate) fn with_gateway(labels: BTreeMap<String, String>) -> Self {
        let mesh = MeshConfig { access_log_file: "/dev/stdout".into(), ..MeshConfig::default() };
        let mut lab = Self {
            translator: Translator::new(mesh),
            config: Arc::default(),
            statuses: BTreeMap::new(),
            references: HashMap::new(),
        };
        lab.translator.add_proxy(ProxyNode::gateway("ingressgateway", "istio-system", labels));
        lab.translate();
        lab
    }

    /// With [`BASICS`] and these objects.
    pub(crate) fn with(yaml: &str) -> Self {
        let mut lab = Self::empty();
        lab.apply(BASICS);
        lab.apply(yaml);
        lab
    }

    /// Applies objects and translates.
    pub(crate) fn apply(&mut self, yaml: &str) -> Output {
        for resource in parse(yaml) {
            self.put(resource);
        }
        self.translate()
    }

    /// Puts an object, without translating.
    pub(crate) fn put(&mut self, resource: Resource) {
        let reference = resource.object_ref();
        self.references.insert(reference.to_string(), reference);
        self.translator.put(resource);
    }

    /// Deletes `Kind namespace/name`, without translating.
    pub(crate) fn remove(&mut self, object: &str) {
        self.statuses.remove(object);
        self.translator.delete(&self.references[object]);
    }

    /// Deletes `Kind namespace/name` and translates.
    pub(crate) fn delete(&mut self, object: &str) -> Output {
        self.remove(object);
        self.translate()
    }

    /// Translates.
    pub(crate) fn translate(&mut self) -> Output {
        let output = self.translator.translate();
        for (_, config) in &output.proxies {
            self.config = config.clone();
        }
        for (object, conditions) in &output.statuses {
            if conditions.is_empty() {
                // Nothing is said of it any more.
                self.statuses.remove(&object.to_string());
            } else {
                self.statuses.insert(object.to_string(), conditions.clone());
            }
        }
        output
    }

    /// One condition of `Kind namespace/name`.
    pub(crate) fn condition(&self, object: &str, type_: &str) -> &Condition {
        let conditions = self.statuses.get(object).unwrap_or_else(|| panic!("nothing was said of {object}"));
        conditions.iter().find(|condition| condition.type_ == type_).expect("every condition is always told")
    }

    /// That `Kind namespace/name` is well.
    pub(crate) fn assert_well(&self, object: &str) {
        for condition in &*self.statuses[object] {
            assert!(condition.status, "{object}: {condition:?}");
        }
    }

    /// That a condition is false for this reason, and says all of `parts`.
    pub(crate) fn assert_false(&self, object: &str, type_: &str, reason: &str, parts: &[&str]) {
        let condition = self.condition(object, type_);
        assert_eq!((condition.status, condition.reason), (false, reason), "{object}: {condition:?}");
        for part in parts {
            assert!(condition.message.contains(part), "{part:?} is not in {:?}", condition.message);
        }
    }

    /// The route that a request on this route configuration takes.
    pub(crate) fn route(&self, routes: &str, request: &PlainRequest) -> Option<Arc<Route>> {
        let config =
            self.config.routes.get(routes).unwrap_or_else(|| panic!("{routes}: {:?}", self.config.routes.keys()));
        config.virtual_host(request.authority.as_bytes()).and_then(|host| host.route(request)).cloned()
    }

    /// What becomes of `GET path` with this Host on plain HTTP: the clusters, the status of an answer, or `404`.
    pub(crate) fn get(&self, host: &str, path: &str) -> String {
        self.answer("http.8080", &PlainRequest::get(host, path))
    }

    /// What becomes of a request: the clusters, the status of an answer with its body, or `404`.
    pub(crate) fn answer(&self, routes: &str, request: &PlainRequest) -> String {
        let Some(route) = self.route(routes, request) else { return "404".into() };
        match &route.action {
            Action::Forward(forward) => {
                forward.clusters.iter().map(|cluster| &*cluster.cluster).collect::<Vec<_>>().join(" ")
            }
            Action::Redirect(redirect) => redirect.status.to_string(),
            Action::Direct(direct) => {
                format!("{} {}", direct.status, String::from_utf8_lossy(&direct.body)).trim().into()
            }
        }
    }

    /// The chain of a listener that takes TLS connections with this server name.
    pub(crate) fn chain(&self, listener: &str, server_name: &str) -> &Arc<FilterChain> {
        let listener = &self.config.listeners[listener];
        let connection = ConnectionView {
            destination: listener.address,
            server_name: Some(server_name),
            transport_protocol: TransportProtocol::Tls,
            application_protocols: &[b"http/1.1"],
        };
        select(listener, &connection).chain().unwrap_or_else(|| panic!("no chain takes {server_name}"))
    }

    /// What takes a TLS connection with this server name on port 8443: the route configuration with the certificates,
    /// or the clusters; `NR` when nothing does.
    pub(crate) fn tls(&self, server_name: Option<&str>) -> String {
        let Some(listener) = self.config.listeners.get("0.0.0.0_8443") else { return "closed".into() };
        let connection = ConnectionView {
            destination: ([127, 0, 0, 1], 8443).into(),
            server_name,
            transport_protocol: TransportProtocol::Tls,
            application_protocols: &[b"http/1.1"],
        };
        let Some(chain) = select(listener, &connection).chain() else { return "NR".into() };
        let mut parts: Vec<String> = Vec::new();
        match &chain.filters {
            Filters::Http(manager) => match &manager.routes {
                RouteSource::Named(name) => parts.push(name.to_string()),
                RouteSource::Inline(config) => parts.push(config.name.to_string()),
            },
            Filters::Tcp(proxy) => parts.extend(proxy.clusters.iter().map(|cluster| cluster.cluster.to_string())),
        }
        if let Some(tls) = &chain.tls {
            parts.extend(tls.certificates.iter().map(|name| name.to_string()));
            parts.push("terminated".into());
        }
        parts.join(" ")
    }

    /// The endpoints of a cluster.
    pub(crate) fn endpoints(&self, cluster: &str) -> Vec<String> {
        use meridian_ir::endpoint::Address;
        let endpoints = self.config.endpoints.get(cluster).unwrap_or_else(|| panic!("no endpoints of {cluster}"));
        let one = |address: &Address| match address {
            Address::Socket(address) => address.to_string(),
            Address::Dns(name, port) => format!("{name}:{port}"),
        };
        endpoints.endpoints.iter().map(|endpoint| one(&endpoint.address)).collect()
    }
}
