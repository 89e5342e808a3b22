//! `istio.networking.nds.v1.NameTable`: what a sidecar's DNS proxy answers for.

use crate::message::Message;
use crate::read::{Node, Read, ReadError, resource};
use meridian_ir::Name;
use meridian_ir::name_table::{NameInfo, Names};
use serde_json::{Map, Value};
use std::net::IpAddr;
use std::sync::Arc;

/// The registry of Services; Istio's agent makes short names of their hosts.
const KUBERNETES: &str = "Kubernetes";

/// The registry of everything else.
const EXTERNAL: &str = "External";

/// All names of one proxy.
pub fn name_table(names: &Names) -> Value {
    let table: Map<String, Value> =
        names.iter().map(|(host, info)| (host.to_string(), name_info(host, info))).collect();
    Message::new().with_some("table", (!table.is_empty()).then_some(table)).into()
}

fn name_info(host: &str, info: &NameInfo) -> Value {
    let message = Message::new().with_list("ips", info.addresses.iter().map(|ip| ip.to_string().into()));
    if !info.is_service {
        return message.with("registry", EXTERNAL).into();
    }
    let mut labels = host.split('.');
    message
        .with("registry", KUBERNETES)
        .with_text("shortname", labels.next().unwrap_or_default())
        .with_text("namespace", labels.next().unwrap_or_default())
        .into()
}

/// Reads the names of a proxy.
///
/// # Errors
/// See [`crate::read`].
pub fn read(value: &Value) -> Result<Read<Names>, ReadError> {
    resource(value, "name table", |node| {
        node.message(|fields| {
            let entries = fields.some("table", |table| {
                table.entries()?.into_iter().map(|(host, node)| read_name_info(host, &node)).collect()
            })?;
            Ok(entries.unwrap_or_default())
        })
    })
}

fn read_name_info(host: &str, node: &Node<'_>) -> Result<(Name, Arc<NameInfo>), ReadError> {
    let address = |node: &Node<'_>| node.text()?.parse::<IpAddr>().map_err(|_| node.error("an IP address"));
    node.message(|fields| {
        let info = NameInfo {
            addresses: fields.each("ips", address)?,
            is_service: fields.choice("registry", &[(KUBERNETES, true), (EXTERNAL, false), ("", false)], false)?,
        };
        // Both are parts of the host.
        let mut labels = host.split('.');
        for part in ["shortname", "namespace"] {
            fields.known(part, &labels.next().unwrap_or_default().into());
        }
        Ok((host.into(), Arc::new(info)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_as_istio_sends_them() {
        let info = |ips: &[&str], is_service| {
            Arc::new(NameInfo { addresses: ips.iter().map(|ip| ip.parse().unwrap()).collect(), is_service })
        };
        let names = Names::from([
            ("httpbin.default.svc.cluster.local".into(), info(&["10.0.0.1", "fd00::1"], true)),
            ("*.example.com".into(), info(&["240.240.0.1"], false)),
        ]);
        let table = name_table(&names);
        assert_eq!(
            table,
            json!({"table": {
                "httpbin.default.svc.cluster.local": {
                    "ips": ["10.0.0.1", "fd00::1"],
                    "registry": "Kubernetes",
                    "shortname": "httpbin",
                    "namespace": "default",
                },
                "*.example.com": {"ips": ["240.240.0.1"], "registry": "External"},
            }})
        );
        let bytes = crate::wire::encode_as(crate::type_url::NAME_TABLE, &table).unwrap();
        let read = read(&crate::wire::decode(crate::type_url::NAME_TABLE, &bytes).unwrap()).unwrap();
        assert_eq!((read.value, read.unsupported), (names, Vec::new()));
    }
}
