//! The options of the control plane about the pods that it makes for Gateways.

use meridian_control::{AddressRange, Installation};
use meridian_grpc::Target;

/// What the pods of Gateways are told and are like
#[derive(clap::Args, Debug)]
pub(crate) struct PodArgs {
    /// Where pods of Gateways find the control plane, on its port with mutual TLS
    #[arg(long, value_name = "HOST:PORT", default_value = "istiod.istio-system.svc:15012")]
    pub discovery_address: Target,

    /// Image of the pods of Gateways; its entry point is meridian [default: meridian:VERSION]
    #[arg(long, value_name = "IMAGE", env = "GATEWAY_IMAGE")]
    pub gateway_image: Option<String>,

    /// When that image is pulled [default: as Kubernetes decides]
    #[arg(long, value_name = "POLICY", value_parser = ["Always", "IfNotPresent", "Never"])]
    pub gateway_image_pull_policy: Option<String>,

    /// Level of the logs of Gateways' pods: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub gateway_log_level: String,

    /// Addresses that lead to the nodes, which Gateways may ask for with spec.addresses beside those that the load
    /// balancer gives; repeat or separate with commas
    #[arg(long, value_name = "CIDR,..", value_delimiter = ',')]
    pub gateway_addresses: Vec<AddressRange>,
}

impl PodArgs {
    /// As the control plane is told it.
    pub(super) fn installation(self) -> Installation {
        let defaults = Installation::default();
        Installation {
            image: self.gateway_image.unwrap_or_else(|| defaults.image.clone()),
            image_pull_policy: self.gateway_image_pull_policy,
            discovery: self.discovery_address.to_string(),
            log_level: self.gateway_log_level,
            addresses: self.gateway_addresses,
            ..defaults
        }
    }
}
