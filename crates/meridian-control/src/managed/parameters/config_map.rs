//! Istio's ConfigMaps with settings: YAML by kind, laid over the object of that kind.

use super::is_the_same;
use crate::managed::objects::{self, Objects};
use crate::managed::{Style, overlay};
use meridian_resources::core::ConfigMap;
use meridian_resources::{Object, yaml};
use meridian_translate::ManagedGateway;

/// The keys that there may be.
const KEYS: [&str; 5] = ["deployment", "horizontalPodAutoscaler", "podDisruptionBudget", "service", "serviceAccount"];

/// Lays them over.
///
/// # Errors
/// Which key it was, and what is wrong with it.
pub(super) fn lay(
    objects: &mut Objects,
    map: &Object<ConfigMap>,
    gateway: &ManagedGateway,
    style: Style,
) -> Result<(), String> {
    if let Some(key) = map.spec.data.keys().find(|key| !KEYS.contains(&&***key)) {
        return Err(format!("found the key {key:?}, allowed: {}", KEYS.join(", ")));
    }
    for (key, text) in &map.spec.data {
        let overlay = match yaml::values(text, key).into_iter().next() {
            None => continue,
            Some(Ok(overlay)) => overlay,
            Some(Err(diagnostic)) => return Err(diagnostic.to_string()),
        };
        if !overlay.is_object() {
            return Err(format!("{key}: found {overlay}, allowed: a mapping that is laid over the object"));
        }
        let base = match key.as_str() {
            "deployment" => &mut objects.deployment,
            "service" => &mut objects.service,
            "serviceAccount" => &mut objects.service_account,
            "horizontalPodAutoscaler" => {
                let made = objects::autoscaler(gateway, style, &objects.deployment);
                objects.autoscaler.get_or_insert(made)
            }
            _ => objects.budget.get_or_insert_with(|| objects::budget(gateway, style)),
        };
        let before = base.clone();
        overlay::lay(base, &overlay).map_err(|error| format!("{key}: {error}"))?;
        is_the_same(&before, base).map_err(|error| format!("{key}: {error}"))?;
    }
    Ok(())
}
