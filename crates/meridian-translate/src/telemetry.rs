//! Which access logs a proxy writes.

use crate::istio::destination::Scope;
use meridian_ir::AccessLog;

/// Which side of a connection a proxy is on (`match.mode` of Telemetry).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// It sends: gateways, and what a sidecar's workload sends.
    Client,
    /// It receives: what comes to a sidecar's workload.
    Server,
}

/// The access logs of listeners on `side` of the scope's proxy.
pub(crate) fn access_logs(scope: &Scope<'_>, _side: Side) -> Vec<AccessLog> {
    let mesh = scope.mesh;
    if mesh.access_log_file.is_empty() {
        return Vec::new();
    }
    vec![AccessLog { path: mesh.access_log_file.clone(), format: mesh.access_log_format.clone() }]
}
