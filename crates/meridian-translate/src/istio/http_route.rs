//! The HTTP rules of a VirtualService as routes, in Istio's order (`BuildHTTPRoutesForVirtualService`).

use crate::condition::{Finding, Topic};
use crate::istio::delegate::{self, Written};
use crate::istio::destination::{Collected, Scope};
use crate::istio::http_action::{self, Compiled, Place};
use crate::istio::http_match::{self, is_catch_all};
use crate::key::Key;
use crate::kubernetes::has_ingress_semantics;
use crate::proxy::node::selects;
use meridian_ir::{Name, Origin, Route, RouteMatch};
use meridian_resources::Object;
use meridian_resources::istio::VirtualService;
use meridian_resources::istio::virtual_service::{HttpMatchRequest, HttpRoute};
use std::sync::Arc;

/// The server that routes are made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerContext {
    /// `namespace/name` of the Gateway.
    pub(crate) gateway: Name,
    /// The server's port, as the Gateway writes it.
    pub(crate) port: u16,
    /// Whether it terminates TLS.
    pub(crate) is_tls: bool,
}

/// The routes of a VirtualService at one server.
#[derive(Debug)]
pub(crate) struct Routes {
    pub(crate) routes: Vec<Arc<Route>>,
    pub(crate) collected: Collected,
}

/// Compiles the HTTP rules of `object`. Rules keep their order, and nothing comes after a route that takes every
/// request; each alternative of a rule is a route of its own.
pub(crate) fn compile(scope: &mut Scope<'_>, object: &Object<VirtualService>, server: &ServerContext) -> Routes {
    let mut said = delegate::Said::default();
    let rules = delegate::rules(scope.virtual_services, object, scope.mesh, &mut said);
    let collected = Collected { findings: said.root, delegates: said.leaves, ..Collected::default() };
    let mut compiler = Compiler { scope, object, author: object, server, routes: Vec::new(), collected };
    for Written { rule, author, path } in &rules {
        compiler.author = author;
        let said_before = compiler.collected.findings.len();
        let rest = compiler.rule(rule, path);
        if let Some(of_leaf) = compiler.collected.delegates.get_mut(&Key::of(&author.meta)) {
            of_leaf.extend(compiler.collected.findings.drain(said_before..));
        }
        if rest == Rest::Unreachable {
            break;
        }
    }
    Routes { routes: compiler.routes, collected: compiler.collected }
}

/// What becomes of the rules behind one.
#[derive(Debug, PartialEq, Eq)]
enum Rest {
    Reachable,
    Unreachable,
}

struct Compiler<'a, 's> {
    scope: &'a mut Scope<'s>,
    object: &'a Object<VirtualService>,
    /// The VirtualService that wrote the rule at hand: `object`, or one that it delegates to.
    author: &'a Object<VirtualService>,
    server: &'a ServerContext,
    routes: Vec<Arc<Route>>,
    collected: Collected,
}

impl Compiler<'_, '_> {
    fn rule(&mut self, rule: &HttpRoute, path: &str) -> Rest {
        if rule.matches.is_empty() {
            let matcher = http_match::everything(self.scope.pool);
            self.route(rule, rule.name.clone(), matcher, path);
            return Rest::Unreachable;
        }
        for (index, alternative) in rule.matches.iter().enumerate() {
            if !self.concerns_server(alternative) {
                continue;
            }
            let name = match (&*rule.name, &*alternative.name) {
                (rule, "") => rule.to_owned(),
                (rule, alternative) => format!("{rule}.{alternative}"),
            };
            let mut broken = Vec::new();
            let place = format!("{path}.match[{index}]");
            if !alternative.stat_prefix.is_empty() {
                let message = "has no effect: there are no counters by route";
                self.collected.findings.push(Finding::at(Topic::Unsupported, &format!("{place}.statPrefix"), message));
            }
            let mut matcher = http_match::compile(alternative, &place, self.scope.pool, &mut broken);
            if has_ingress_semantics(&self.object.meta) {
                http_match::separate_prefix(&mut matcher, self.scope.pool);
            }
            if !broken.is_empty() {
                // A condition that cannot be evaluated must not hand its requests to another rule.
                self.push(name, matcher, Compiled::refused(&broken));
                self.collected.findings.extend(broken);
                continue;
            }
            let last = is_catch_all(&matcher);
            self.route(rule, name, matcher, path);
            if last {
                return Rest::Unreachable;
            }
        }
        Rest::Reachable
    }

    /// Whether an alternative is for requests of this server at all.
    fn concerns_server(&mut self, alternative: &HttpMatchRequest) -> bool {
        let node = self.scope.node;
        if alternative.port != 0 {
            self.collected.depends_on_server = true;
            if alternative.port != u32::from(self.server.port) {
                return false;
            }
        }
        if !alternative.gateways.is_empty() {
            self.collected.depends_on_server = true;
            let own = &self.author.meta.namespace;
            return alternative.gateways.iter().any(|gateway| resolve_gateway(gateway, own) == *self.server.gateway);
        }
        selects(&alternative.source_labels, &node.labels)
            && (alternative.source_namespace.is_empty() || alternative.source_namespace == *node.namespace)
    }

    fn route(&mut self, rule: &HttpRoute, name: String, matcher: RouteMatch, path: &str) {
        let place = Place {
            namespace: &self.author.meta.namespace,
            server_port: self.server.port,
            is_tls: self.server.is_tls,
            path,
        };
        let compiled = http_action::compile(self.scope, rule, &matcher.path, place, &mut self.collected);
        self.push(name, matcher, compiled);
    }

    fn push(&mut self, name: String, matcher: RouteMatch, compiled: Compiled) {
        let meta = &self.object.meta;
        let origin = Origin { kind: "VirtualService", namespace: meta.namespace.clone(), name: meta.name.clone() };
        self.routes.push(Arc::new(Route {
            name: self.scope.pool.name(&name),
            matcher,
            action: compiled.action,
            request_headers: compiled.request_headers,
            response_headers: compiled.response_headers,
            fault: compiled.fault,
            cors: compiled.cors,
            ext_authz: None,
            origin: Some(origin),
        }));
    }
}

/// `namespace/name` of a Gateway as a VirtualService of namespace `own` writes it: `name`, `./name`, `namespace/name`,
/// or the old form `name.namespace.svc.cluster.local`. `mesh` stays what it is.
pub(crate) fn resolve_gateway(text: &str, own: &str) -> String {
    if text == MESH {
        return text.to_owned();
    }
    match text.split_once('/') {
        Some((".", name)) => format!("{own}/{name}"),
        Some(_) => text.to_owned(),
        None => match text.split_once('.') {
            Some((name, rest)) => format!("{}/{name}", rest.split('.').next().unwrap_or(rest)),
            None => format!("{own}/{text}"),
        },
    }
}

/// The word for all sidecars in the place of a Gateway's name.
pub(crate) const MESH: &str = "mesh";
