//! One update: what is stale is looked at again, Gateways before routes, and what is different is told.

use super::attach::{Verdict, judge};
use super::backend::Backends;
use super::index::Parent;
use super::listener::Maker;
use super::model::{AttachedRoute, Backend, ManagedGateway, Route};
use super::proxy::unsupported;
use super::reference::{Problem, Referrer, secret};
use super::route::RouteId;
use super::stale::Stale;
use super::state::{GatewayState, Placed, Resolved, RouteState, SetState, is_same};
use super::status::Unserved;
use super::{GatewayApi, experimental, extension, index, namespace, policy, status};
use crate::key::Key;
use crate::pool::Pool;
use crate::registry::Registry;
use crate::resources::Resources;
use meridian_ir::Name;
use meridian_resources::gateway_api::common::ParentReference;
use meridian_resources::gateway_api::gateway::DefaultScope;
use meridian_resources::gateway_api::{
    backend_tls_policy, gateway, gateway_class, listener_set, x_backend, x_backend_traffic_policy,
};
use meridian_resources::{Kind, ObjectRef};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is different after an update.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Whole wanted statuses, without times.
    pub(crate) statuses: Vec<(ObjectRef, Arc<Value>)>,
    /// What Gateways need: namespace, name.
    pub(crate) managed: Vec<(Name, Name, Option<Arc<ManagedGateway>>)>,
}

impl GatewayApi {
    /// Looks at everything that is stale; [`GatewayApi::models`] are as they should be afterwards.
    pub(crate) fn update(&mut self, registry: &Registry, resources: &Resources, pool: &mut Pool) -> News {
        let mut stale = std::mem::take(&mut self.stale);
        let mut news = News::default();
        for name in &stale.classes {
            self.update_class(name, resources, &mut news);
        }
        for key in stale.policies.clone() {
            self.read_policy(&key, resources);
        }
        for key in std::mem::take(&mut stale.gateways) {
            self.update_gateway(&key, resources, &mut stale);
        }
        for key in &stale.orphans {
            self.orphan(key, &mut news);
        }
        for id in std::mem::take(&mut stale.routes) {
            self.update_route(&id, registry, pool, &mut stale, &mut news);
        }
        for key in &stale.touched {
            self.tell_of_gateway(key, None, registry, resources, &mut news);
        }
        for (key, listeners) in stale.counted.iter().filter(|(key, _)| !stale.touched.contains(key)) {
            self.tell_of_gateway(key, Some(listeners), registry, resources, &mut news);
        }
        for key in &stale.policies {
            self.tell_of_policy(key, resources, &mut news);
        }
        for key in &stale.backends {
            let mut credentials = std::mem::take(&mut self.credentials);
            let status = self.backend_status(key, &mut credentials, resources);
            self.credentials = credentials;
            status.into_iter().for_each(|status| self.say(reference(&x_backend::KIND, key), status, &mut news));
        }
        for key in &stale.traffic_policies {
            let status = self.traffic_policy_status(key);
            let object = || reference(&x_backend_traffic_policy::KIND, key);
            status.into_iter().for_each(|status| self.say(object(), status, &mut news));
        }
        if !self.extensions.is_empty() && (stale.extensions || !stale.touched.is_empty() || !stale.counted.is_empty()) {
            for (kind, key, status) in self.extension_statuses() {
                if let Some(kind) = extension::kind_of(kind) {
                    self.say(reference(kind, &key), status, &mut news);
                }
            }
        }
        news
    }

    /// Says something of an object, unless the same was said before. An empty list of parents or ancestors need not be
    /// said of an object of which nothing was said.
    fn say(&mut self, object: ObjectRef, status: Value, news: &mut News) {
        if self.said.get(&object).is_none_or(|said| **said != status) {
            let status = Arc::new(status);
            self.said.insert(object.clone(), status.clone());
            news.statuses.push((object, status));
        }
    }

    fn update_class(&mut self, name: &Name, resources: &Resources, news: &mut News) {
        let Some(class) = self.classes.get(name).filter(|_| self.is_ours(name)).cloned() else { return };
        let status = self.class_status(&class, resources);
        self.say(ObjectRef { kind: &gateway_class::KIND, namespace: None, name: name.clone() }, status, news);
    }

    /// Makes the listeners of a Gateway again. When they are others, all its routes are looked at again.
    fn update_gateway(&mut self, key: &Key, resources: &Resources, stale: &mut Stale) {
        stale.touched.insert(key.clone());
        let before = self.states.remove(key);
        let object = self.gateways.get(key).filter(|gateway| self.is_ours(&gateway.spec.gateway_class_name)).cloned();
        let Some(object) = object else {
            if let Some(before) = before {
                self.routes_stale(key, &before.sets, stale);
                stale.orphans.extend(before.sets.into_iter().map(|set| set.key));
            }
            return;
        };
        let mut sets: Vec<_> = self.index.sets_of(key).filter_map(|set| self.listener_sets.get(set)).collect();
        sets.sort_by(|a, b| {
            let rank = |set: &'_ meridian_resources::Meta| (set.creation_seconds, Key::of(set));
            rank(&a.meta).cmp(&rank(&b.meta))
        });
        let allowed = object.spec.allowed_listeners.clone().unwrap_or_default().namespaces;
        let mut end = object.spec.listeners.len();
        let set_states: Vec<SetState> = (sets.iter())
            .map(|set| {
                let allowed = namespace::sets_allowed(self, &allowed, &key.namespace, &set.meta.namespace);
                let start = end;
                end += if allowed { set.spec.listeners.len() } else { 0 };
                SetState { key: Key::of(&set.meta), allowed, listeners: start..end }
            })
            .collect();
        let served = sets.iter().zip(&set_states).filter(|(_, state)| state.allowed).map(|(set, _)| &***set);
        let served: Vec<_> = served.collect();
        let mut credentials = std::mem::take(&mut self.credentials);
        let mut maker = Maker { api: self, resources, credentials: &mut credentials };
        let listeners = maker.listeners(&object, &served);
        let client = object.spec.tls.as_ref().and_then(|tls| tls.backend.as_ref()?.client_certificate_ref.as_ref());
        let client = client.map(|reference| {
            let own = Referrer { kind: "Gateway", namespace: &key.namespace };
            let path = "spec.tls.backend.clientCertificateRef";
            secret(self, &mut credentials, resources, own, path, reference, "InvalidClientCertificateRef")
        });
        self.credentials = credentials;
        let (client_certificate, client_problem) = match client {
            None => (None, None),
            Some(Ok(key)) => (Some(key), None),
            Some(Err(problem)) => (None, Some(problem)),
        };
        let routes = match before {
            Some(before)
                if before.listeners == listeners
                    && before.sets == set_states
                    && before.object.spec.default_scope == object.spec.default_scope =>
            {
                before.routes
            }
            before => {
                let sets_before = before.map(|before| before.sets).unwrap_or_default();
                self.routes_stale(key, &sets_before, stale);
                self.routes_stale(key, &set_states, stale);
                listeners.iter().map(|_| Default::default()).collect()
            }
        };
        stale.orphans.retain(|orphan| !set_states.iter().any(|set| set.key == *orphan));
        let set_at = set_states.iter().enumerate().map(|(at, set)| (set.key.clone(), at)).collect();
        let state = GatewayState {
            set_at,
            own: object.spec.listeners.len(),
            object,
            listeners,
            routes,
            sets: set_states,
            client_certificate,
            client_problem,
        };
        self.states.insert(key.clone(), state);
    }

    fn routes_stale(&self, key: &Key, sets: &[SetState], stale: &mut Stale) {
        let by_default = self.routes.iter().filter(|(_, state)| state.route.uses_default_gateways());
        stale.routes.extend(by_default.map(|(id, _)| id.clone()));
        stale.routes.extend(self.index.routes_of(&Parent::Gateway(key.clone())).cloned());
        for set in sets {
            stale.routes.extend(self.index.routes_of(&Parent::ListenerSet(set.key.clone())).cloned());
        }
    }

    /// Says of a ListenerSet of which something was said that its Gateway is gone.
    fn orphan(&mut self, key: &Key, news: &mut News) {
        let object =
            ObjectRef { kind: &listener_set::KIND, namespace: Some(key.namespace.clone()), name: key.name.clone() };
        let Some(set) = self.listener_sets.get(key).cloned() else { return };
        let is_ours = index::gateway_of(&set).is_some_and(|gateway| self.states.contains_key(&gateway));
        if !is_ours && self.said.contains_key(&object) {
            let status = status::orphaned_set(&set);
            self.say(object, status, news);
        }
    }

    /// Attaches a route anew, and says what became of it.
    fn update_route(&mut self, id: &RouteId, registry: &Registry, pool: &mut Pool, stale: &mut Stale, news: &mut News) {
        let before = self.routes.remove(id);
        if let Some(before) = &before {
            for (gateway, listeners) in &before.gateways {
                if let Some(state) = self.states.get_mut(gateway) {
                    state.detach(&before.rank, listeners);
                    stale.counted.entry(gateway.clone()).or_default().extend(listeners);
                }
            }
        }
        let Some(route) = self.route(id) else {
            self.closed.remove(id);
            before.iter().for_each(|before| self.policies_of_route(&before.route, stale));
            return;
        };
        let parents = self.parents(&route);
        let verdicts: Vec<Option<Verdict>> = parents.iter().map(|one| judge(self, &route, one)).collect();
        let resolved = self.resolve_all(&route, registry);
        let unserved = unserved(&route, pool);
        let mut gateways: BTreeMap<Key, BTreeSet<usize>> = BTreeMap::new();
        for verdict in verdicts.iter().flatten().filter(|verdict| !verdict.attached.is_empty()) {
            let listeners = verdict.attached.iter().map(|(at, _)| *at);
            gateways.entry(verdict.gateway.clone()).or_default().extend(listeners);
        }
        let was_closed = self.closed.remove(id);
        let is_closed = self.is_closed(id.kind, route.meta(), gateways.keys());
        if is_closed {
            self.closed.insert(id.clone());
        }
        let led_elsewhere = stale.led_elsewhere.contains(id) || is_closed != was_closed;
        let revision = match &before {
            Some(before) if before.resolved == resolved && !led_elsewhere => before.revision,
            _ => {
                self.revision += 1;
                self.revision
            }
        };
        let rank = route.rank();
        for verdict in verdicts.iter().flatten() {
            let Some(state) = self.states.get_mut(&verdict.gateway) else { continue };
            for (at, hostnames) in &verdict.attached {
                let hostnames = hostnames.clone();
                let attached = Arc::new(AttachedRoute { route: route.clone(), hostnames, revision });
                state.routes[*at].insert(rank.clone(), Placed { attached, accepted: !unserved.all });
                stale.counted.entry(verdict.gateway.clone()).or_default().insert(*at);
            }
        }
        self.tell_of_route(id, &route, status::of_route(&route, &parents, &verdicts, &resolved, &unserved), news);
        let before_gateways = before.as_ref().map(|before| &before.gateways);
        let object_is_new = before.as_ref().is_none_or(|before| !before.route.is_same(&route));
        if object_is_new || before_gateways != Some(&gateways) {
            before.iter().for_each(|before| self.policies_of_route(&before.route, stale));
            self.policies_of_route(&route, stale);
        }
        self.routes.insert(id.clone(), RouteState { route, rank, resolved, revision, gateways });
    }

    /// What a route is attached to: what it names, and default Gateways if it asks for them.
    fn parents(&self, route: &Route) -> Vec<ParentReference> {
        let mut parents = route.parents().to_vec();
        if route.uses_default_gateways() {
            let named: BTreeSet<Key> = index::parents_of(route)
                .filter_map(|parent| match parent {
                    Parent::Gateway(key) => Some(key),
                    Parent::ListenerSet(_) => None,
                })
                .collect();
            let default = |state: &GatewayState| state.object.spec.default_scope == Some(DefaultScope::All);
            let more: BTreeSet<&Key> = (self.states.iter())
                .filter(|(key, state)| default(state) && !named.contains(*key))
                .map(|(key, _)| key)
                .collect();
            parents.extend(more.into_iter().map(|key| ParentReference {
                namespace: Some(key.namespace.to_string()),
                name: key.name.to_string(),
                ..ParentReference::default()
            }));
        }
        parents
    }

    fn resolve_all(&self, route: &Route, registry: &Registry) -> Vec<Resolved> {
        let backends = Backends { api: self, registry };
        let namespace = &route.meta().namespace;
        let one = |(path, reference)| {
            let found = backends.resolve(route.kind(), namespace, reference);
            let tls = match &found {
                Ok(Backend::Service { host, port }) => backends.tls_of(host, *port),
                _ => None,
            };
            (path, found, tls)
        };
        route.references().into_iter().map(one).collect()
    }

    /// Through which Gateways policies about the backends of a route have an effect may be different.
    fn policies_of_route(&self, route: &Route, stale: &mut Stale) {
        for backend in index::backends_of(route) {
            let policies = self.index.policies_of(&backend).into_iter().flat_map(index::Targeting::all);
            stale.policies.extend(policies.cloned());
            let about_it = self.traffic_policies.iter().filter(|(_, policy)| {
                policy.meta.namespace == backend.namespace && experimental::targets_of(policy).contains(&backend)
            });
            stale.traffic_policies.extend(about_it.map(|(key, _)| key.clone()));
            stale.backends.extend(self.backends.contains_key(&backend).then_some(backend));
        }
    }

    fn tell_of_route(&mut self, id: &RouteId, route: &Route, status: Value, news: &mut News) {
        let object = id.object_ref();
        let is_empty = status["parents"].as_array().is_none_or(Vec::is_empty);
        let was_said = self.said.contains_key(&object)
            || route.status().parents.iter().any(|parent| parent.controller_name == super::CONTROLLER_NAME);
        if !is_empty || was_said {
            self.say(object, status, news);
        }
    }

    /// Makes the model of a Gateway again, and says what became of it, of its ListenerSets (those of some listeners, or
    /// all), and of what it needs.
    fn tell_of_gateway(
        &mut self,
        key: &Key,
        listeners: Option<&BTreeSet<usize>>,
        registry: &Registry,
        resources: &Resources,
        news: &mut News,
    ) {
        let Some(state) = self.states.get(key) else {
            self.models.remove(key);
            if self.managed.remove(key).is_some() {
                news.managed.push((key.namespace.clone(), key.name.clone(), None));
            }
            if !self.gateways.contains_key(key) {
                self.provisions.remove(key);
            }
            self.said.remove(&reference(&gateway::KIND, key));
            return;
        };
        let model = state.model();
        if self.models.get(key).is_none_or(|before| !is_same(before, &model)) {
            self.models.insert(key.clone(), Arc::new(model));
        }
        let judged = status::judge_gateway(self, state, registry, resources);
        let managed = judged.managed(self, state);
        let of_gateway = judged.status(state);
        let is_concerned =
            |set: &&SetState| listeners.is_none_or(|listeners| listeners.range(set.listeners.clone()).next().is_some());
        let of_sets: Vec<(Key, Value)> = (state.sets.iter().filter(is_concerned))
            .filter_map(|set| Some((set.key.clone(), judged.set_status(state, set, self.listener_sets.get(&set.key)?))))
            .collect();
        self.say(reference(&gateway::KIND, key), of_gateway, news);
        for (set, status) in of_sets {
            self.say(reference(&listener_set::KIND, &set), status, news);
        }
        if self.managed.get(key).map(|before| &**before) != managed.as_ref() {
            let managed = managed.map(Arc::new);
            match &managed {
                Some(managed) => drop(self.managed.insert(key.clone(), managed.clone())),
                None => drop(self.managed.remove(key)),
            }
            news.managed.push((key.namespace.clone(), key.name.clone(), managed));
        }
    }

    /// Reads what a BackendTLSPolicy asks for.
    fn read_policy(&mut self, key: &Key, resources: &Resources) {
        let Some(object) = self.backend_tls_policies.get(key).cloned() else {
            self.backend_tls.remove(key);
            return;
        };
        let read = policy::read(&object, &mut self.credentials, resources);
        self.backend_tls.insert(key.clone(), Arc::new(read.tls));
    }

    fn tell_of_policy(&mut self, key: &Key, resources: &Resources, news: &mut News) {
        let Some(object) = self.backend_tls_policies.get(key).cloned() else { return };
        let services: Vec<Key> = index::targets_of(&object).map(|(service, _)| service).collect();
        let routes = services.iter().flat_map(|service| self.index.routes_to(service));
        let gateways: BTreeSet<Key> =
            routes.filter_map(|id| self.routes.get(id)).flat_map(|route| route.gateways.keys().cloned()).collect();
        let read = policy::read(&object, &mut self.credentials, resources);
        let status = policy::status(&object, &read, &gateways, &self.index);
        let reference = reference(&backend_tls_policy::KIND, key);
        let was_said = self.said.contains_key(&reference)
            || object.status.ancestors.iter().any(|one| one.controller_name == super::CONTROLLER_NAME);
        if !gateways.is_empty() || was_said {
            self.say(reference, status, news);
        }
    }
}

pub(crate) fn reference(kind: &'static Kind, key: &Key) -> ObjectRef {
    ObjectRef { kind, namespace: Some(key.namespace.clone()), name: key.name.clone() }
}

/// A problem of the first reference that leads nowhere, with all of them in its message.
pub(crate) fn first_problem(resolved: &[Resolved]) -> Option<Problem> {
    let problems = resolved.iter().filter_map(|(path, found, _)| Some((path, found.as_ref().err()?)));
    let mut problems = problems.peekable();
    let reason = problems.peek()?.1.reason;
    let lines = problems.map(|(path, problem)| format!("{path}: {}", problem.message));
    Some(Problem::new(reason, lines.take(8).collect::<Vec<_>>().join("; ")))
}

/// A list that is in a status for itself.
pub(crate) fn listed(name: &str, entries: Vec<Value>) -> Value {
    json!({name: entries})
}

/// The rules of a route that cannot be served as they are written.
fn unserved(route: &Route, pool: &mut Pool) -> Unserved {
    let (found, rules) = match route {
        Route::Http(object) => (unsupported::http(&object.spec, pool), object.spec.rules.len()),
        Route::Grpc(object) => (unsupported::grpc(&object.spec, pool), object.spec.rules.len()),
        Route::Tls(_) | Route::Tcp(_) | Route::Udp(_) => return Unserved::default(),
    };
    let refused: BTreeSet<usize> = found.iter().map(|one| one.rule).collect();
    let all = !refused.is_empty() && refused.len() == rules;
    Unserved { messages: found.into_iter().map(|one| one.message).collect(), all }
}
