//! `SdsSecretConfig`: where a secret comes from.

use crate::message::{Message, ads};
use crate::read::{Node, ReadError};
use meridian_ir::Name;
use meridian_ir::tls::{FILE_AUTHORITY, FILE_CERTIFICATE, MESH_AUTHORITY, WORKLOAD_CERTIFICATE};
use serde_json::{Value, json};

/// The cluster of the agent beside the proxy, under Istio's name.
const AGENT: &str = "sds-grpc";

/// A reference to the secret of that name. Those of the control plane come by the aggregated discovery service, the
/// proxy's own identity and files from the agent beside it.
pub fn sds_secret_config(name: &str) -> Value {
    json!({"name": name, "sdsConfig": source(name)})
}

fn source(name: &str) -> Value {
    let is_identity = name == WORKLOAD_CERTIFICATE || name == MESH_AUTHORITY;
    if !is_identity && !name.starts_with(FILE_CERTIFICATE) && !name.starts_with(FILE_AUTHORITY) {
        return ads().into();
    }
    let service = json!({
        "apiType": "GRPC",
        "transportApiVersion": "V3",
        "grpcServices": [{"envoyGrpc": {"clusterName": AGENT}}],
        "setNodeOnFirstMessageOnly": true,
    });
    Message::new()
        .with("apiConfigSource", service)
        .with_some("initialFetchTimeout", is_identity.then_some("0s"))
        .with("resourceApiVersion", "V3")
        .into()
}

/// The name of the secret; a source that is not the one of such names is noted.
pub(super) fn read(node: &Node<'_>) -> Result<Name, ReadError> {
    node.message(|config| {
        let name = config.need("name")?.name()?;
        config.known("sdsConfig", &source(&name));
        Ok(name)
    })
}
