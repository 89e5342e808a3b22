//! Which namespaces listeners and Gateways let in.

use super::GatewayApi;
use meridian_ir::Name;
use meridian_resources::gateway_api::common::LabelSelector;
use meridian_resources::gateway_api::gateway::{
    FromListenerNamespaces, FromNamespaces, ListenerNamespaces, RouteNamespaces,
};

/// The label with its own name that every namespace has.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Whether routes of namespace `route` may attach to a listener of namespace `home`.
pub(crate) fn routes_allowed(api: &GatewayApi, allowed: &RouteNamespaces, home: &Name, route: &Name) -> bool {
    match allowed.from {
        FromNamespaces::All => true,
        FromNamespaces::Same => route == home,
        FromNamespaces::Selector => selects(api, allowed.selector.as_ref(), route),
    }
}

/// Whether ListenerSets of namespace `set` may add listeners to a Gateway of namespace `home`.
pub(crate) fn sets_allowed(api: &GatewayApi, allowed: &ListenerNamespaces, home: &Name, set: &Name) -> bool {
    match allowed.from {
        FromListenerNamespaces::None => false,
        FromListenerNamespaces::All => true,
        FromListenerNamespaces::Same => set == home,
        FromListenerNamespaces::Selector => selects(api, allowed.selector.as_ref(), set),
    }
}

fn selects(api: &GatewayApi, selector: Option<&LabelSelector>, namespace: &Name) -> bool {
    let Some(selector) = selector else { return false };
    let mut labels = api.namespaces.get(namespace).map(|object| object.meta.labels.clone()).unwrap_or_default();
    labels.entry(NAME_LABEL.to_owned()).or_insert_with(|| namespace.to_string());
    selector.matches(&labels)
}
