//! The objects that are looked at.

use meridian_resources::core::{Namespace, Pod, Secret, Service};
use meridian_resources::istio::{DestinationRule, Gateway, ServiceEntry, VirtualService};
use meridian_resources::yaml::ParsedObject;
use meridian_resources::{FieldError, Object, ObjectRef, Resource, Source, Spec, warnings};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A set of objects. One that is put again replaces the one before, as files replace what is applied already.
#[derive(Debug, Default)]
pub struct Objects {
    pub(crate) gateways: Map<Gateway>,
    pub(crate) virtual_services: Map<VirtualService>,
    pub(crate) destination_rules: Map<DestinationRule>,
    pub(crate) service_entries: Map<ServiceEntry>,
    pub(crate) services: Map<Service>,
    pub(crate) pods: Map<Pod>,
    pub(crate) secrets: Map<Secret>,
    pub(crate) namespaces: Map<Namespace>,
    /// What the schema and the rules of an object's kind say of it: errors, warnings.
    pub(crate) findings: BTreeMap<ObjectRef, (Vec<FieldError>, Vec<FieldError>)>,
    /// Those that come from files, for the places of their fields.
    written: BTreeMap<ObjectRef, ParsedObject>,
}

/// Objects of one kind by namespace and name.
pub(crate) type Map<T> = BTreeMap<(Arc<str>, Arc<str>), Arc<Object<T>>>;

impl Objects {
    /// Adds an object of a file, of which `errors` are known.
    pub fn put_written(&mut self, object: ParsedObject, errors: Vec<FieldError>) {
        let Some(name) = object.object_ref() else { return };
        self.note(name.clone(), errors, warnings(object.kind, &object.value));
        if let Ok(resource) = object.decode() {
            self.put(resource);
        }
        self.written.insert(name, object);
    }

    /// Adds an object that is applied already; kinds that no analyzer looks at are passed over.
    pub fn put(&mut self, resource: Resource) {
        self.written.remove(&resource.object_ref());
        match resource {
            Resource::Gateway(object) => insert(&mut self.gateways, object),
            Resource::VirtualService(object) => insert(&mut self.virtual_services, object),
            Resource::DestinationRule(object) => insert(&mut self.destination_rules, object),
            Resource::ServiceEntry(object) => insert(&mut self.service_entries, object),
            Resource::Service(object) => insert(&mut self.services, object),
            Resource::Pod(object) => insert(&mut self.pods, object),
            Resource::Secret(object) => insert(&mut self.secrets, object),
            Resource::Namespace(object) => insert(&mut self.namespaces, object),
            _ => {}
        }
    }

    /// Notes what the rules of its kind say of an object that is applied already.
    pub fn note(&mut self, object: ObjectRef, errors: Vec<FieldError>, warnings: Vec<FieldError>) {
        self.findings.insert(object, (errors, warnings));
    }

    /// Where `field` of an object was written.
    pub(crate) fn place(&self, object: &ObjectRef, field: &str) -> Option<Source> {
        let written = self.written.get(object)?;
        Some(Source { file: written.source.file.clone(), line: written.locate(field).line })
    }
}

fn insert<T: Spec>(map: &mut Map<T>, object: Arc<Object<T>>) {
    map.insert((object.meta.namespace.clone(), object.meta.name.clone()), object);
}
