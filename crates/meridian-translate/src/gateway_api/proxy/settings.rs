//! What an EnvoyProxy says of how requests are handled. A Gateway that has one behaves as those of Envoy Gateway do.

use crate::gateway_api::GatewayApi;
use crate::gateway_api::model::GatewayModel;
use crate::key::Key;
use meridian_ir::Name;
use meridian_resources::envoy_gateway::EnvoyProxy;
use meridian_resources::envoy_gateway::envoy_proxy::RoutingType;

/// The settings of one Gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The `server` header of answers.
    pub(crate) server: Name,
    /// Requests go to the cluster addresses of Services, where someone else balances them.
    pub(crate) to_services: bool,
}

impl Default for Settings {
    /// As the gateways of Istio.
    fn default() -> Self {
        Self { server: "istio-envoy".into(), to_services: false }
    }
}

impl Settings {
    /// Those of a Gateway, or else those of its class.
    pub(crate) fn of(api: &GatewayApi, model: &GatewayModel) -> Self {
        let gateway = &model.gateway;
        let of_gateway = gateway.spec.infrastructure.as_ref().and_then(|made| made.parameters_ref.as_ref());
        let of_gateway = of_gateway
            .filter(|reference| reference.kind == "EnvoyProxy")
            .map(|reference| Key { namespace: gateway.meta.namespace.clone(), name: reference.name.as_str().into() });
        let class = api.classes.get(&*gateway.spec.gateway_class_name);
        let of_class = class.and_then(|class| class.spec.parameters_ref.as_ref());
        let of_class = of_class.filter(|reference| reference.kind == "EnvoyProxy").map(|reference| Key {
            namespace: reference.namespace.as_deref().unwrap_or_default().into(),
            name: reference.name.as_str().into(),
        });
        let found: Vec<&EnvoyProxy> =
            [of_gateway, of_class].iter().flatten().filter_map(|key| Some(&api.envoy_proxies.get(key)?.spec)).collect();
        if found.is_empty() {
            return Self::default();
        }
        let routing_type = found.iter().find_map(|one| one.routing_type).unwrap_or_default();
        Self { server: "envoy".into(), to_services: routing_type == RoutingType::Service }
    }
}
