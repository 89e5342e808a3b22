//! The class of Ingresses that name none (Kubernetes' admission plugin `DefaultIngressClass`).

use meridian_resources::networking::{ingress, ingress_class};
use meridian_store::GroupResource;
use serde_json::{Value, json};

use super::Api;
use crate::resource::ApiResource;

impl Api {
    /// Gives a new Ingress that names no class the one that is marked as the default; of several, the newest, then the
    /// first by name.
    pub(super) fn default_ingress_class(&self, resource: &ApiResource, object: &mut Value) {
        if resource.typed != Some(&ingress::KIND)
            || !object["spec"].is_object()
            || !object["spec"]["ingressClassName"].is_null()
            || !object["metadata"]["annotations"][ingress::CLASS_ANNOTATION].is_null()
        {
            return;
        }
        let classes = self.store.list(&GroupResource::of(&ingress_class::KIND), None).objects;
        let is_default = |annotations: &std::collections::BTreeMap<String, String>| {
            annotations.get(ingress_class::DEFAULT_ANNOTATION).is_some_and(|value| value == "true")
        };
        let defaults = classes.iter().filter(|class| is_default(&class.metadata().annotations));
        let newest = defaults.min_by_key(|class| {
            let created = class.metadata().creation_timestamp.clone();
            (std::cmp::Reverse(created), class.key().name.clone())
        });
        if let Some(class) = newest {
            object["spec"]["ingressClassName"] = json!(class.key().name);
        }
    }
}
