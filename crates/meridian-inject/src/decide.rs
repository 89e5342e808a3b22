//! Whether a pod gets a sidecar, and why not, as istiod decides it.

use crate::pod;
use crate::selector::Labels;
use crate::settings::{Policy, Settings};
use crate::{AUTO_IMAGE, PROXY_CONTAINER, STATUS_ANNOTATION};
use serde_json::Value;
use std::fmt;

#[cfg(test)]
mod tests;

/// The label (or, deprecated, annotation) by which a pod says yes or no.
pub const INJECT: &str = "sidecar.istio.io/inject";
/// The label of a namespace that switches injection on (`enabled`) or off (`disabled`).
pub const NAMESPACE_LABEL: &str = "istio-injection";
/// The label by which a namespace or pod chooses a revision of the control plane.
pub const REVISION_LABEL: &str = "istio.io/rev";

/// The namespaces of Kubernetes itself, in which nothing is ever injected.
pub const SYSTEM_NAMESPACES: [&str; 4] = ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];

/// What becomes of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It gets a proxy.
    Inject,
    /// It stays as it is.
    Skip(Skip),
}

/// Why a pod stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// Rules set for it would be the host's.
    HostNetwork,
    /// The namespace is one of [`SYSTEM_NAMESPACES`].
    SystemNamespace,
    /// It has a proxy already.
    AlreadyInjected,
    /// Its label or annotation says `false`, or the settings name it among those that never get one.
    Disabled,
    /// Its namespace says `disabled`.
    NamespaceDisabled,
    /// Nobody asked for it: neither its namespace nor itself.
    NotSelected,
    /// Another revision of the control plane is asked for.
    OtherRevision(String),
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostNetwork => write!(f, "it has host networking enabled"),
            Self::SystemNamespace => write!(f, "its namespace is one of Kubernetes' own"),
            Self::AlreadyInjected => write!(f, "it has been injected already"),
            Self::Disabled => write!(f, "it has sidecar injection disabled"),
            Self::NamespaceDisabled => write!(f, "its namespace has the label {NAMESPACE_LABEL}=disabled"),
            Self::NotSelected => write!(
                f,
                "neither its namespace has the label {NAMESPACE_LABEL}=enabled or {REVISION_LABEL}, nor itself {INJECT}"
            ),
            Self::OtherRevision(revision) => write!(f, "it asks for the revision {revision:?}"),
        }
    }
}

/// Decides on a pod in `namespace`.
///
/// `namespace_labels` are those that the webhook's selectors look at; without them the namespace is taken to have been
/// selected, as for `kube-inject` and for what the API server already sends to the webhook.
#[must_use]
pub fn decide(object: &Value, namespace: &str, namespace_labels: Option<&Labels>, settings: &Settings) -> Decision {
    if object.pointer("/spec/hostNetwork").and_then(Value::as_bool) == Some(true) {
        return Decision::Skip(Skip::HostNetwork);
    }
    if SYSTEM_NAMESPACES.contains(&namespace) {
        return Decision::Skip(Skip::SystemNamespace);
    }
    if is_injected(object) {
        return Decision::Skip(Skip::AlreadyInjected);
    }
    if let Some(labels) = namespace_labels
        && let Err(skip) = selected(object, labels, settings)
    {
        return Decision::Skip(skip);
    }
    if wanted(object, settings) { Decision::Inject } else { Decision::Skip(Skip::Disabled) }
}

/// Whether injection left its mark, and its container is still there. A container of that name without the mark is the
/// user's customisation of the one to come.
fn is_injected(object: &Value) -> bool {
    let marked = pod::annotation(object, STATUS_ANNOTATION).is_some();
    marked && pod::container(object, PROXY_CONTAINER).is_some_and(|own| pod::text(own, "/image") != AUTO_IMAGE)
}

/// What the selectors of the webhook configuration say (see [`crate::webhook`]).
fn selected(object: &Value, namespace: &Labels, settings: &Settings) -> Result<(), Skip> {
    let revision = settings.revision_name();
    let is_ours = |found: &str| {
        if found == revision { Ok(()) } else { Err(Skip::OtherRevision(found.to_owned())) }
    };
    if pod::label(object, INJECT) == Some("false") {
        return Err(Skip::Disabled);
    }
    match namespace.get(NAMESPACE_LABEL).map(String::as_str) {
        Some("enabled") => is_ours("default"),
        Some("disabled") => Err(Skip::NamespaceDisabled),
        Some(_) => Err(Skip::NotSelected),
        None => match (namespace.get(REVISION_LABEL), pod::label(object, REVISION_LABEL)) {
            (Some(found), _) => is_ours(found),
            (None, Some(found)) => is_ours(found),
            (None, None) if pod::label(object, INJECT) == Some("true") => is_ours("default"),
            (None, None) => Err(Skip::NotSelected),
        },
    }
}

/// What the pod says, then the settings' selectors, then their policy.
fn wanted(object: &Value, settings: &Settings) -> bool {
    match pod::label(object, INJECT).or_else(|| pod::annotation(object, INJECT)) {
        Some("true") => return true,
        Some("false") => return false,
        // Anything else is as good as nothing, and is told as a warning.
        _ => {}
    }
    let labels = crate::selector::labels(object);
    let any = |selectors: &[crate::selector::Selector]| {
        selectors.iter().any(|selector| !selector.is_empty() && selector.matches(&labels))
    };
    if any(&settings.never_inject) {
        return false;
    }
    any(&settings.always_inject) || settings.policy == Policy::Enabled
}
