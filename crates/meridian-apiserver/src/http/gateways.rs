//! Two kinds are called Gateway: Istio's and Gateway API's. `kubectl get gateway` means Istio's, which comes first in
//! discovery. Who finds nothing there while the other kind has what they look for is told so.

use crate::api::Api;
use crate::error::{ApiError, Reason};
use crate::query::ListOptions;
use crate::resource::{self, ApiResource};
use crate::target::Objects;

const ISTIO: &str = "networking.istio.io";
const GATEWAY_API: &str = "gateway.networking.k8s.io";

/// The other kind, whose it is, and its name for `kubectl`.
fn other(resource: &ApiResource) -> Option<(&'static ApiResource, &'static str, &'static str)> {
    if resource.plural != "gateways" {
        return None;
    }
    let (group, owner, name) = match resource.group {
        ISTIO => (GATEWAY_API, "Gateway API", "gtw"),
        GATEWAY_API => (ISTIO, "Istio", "gw"),
        _ => return None,
    };
    Some((resource::by_plural(group, "gateways")?, owner, name))
}

/// Completes the error about a Gateway that is not found, when the other kind has one of that name.
pub(super) fn complete(api: &Api, target: &Objects, mut error: ApiError) -> ApiError {
    if error.reason == Reason::NotFound
        && let Some((resource, owner, kubectl)) = other(target.resource)
        && let Some(name) = &target.name
    {
        let twin = Objects { resource, version: resource.versions[0], subresource: None, ..target.clone() };
        if api.get(&twin).is_ok() {
            error.message.push_str(&format!("; a Gateway of {owner} has this name: {kubectl}/{name}"));
        }
    }
    error
}

/// What to tell who lists Gateways and gets none, when the other kind has some.
pub(super) fn hint(api: &Api, target: &Objects, options: &ListOptions) -> Option<String> {
    let (resource, owner, kubectl) = other(target.resource)?;
    let twin = Objects { resource, version: resource.versions[0], ..target.clone() };
    let unpaged = ListOptions { limit: 0, continue_token: None, ..options.clone() };
    let count = api.list(&twin, &unpaged).ok()?.objects.len();
    let these = if owner == "Istio" { "Gateway API" } else { "Istio" };
    (count > 0).then(|| format!("no Gateway of {these} here, but {count} of {owner}: kubectl get {kubectl}"))
}
