//! What is said of Gateways, ListenerSets and routes.

use super::attach::Verdict;
use super::condition::{Said, conditions};
use super::listener::Effective;
use super::model::{ManagedGateway, Provision, Route};
use super::reference::Problem;
use super::state::{GatewayState, Resolved, SetState};
use super::update::{first_problem, listed};
use super::{CONTROLLER_NAME, GatewayApi};
use crate::key::Key;
use crate::registry::Registry;
use crate::resources::Resources;
use meridian_resources::Object;
use meridian_resources::gateway_api::common::ParentReference;
use meridian_resources::gateway_api::gateway::{FromListenerNamespaces, FrontendValidationMode, Gateway};
use meridian_resources::gateway_api::{GROUP, ListenerSet};
use serde_json::{Map, Value, json};

/// Rules that cannot be served as they are written.
#[derive(Debug, Default)]
pub(crate) struct Unserved {
    /// What is wrong, a line each.
    pub(crate) messages: Vec<String>,
    /// Whether there is no other rule.
    pub(crate) all: bool,
}

impl Unserved {
    fn problem(&self) -> Option<Problem> {
        let lines: Vec<&str> = self.messages.iter().take(8).map(String::as_str).collect();
        (!lines.is_empty()).then(|| Problem::new("UnsupportedValue", lines.join("; ")))
    }
}

/// The status of a route with these parents: an entry for each that is a Gateway of ours, or a ListenerSet of one.
pub(crate) fn of_route(
    route: &Route,
    parents: &[ParentReference],
    verdicts: &[Option<Verdict>],
    resolved: &[Resolved],
    unserved: &Unserved,
) -> Value {
    let unresolved = first_problem(resolved);
    let generation = route.meta().generation;
    let entry = |(reference, verdict): (&ParentReference, &Option<Verdict>)| {
        let verdict = verdict.as_ref()?;
        let invalid = unserved.problem();
        let refused = verdict.refused.clone().or_else(|| invalid.clone().filter(|_| unserved.all));
        let accepted = refused.is_none();
        let mut said = vec![
            Said::of("Accepted", "Accepted", refused),
            Said::of("ResolvedRefs", "ResolvedRefs", unresolved.clone()),
        ];
        if let Some(invalid) = invalid.filter(|_| accepted) {
            let message = format!("Dropped Rule: {}", invalid.message);
            said.push(Said::yes("PartiallyInvalid", invalid.reason).with(message));
        }
        Some(json!({
            "parentRef": parent_ref(reference),
            "controllerName": CONTROLLER_NAME,
            "conditions": conditions(&said, generation),
        }))
    };
    listed("parents", parents.iter().zip(verdicts).filter_map(entry).collect())
}

/// A reference as it was declared.
fn parent_ref(reference: &ParentReference) -> Value {
    let mut written = Map::new();
    written.insert("group".to_owned(), json!(reference.group));
    written.insert("kind".to_owned(), json!(reference.kind));
    if let Some(namespace) = &reference.namespace {
        written.insert("namespace".to_owned(), json!(namespace));
    }
    written.insert("name".to_owned(), json!(reference.name));
    if let Some(section) = &reference.section_name {
        written.insert("sectionName".to_owned(), json!(section));
    }
    if let Some(port) = reference.port {
        written.insert("port".to_owned(), json!(port));
    }
    Value::Object(written)
}

/// What was found out about a Gateway as a whole.
#[derive(Debug)]
pub(crate) struct Judged {
    /// Why it is not accepted.
    refused: Option<Problem>,
    /// Why it is not reached.
    not_programmed: Option<Problem>,
    /// Where it is reached: type and value.
    addresses: Vec<(String, String)>,
    /// Somebody else runs its proxies: it asks for the address of a Service that is there.
    manual: bool,
}

/// Types of addresses that can be asked for.
const ADDRESS_TYPES: [&str; 2] = ["IPAddress", "Hostname"];

/// Finds out whether a Gateway is accepted and reached.
pub(crate) fn judge_gateway(
    api: &GatewayApi,
    state: &GatewayState,
    registry: &Registry,
    resources: &Resources,
) -> Judged {
    let gateway = &state.object;
    let key = Key::of(&gateway.meta);
    let host = gateway.spec.addresses.iter().find(|address| address.type_.0 == "Hostname");
    let manual = host.and_then(|address| address.value.as_deref());
    let provision = match manual {
        None => api.provisions.get(&key).cloned(),
        Some(host) => Some(of_service(host, &key, registry)),
    };
    let problem_of = |condition: &str| {
        let problem = provision.as_ref()?.problem.as_ref().filter(|problem| problem.condition == condition)?;
        Some(Problem::new(problem.reason, problem.message.clone()))
    };
    let refused = parameters(api, gateway, &key, resources)
        .or_else(|| unsupported_address(gateway))
        .or_else(|| problem_of("Accepted"))
        .or_else(|| no_listener(state));
    let not_programmed = if let Some(refused) = &refused {
        Some(Problem::new("Invalid", refused.message.clone()))
    } else if !state.listeners.iter().any(Effective::is_served) {
        Some(Problem::new("Invalid", "no listener can be served; see the conditions of each"))
    } else if provision.is_none() {
        Some(Problem::new("Pending", "what it needs to be reached is being made"))
    } else {
        problem_of("Programmed")
    };
    let addresses = provision.map(|provision| provision.addresses).unwrap_or_default();
    Judged { refused, not_programmed, addresses, manual: manual.is_some() }
}

/// Why the parameters of a Gateway cannot be used.
fn parameters(api: &GatewayApi, gateway: &Object<Gateway>, key: &Key, resources: &Resources) -> Option<Problem> {
    let reference = gateway.spec.infrastructure.as_ref()?.parameters_ref.as_ref()?;
    let object = Key { namespace: key.namespace.clone(), name: reference.name.as_str().into() };
    let path = "spec.infrastructure.parametersRef";
    api.parameters_problem(path, &reference.group, &reference.kind, &object, resources)
}

fn unsupported_address(gateway: &Object<Gateway>) -> Option<Problem> {
    let unknown = |address: &str| !ADDRESS_TYPES.contains(&address);
    let at = gateway.spec.addresses.iter().position(|address| unknown(&address.type_.0))?;
    let found = &gateway.spec.addresses[at].type_.0;
    let message = format!("spec.addresses[{at}].type: {found:?} is not supported; IPAddress and Hostname are");
    Some(Problem::new("UnsupportedAddress", message))
}

fn no_listener(state: &GatewayState) -> Option<Problem> {
    if state.listeners[..state.own].iter().any(Effective::is_accepted) {
        return None;
    }
    Some(Problem::new("ListenersNotValid", "no listener is accepted; see the conditions of each"))
}

/// A Gateway that binds to a Service of which others run the pods.
fn of_service(host: &str, gateway: &Key, registry: &Registry) -> Provision {
    let short = format!("{host}.{}.svc.", gateway.namespace);
    let exists = !registry.services(host).is_empty()
        || registry.all_hosts().any(|known| known.starts_with(&short) && !host.contains('.'));
    let problem = (!exists).then(|| super::model::ProvisionProblem {
        condition: "Programmed",
        reason: "AddressNotUsable",
        message: format!("spec.addresses: there is no Service with host {host:?} to which the Gateway could bind"),
    });
    Provision { addresses: vec![("Hostname".to_owned(), host.to_owned())], problem }
}

impl Judged {
    /// The status of the Gateway.
    pub(crate) fn status(&self, state: &GatewayState) -> Value {
        let generation = state.object.meta.generation;
        let own = || state.listeners[..state.own].iter().enumerate();
        let accepted = match &self.refused {
            Some(refused) => Said::no("Accepted", refused.clone()),
            None if own().all(|(_, listener)| listener.is_accepted()) => Said::yes("Accepted", "Accepted"),
            None => {
                let bad = own().filter(|(_, listener)| !listener.is_accepted());
                let names: Vec<&str> = bad.map(|(_, listener)| &*listener.name).collect();
                let message = format!("not accepted: {}; see the conditions of each", names.join(", "));
                Said::yes("Accepted", "ListenersNotValid").with(message)
            }
        };
        let unresolved = state.client_problem.clone().or_else(|| {
            let bad = own().filter(|(_, listener)| listener.unresolved.is_some());
            let names: Vec<&str> = bad.map(|(_, listener)| &*listener.name).collect();
            let message = format!("references of listeners: {}; see the conditions of each", names.join(", "));
            (!names.is_empty()).then(|| Problem::new("ListenersNotResolved", message))
        });
        let mut said = vec![
            accepted,
            Said::of("Programmed", "Programmed", self.not_programmed.clone()),
            Said::of("ResolvedRefs", "ResolvedRefs", unresolved),
        ];
        if allows_insecure(&state.object.spec) {
            let message = "clients without a valid certificate are served as well (AllowInsecureFallback)";
            said.push(Said::yes("InsecureFrontendValidationMode", "ConfigurationChanged").with(message));
        }
        let listeners: Vec<Value> = own().map(|(at, one)| self.listener(state, at, one, generation)).collect();
        let mut status = json!({"conditions": conditions(&said, generation), "listeners": listeners});
        if !self.addresses.is_empty() {
            let one = |(type_, value): &(String, String)| json!({"type": type_, "value": value});
            status["addresses"] = self.addresses.iter().map(one).collect();
        }
        let allowed = state.object.spec.allowed_listeners.as_ref().map(|allowed| allowed.namespaces.from);
        if allowed.is_some_and(|from| from != FromListenerNamespaces::None) {
            let attached = state.sets.iter().filter(|set| set.allowed && set_is_valid(state, set)).count();
            status["attachedListenerSets"] = json!(attached);
        }
        status
    }

    /// What is said of a listener.
    fn listener(&self, state: &GatewayState, at: usize, listener: &Effective, generation: i64) -> Value {
        let refused = listener.conflict.clone().or_else(|| listener.refused.clone());
        let programmed = match (&listener.conflict, &self.not_programmed) {
            (Some(conflict), _) => Said::no("Programmed", conflict.clone()),
            _ if !listener.is_served() => {
                let why = listener.refused.as_ref().or(listener.unresolved.as_ref());
                let message = why.map_or_else(String::new, |problem| problem.message.clone());
                Said::no("Programmed", Problem::new("Invalid", message))
            }
            (None, Some(problem)) => Said::no("Programmed", Problem::new("Pending", problem.message.clone())),
            (None, None) => Said::yes("Programmed", "Programmed"),
        };
        let conflicted = match &listener.conflict {
            Some(conflict) => Said { status: true, ..Said::no("Conflicted", conflict.clone()) },
            None => Said { status: false, ..Said::yes("Conflicted", "NoConflicts") },
        };
        let mut said = vec![
            Said::of("Accepted", "Accepted", refused),
            programmed,
            Said::of("ResolvedRefs", "ResolvedRefs", listener.unresolved.clone()),
            conflicted,
        ];
        if let Some(message) = &listener.overlapping {
            said.push(Said::yes("OverlappingTLSConfig", "OverlappingHostnames").with(message.clone()));
        }
        let kinds: Vec<Value> =
            listener.kinds.iter().map(|kind| json!({"group": GROUP, "kind": kind.name()})).collect();
        json!({
            "name": *listener.name,
            "supportedKinds": kinds,
            "attachedRoutes": state.routes[at].values().filter(|placed| placed.accepted).count(),
            "conditions": conditions(&said, generation),
        })
    }

    /// The status of a ListenerSet of the Gateway.
    pub(crate) fn set_status(&self, state: &GatewayState, set: &SetState, object: &Object<ListenerSet>) -> Value {
        let generation = object.meta.generation;
        let bad = |reason: &'static str, message: String| {
            let problem = Problem::new(reason, message);
            (Said::no("Accepted", problem.clone()), Said::no("Programmed", problem))
        };
        let (accepted, programmed) = if !set.allowed {
            let message = format!(
                "spec.parentRef: Gateway {}/{} does not allow ListenerSets of namespace {}; see its \
                 spec.allowedListeners.namespaces",
                state.object.meta.namespace, state.object.meta.name, set.key.namespace
            );
            bad("NotAllowed", message)
        } else if let Some(refused) = &self.refused {
            bad("ParentNotAccepted", format!("the Gateway is not accepted: {}", refused.message))
        } else if !set_is_valid(state, set) {
            bad("ListenersNotValid", "no listener can be served; see the conditions of each".to_owned())
        } else {
            let all_valid = state.listeners[set.listeners.clone()].iter().all(Effective::is_served);
            let reason = if all_valid { "Accepted" } else { "ListenersNotValid" };
            let programmed = match &self.not_programmed {
                None => Said::yes("Programmed", "Programmed"),
                Some(problem) => {
                    let message = format!("the Gateway is not programmed: {}", problem.message);
                    Said::no("Programmed", Problem::new("ParentNotProgrammed", message))
                }
            };
            (Said::yes("Accepted", reason), programmed)
        };
        let own = set.listeners.clone();
        let listeners: Vec<Value> = own.map(|at| self.listener(state, at, &state.listeners[at], generation)).collect();
        json!({"conditions": conditions(&[accepted, programmed], generation), "listeners": listeners})
    }

    /// What the Gateway needs to be reached; `None`: nothing, or somebody else cares for it.
    pub(crate) fn managed(&self, api: &GatewayApi, state: &GatewayState) -> Option<ManagedGateway> {
        let gateway = &state.object;
        let with_port = state.listeners.iter().filter(|listener| listener.has_port() && listener.port != 0);
        let ports: std::collections::BTreeSet<_> = with_port.map(|one| (one.port, one.transport())).collect();
        if self.manual || ports.is_empty() {
            return None;
        }
        let infrastructure = gateway.spec.infrastructure.clone().unwrap_or_default();
        let supported = gateway.spec.addresses.iter().filter(|one| ADDRESS_TYPES.contains(&one.type_.0.as_str()));
        let class = api.classes.get(gateway.spec.gateway_class_name.as_str());
        let parameters =
            infrastructure.parameters_ref.map(|reference| meridian_resources::gateway_api::common::ObjectReference {
                group: reference.group,
                kind: reference.kind,
                name: reference.name,
                namespace: Some(gateway.meta.namespace.to_string()),
            });
        Some(ManagedGateway {
            namespace: gateway.meta.namespace.clone(),
            name: gateway.meta.name.clone(),
            uid: gateway.meta.uid.as_str().into(),
            class: gateway.spec.gateway_class_name.as_str().into(),
            ports,
            addresses: supported.cloned().collect(),
            labels: infrastructure.labels,
            annotations: infrastructure.annotations,
            class_parameters: class.and_then(|class| class.spec.parameters_ref.clone()),
            parameters,
        })
    }
}

/// Whether a ListenerSet has a listener that can be served.
fn set_is_valid(state: &GatewayState, set: &SetState) -> bool {
    state.listeners[set.listeners.clone()].iter().any(Effective::is_served)
}

fn allows_insecure(gateway: &Gateway) -> bool {
    let Some(frontend) = gateway.tls.as_ref().and_then(|tls| tls.frontend.as_ref()) else { return false };
    let ports = frontend.per_port.iter().map(|port| &port.tls);
    let mut all = ports.chain(std::iter::once(&frontend.default)).filter_map(|tls| tls.validation.as_ref());
    all.any(|validation| validation.mode == FrontendValidationMode::AllowInsecureFallback)
}

/// The status of a ListenerSet whose Gateway is not there any more, or not ours.
pub(crate) fn orphaned_set(set: &Object<ListenerSet>) -> Value {
    let problem = Problem::new("ParentNotAccepted", "spec.parentRef: there is no such Gateway of this controller");
    let said = [Said::no("Accepted", problem.clone()), Said::no("Programmed", problem)];
    json!({"conditions": conditions(&said, set.meta.generation)})
}
