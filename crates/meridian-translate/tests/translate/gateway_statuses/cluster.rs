//! A translator that is told of objects as Kubernetes would, and the statuses that a user would read.

use crate::shared::resource;
use meridian_ir::{Action, ProxyConfig};
use meridian_resources::{ObjectRef, Resource};
use meridian_translate::{
    CONTROLLER_NAME, ManagedGateway, MeshConfig, Provision, Translator, merge_gateway_api_status,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The namespace of most objects of the conformance suite.
pub(crate) const INFRA: &str = "gateway-conformance-infra";

/// Objects and their statuses.
pub(crate) struct Cluster {
    pub(crate) translator: Translator,
    objects: BTreeMap<ObjectRef, Value>,
    statuses: BTreeMap<ObjectRef, Value>,
    /// What Gateways need, by namespace and name.
    pub(crate) managed: BTreeMap<(String, String), Arc<ManagedGateway>>,
    /// The configuration of the only proxy.
    config: Arc<ProxyConfig>,
    /// How many statuses were told.
    pub(crate) told: usize,
}

impl Cluster {
    /// A cluster with a GatewayClass of ours, `meridian`.
    pub(crate) fn new() -> Self {
        let mut cluster = Self {
            translator: Translator::new(MeshConfig::default()),
            objects: BTreeMap::new(),
            statuses: BTreeMap::new(),
            managed: BTreeMap::new(),
            config: Arc::default(),
            told: 0,
        };
        cluster.apply(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: meridian}\n\
             spec: {controllerName: meridian.dev/gateway-controller}\n",
        );
        cluster
    }

    /// Applies YAML of which `{GATEWAY_CLASS_NAME}` is ours, and the like. Kinds that Meridian does not know are left
    /// out.
    pub(crate) fn apply(&mut self, yaml: &str) {
        for object in documents(yaml) {
            self.apply_object(object);
        }
    }

    /// Applies an object: its generation is counted, its status is as it was.
    pub(crate) fn apply_object(&mut self, mut object: Value) {
        let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
        if meridian_resources::by_api_version_kind(&text("apiVersion"), &text("kind")).is_none() {
            return;
        }
        let reference = resource(&object).object_ref();
        let before = self.objects.get(&reference);
        let same_spec = before.is_some_and(|before| before["spec"] == object["spec"]);
        let generation = before.map_or(0, |before| before["metadata"]["generation"].as_i64().unwrap());
        let generation = generation + i64::from(before.is_none() || !same_spec);
        let created = before.map(|before| before["metadata"]["creationTimestamp"].clone());
        object["metadata"]["generation"] = json!(generation);
        object["metadata"]["uid"] = json!(format!("uid of {reference}"));
        object["metadata"]["creationTimestamp"] = created.unwrap_or_else(|| json!("2026-01-01T00:00:00Z"));
        self.put(reference, object);
    }

    fn put(&mut self, reference: ObjectRef, object: Value) {
        let decoded: Resource = resource(&object);
        self.objects.insert(reference, object);
        self.translator.put(decoded);
    }

    /// Changes an object in place.
    pub(crate) fn change(&mut self, kind: &str, namespace: &str, name: &str, edit: impl FnOnce(&mut Value)) {
        let mut object = self.objects[&self.reference(kind, namespace, name)].clone();
        edit(&mut object);
        self.apply_object(object);
    }

    /// Deletes an object.
    pub(crate) fn delete(&mut self, kind: &str, namespace: &str, name: &str) {
        let reference = self.reference(kind, namespace, name);
        self.translator.delete(&reference);
        self.objects.remove(&reference);
        self.statuses.remove(&reference);
    }

    /// Deletes everything that YAML names.
    pub(crate) fn delete_all(&mut self, yaml: &str) {
        for object in documents(yaml) {
            let known = |known: &&ObjectRef| {
                known.kind.kind == object["kind"]
                    && *known.name == *object["metadata"]["name"].as_str().unwrap()
                    && known.namespace.as_deref() == object["metadata"]["namespace"].as_str()
            };
            let found = self.objects.keys().find(known).cloned();
            if let Some(reference) = found {
                self.translator.delete(&reference);
                self.objects.remove(&reference);
                self.statuses.remove(&reference);
            }
        }
    }

    /// Translates until nothing is different: Gateways get what they need, `10.0.0.1` unless they ask for another
    /// address.
    pub(crate) fn settle(&mut self) {
        for _ in 0..8 {
            let output = self.translator.translate();
            if let Some((_, config)) = output.proxies.into_iter().next_back() {
                self.config = config;
            }
            if output.gateway_api.is_empty() && output.managed.is_empty() {
                return;
            }
            self.told += output.gateway_api.len();
            for (reference, wanted) in output.gateway_api {
                let before = self.statuses.get(&reference);
                let now = "2026-01-02T00:00:00Z";
                if let Some(status) = merge_gateway_api_status(reference.kind, before, &wanted, CONTROLLER_NAME, now) {
                    self.statuses.insert(reference, status);
                }
            }
            for (namespace, name, managed) in output.managed {
                let key = (namespace.to_string(), name.to_string());
                let Some(managed) = managed else {
                    self.managed.remove(&key);
                    continue;
                };
                let asked = managed.addresses.first().and_then(|address| address.value.clone());
                let address = asked.unwrap_or_else(|| "10.0.0.1".to_owned());
                let addresses = vec![("IPAddress".to_owned(), address)];
                self.translator.provisioned(&namespace, &name, Provision { addresses, problem: None });
                self.managed.insert(key, managed);
            }
        }
        panic!("statuses never come to rest");
    }

    /// Whether a route of the only proxy answers with status 500 itself; there must be one of this name.
    pub(crate) fn answers_500(&self, name: &str) -> bool {
        let hosts = self.config.routes.values().flat_map(|table| &table.virtual_hosts);
        let mut routes = hosts.flat_map(|host| &host.routes).filter(|route| *route.name == *name);
        let route = routes.next().unwrap_or_else(|| panic!("no route {name}"));
        matches!(&route.action, Action::Direct(answer) if answer.status == 500)
    }

    fn reference(&self, kind: &str, namespace: &str, name: &str) -> ObjectRef {
        let is = |one: &&ObjectRef| {
            one.kind.kind == kind && *one.name == *name && one.namespace.as_deref().unwrap_or_default() == namespace
        };
        self.objects.keys().find(is).unwrap_or_else(|| panic!("no {kind} {namespace}/{name}")).clone()
    }

    /// The status of an object; `null` when nothing is said of it.
    pub(crate) fn status(&self, kind: &str, namespace: &str, name: &str) -> &Value {
        self.statuses.get(&self.reference(kind, namespace, name)).unwrap_or(&Value::Null)
    }

    /// All objects of a kind in a namespace.
    pub(crate) fn objects(&self, kind: &str, namespace: &str) -> impl Iterator<Item = &Value> {
        let (kind, namespace) = (kind.to_owned(), namespace.to_owned());
        self.objects
            .iter()
            .filter(move |(one, _)| one.kind.kind == kind && one.namespace.as_deref() == Some(&namespace))
            .map(|(_, object)| object)
    }

    /// All statuses, and the generation of each object.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&ObjectRef, &Value, i64)> {
        self.statuses.iter().map(|(reference, status)| {
            let generation = self.objects[reference]["metadata"]["generation"].as_i64().unwrap();
            (reference, status, generation)
        })
    }
}

/// The objects of YAML.
pub(crate) fn documents(yaml: &str) -> Vec<Value> {
    let text = yaml.replace("{GATEWAY_CLASS_NAME}", "meridian");
    let values = meridian_resources::yaml::values(&text, "manifest.yaml");
    values.into_iter().map(|value| value.unwrap_or_else(|error| panic!("{error:?}\n{yaml}"))).collect()
}
