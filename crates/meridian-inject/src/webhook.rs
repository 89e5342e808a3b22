//! The configuration by which the API server sends pods to the webhook (`admissionregistration.k8s.io/v1`).

use crate::Settings;
use crate::decide::{INJECT, NAMESPACE_LABEL, REVISION_LABEL, SYSTEM_NAMESPACES};
use serde_json::{Value, json};

#[cfg(test)]
mod tests;

/// Where the webhook is served: port 443 of the control plane's Service leads there.
pub const PORT: u16 = 15017;

/// The version of the configuration's kind.
pub const API_VERSION: &str = "admissionregistration.k8s.io/v1";
/// The configuration's kind.
pub const KIND: &str = "MutatingWebhookConfiguration";

/// Where the API server finds the webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The control plane's Service in its namespace, port 443.
    Service,
    /// An `https` URL, without the path.
    Url(String),
}

/// What a webhook configuration is made of, beside the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where it is served.
    pub place: Place,
    /// The authority of its certificate in PEM; empty until there is one, which the control plane puts there.
    pub ca: String,
    /// Whether pods of namespaces without any label are injected too (`sidecarInjectorWebhook.enableNamespacesByDefault`).
    pub enable_namespaces_by_default: bool,
    /// Whether it is asked again when a later webhook has changed the pod (`sidecarInjectorWebhook.reinvocationPolicy`).
    pub reinvocation: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { place: Place::Service, ca: String::new(), enable_namespaces_by_default: false, reinvocation: false }
    }
}

/// The name of the configuration.
#[must_use]
pub fn name(settings: &Settings) -> String {
    let mut name = "istio-sidecar-injector".to_owned();
    if !settings.revision.is_empty() && settings.revision != "default" {
        name = format!("{name}-{}", settings.revision);
    }
    if settings.namespace != "istio-system" {
        name = format!("{name}-{}", settings.namespace);
    }
    name
}

/// The MutatingWebhookConfiguration. With it a pod is not made while the webhook is away: it would run outside the mesh.
#[must_use]
pub fn configuration(settings: &Settings, options: &Options) -> Value {
    let revision = settings.revision_name();
    let mut hooks = Hooks { settings, options, hooks: Vec::new() };
    let not_disabled = expression(INJECT, "NotIn", &["false"]);
    let absent = |key| expression(key, "DoesNotExist", &[]);
    hooks.add(
        "rev.namespace.",
        &[expression(REVISION_LABEL, "In", &[revision]), absent(NAMESPACE_LABEL)],
        std::slice::from_ref(&not_disabled),
    );
    hooks.add(
        "rev.object.",
        &[absent(REVISION_LABEL), absent(NAMESPACE_LABEL)],
        &[not_disabled.clone(), expression(REVISION_LABEL, "In", &[revision])],
    );
    if revision == "default" {
        hooks.add("namespace.", &[expression(NAMESPACE_LABEL, "In", &["enabled"])], &[not_disabled]);
        let nothing = [absent(NAMESPACE_LABEL), absent(REVISION_LABEL)];
        hooks.add("object.", &nothing, &[expression(INJECT, "In", &["true"]), absent(REVISION_LABEL)]);
        if options.enable_namespaces_by_default {
            let mut namespaces = nothing.to_vec();
            namespaces.push(expression("kubernetes.io/metadata.name", "NotIn", &SYSTEM_NAMESPACES));
            hooks.add("auto.", &namespaces, &[absent(INJECT), absent(REVISION_LABEL)]);
        }
    }
    json!({
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": name(settings),
            "labels": {
                REVISION_LABEL: revision,
                "app": "sidecar-injector",
                "app.kubernetes.io/name": "istiod",
                "app.kubernetes.io/part-of": "meridian",
            },
        },
        "webhooks": hooks.hooks,
    })
}

fn expression(key: &str, operator: &str, values: &[&str]) -> Value {
    let mut expression = json!({"key": key, "operator": operator});
    if !values.is_empty() {
        expression["values"] = json!(values);
    }
    expression
}

/// The webhooks of one configuration, which differ by what they select.
struct Hooks<'a> {
    settings: &'a Settings,
    options: &'a Options,
    hooks: Vec<Value>,
}

impl Hooks<'_> {
    fn add(&mut self, prefix: &str, namespaces: &[Value], objects: &[Value]) {
        self.hooks.push(json!({
            "name": format!("{prefix}sidecar-injector.istio.io"),
            "clientConfig": self.client(),
            "sideEffects": "None",
            "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
            "failurePolicy": "Fail",
            "reinvocationPolicy": if self.options.reinvocation { "IfNeeded" } else { "Never" },
            "admissionReviewVersions": ["v1"],
            "namespaceSelector": {"matchExpressions": namespaces},
            "objectSelector": {"matchExpressions": objects},
        }));
    }

    fn client(&self) -> Value {
        let mut client = match &self.options.place {
            Place::Service => json!({"service": {
                "name": self.settings.service(), "namespace": self.settings.namespace, "path": "/inject", "port": 443,
            }}),
            Place::Url(url) => json!({"url": format!("{}/inject", url.trim_end_matches('/'))}),
        };
        if !self.options.ca.is_empty() {
            client["caBundle"] = encoded(&self.options.ca);
        }
        client
    }
}

/// The authority as the API server has it.
fn encoded(ca: &str) -> Value {
    use base64::Engine;
    base64::prelude::BASE64_STANDARD.encode(ca).into()
}

/// What is to be applied to an existing configuration for its webhooks to have the authority; nothing where they have it.
///
/// It says nothing else: the rest is that of whoever installed the configuration.
#[must_use]
pub fn with_authority(found: &Value, ca: &str) -> Option<Value> {
    let (hooks, ca) = (found.get("webhooks")?.as_array()?, encoded(ca));
    if hooks.iter().all(|hook| hook.pointer("/clientConfig/caBundle") == Some(&ca)) {
        return None;
    }
    let hooks = hooks.iter().map(|hook| json!({"name": hook["name"], "clientConfig": {"caBundle": ca}}));
    Some(json!({
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": found.pointer("/metadata/name")?},
        "webhooks": hooks.collect::<Vec<_>>(),
    }))
}
