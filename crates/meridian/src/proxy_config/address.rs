//! Addresses of endpoints.

use super::json::{number, text};
use serde_json::Value;
use std::fmt;

/// Where an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    /// An IP address or a name; the path of a socket file; `envoy://...` for a listener inside of the proxy.
    pub(super) host: String,
    /// Zero where there is none.
    pub(super) port: u64,
}

impl Address {
    /// Reads an `envoy.config.core.v3.Address`.
    pub(super) fn new(address: &Value) -> Self {
        let internal = "/envoyInternalAddress/serverListenerName";
        let host = match (text(address, "/pipe/path"), text(address, internal)) {
            ("", "") => text(address, "/socketAddress/address").to_owned(),
            ("", listener) => format!("envoy://{listener}/{}", text(address, "/envoyInternalAddress/endpointId")),
            (path, _) => path.to_owned(),
        };
        Self { host, port: number(address, "/socketAddress/portValue") }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            0 => f.write_str(&self.host),
            port => write!(f, "{}:{port}", self.host),
        }
    }
}
