//! Label selectors.

use meridian_resources::Object;
use meridian_resources::StringMap;
use meridian_resources::core::Pod;
use std::sync::Arc;

use crate::objects::Objects;

/// Whether all labels of `selector` are among `labels`.
pub(crate) fn selects(selector: &StringMap, labels: &StringMap) -> bool {
    selector.iter().all(|(name, value)| labels.get(name) == Some(value))
}

/// `a=b,c=d`, sorted, as Kubernetes prints a selector.
pub(crate) fn text(selector: &StringMap) -> String {
    let pairs: Vec<String> = selector.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(",")
}

/// The pods that `selector` selects, in every namespace.
pub(crate) fn pods<'o>(objects: &'o Objects, selector: &'o StringMap) -> impl Iterator<Item = &'o Arc<Object<Pod>>> {
    objects.pods.values().filter(move |pod| selects(selector, &pod.meta.labels))
}
