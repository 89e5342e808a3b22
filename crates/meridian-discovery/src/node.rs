//! Who a proxy says it is: Istio's node id and metadata.

use crate::message::{Locality, NodeMessage, Struct, Value, ValueKind};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What a proxy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeType {
    /// `sidecar`
    Sidecar,
    /// `router`
    Router,
}

impl NodeType {
    /// As node ids begin.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            NodeType::Sidecar => "sidecar",
            NodeType::Router => "router",
        }
    }
}

/// A proxy as it introduces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// `sidecar~10.0.0.1~sleep.default~default.svc.cluster.local`
    pub id: String,
    /// See [`NodeType`].
    pub node_type: NodeType,
    /// The name of its Pod.
    pub name: String,
    /// Its namespace (`NAMESPACE`, else that of the id).
    pub namespace: String,
    /// Its service account (`SERVICE_ACCOUNT`); `default` where it does not say.
    pub service_account: String,
    /// Its labels (`LABELS`).
    pub labels: BTreeMap<String, String>,
    /// Addresses of its workload (`INSTANCE_IPS`, else that of the id).
    pub addresses: Vec<IpAddr>,
    /// Its Kubernetes cluster (`CLUSTER_ID`); `Kubernetes` where it does not say.
    pub cluster: String,
    /// Whether its names are resolved by the proxy (`DNS_CAPTURE`).
    pub dns_capture: bool,
    /// `region/zone/subzone`; empty when that is not known.
    pub locality: String,
    /// Name and version of the program.
    pub user_agent: String,
}

/// Why a proxy cannot be told from others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// There was no node.
    #[error("the first request of a stream has no node; it needs node.id, TYPE~IP~POD.NAMESPACE~DOMAIN")]
    Missing,
    /// The id is another's.
    #[error("node.id: found {0:?}, allowed: TYPE~IP~POD.NAMESPACE~DOMAIN with TYPE sidecar or router")]
    Id(String),
}

impl Node {
    /// A node with the id of Istio's form, and nothing else known of it.
    #[must_use]
    pub fn new(node_type: NodeType, name: &str, namespace: &str, address: IpAddr) -> Node {
        Node {
            id: format!("{}~{address}~{name}.{namespace}~{namespace}.svc.cluster.local", node_type.as_str()),
            node_type,
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            service_account: "default".to_owned(),
            labels: BTreeMap::new(),
            addresses: vec![address],
            cluster: "Kubernetes".to_owned(),
            dns_capture: false,
            locality: String::new(),
            user_agent: format!("meridian {}", env!("CARGO_PKG_VERSION")),
        }
    }

    /// `NAME.NAMESPACE`, as `istioctl` calls it.
    #[must_use]
    pub fn proxy_id(&self) -> String {
        format!("{}.{}", self.name, self.namespace)
    }

    /// Its search domain, `default.svc.cluster.local`: the last part of its id.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.id.rsplit('~').next().unwrap_or_default()
    }

    /// Reads what a request says.
    ///
    /// # Errors
    /// See [`NodeError`].
    pub fn read(message: &NodeMessage) -> Result<Node, NodeError> {
        let wrong = || NodeError::Id(message.id.clone());
        let parts: Vec<&str> = message.id.split('~').collect();
        let [node_type, address, name, _domain] = parts[..] else { return Err(wrong()) };
        let node_type = match node_type {
            "sidecar" => NodeType::Sidecar,
            "router" => NodeType::Router,
            _ => return Err(wrong()),
        };
        let (name, namespace) = name.rsplit_once('.').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        if name.is_empty() || namespace.is_empty() {
            return Err(wrong());
        }
        let mut node = Node { id: message.id.clone(), ..Node::new(node_type, name, namespace, address) };
        if let Some(metadata) = &message.metadata {
            node.read_metadata(metadata);
        }
        if let Some(locality) = &message.locality {
            let parts = [&locality.region, &locality.zone, &locality.sub_zone];
            node.locality = parts.map(String::as_str).join("/").trim_end_matches('/').to_owned();
        }
        node.user_agent = format!("{} {}", message.user_agent_name, message.user_agent_version).trim().to_owned();
        Ok(node)
    }

    fn read_metadata(&mut self, metadata: &Struct) {
        let text = |key: &str| match metadata.fields.get(key)?.kind.as_ref()? {
            ValueKind::String(text) if !text.is_empty() => Some(text.clone()),
            _ => None,
        };
        let set = |place: &mut String, key: &str| *place = text(key).unwrap_or(std::mem::take(place));
        set(&mut self.namespace, "NAMESPACE");
        set(&mut self.service_account, "SERVICE_ACCOUNT");
        set(&mut self.cluster, "CLUSTER_ID");
        self.dns_capture = match metadata.fields.get("DNS_CAPTURE").and_then(|value| value.kind.as_ref()) {
            Some(ValueKind::Bool(flag)) => *flag,
            Some(ValueKind::String(text)) => text == "true",
            _ => false,
        };
        if let Some(ValueKind::Struct(labels)) = metadata.fields.get("LABELS").and_then(|value| value.kind.as_ref()) {
            let label = |(key, value): (&String, &Value)| match &value.kind {
                Some(ValueKind::String(value)) => Some((key.clone(), value.clone())),
                _ => None,
            };
            self.labels = labels.fields.iter().filter_map(label).collect();
        }
        let addresses = text("INSTANCE_IPS").unwrap_or_default();
        let addresses: Vec<IpAddr> = addresses.split(',').filter_map(|text| text.trim().parse().ok()).collect();
        if !addresses.is_empty() {
            self.addresses = addresses;
        }
    }

    /// The node as a request says it, under Istio's keys.
    #[must_use]
    pub fn message(&self) -> NodeMessage {
        let text = |text: &str| Value { kind: Some(ValueKind::String(text.to_owned())) };
        let labels = Struct { fields: self.labels.iter().map(|(key, value)| (key.clone(), text(value))).collect() };
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        let mut fields = BTreeMap::from([
            ("NAME".to_owned(), text(&self.name)),
            ("NAMESPACE".to_owned(), text(&self.namespace)),
            ("SERVICE_ACCOUNT".to_owned(), text(&self.service_account)),
            ("CLUSTER_ID".to_owned(), text(&self.cluster)),
            ("INSTANCE_IPS".to_owned(), text(&addresses.join(","))),
            ("LABELS".to_owned(), Value { kind: Some(ValueKind::Struct(labels)) }),
        ]);
        if self.node_type == NodeType::Sidecar {
            fields.insert("INTERCEPTION_MODE".to_owned(), text("REDIRECT"));
        }
        if self.dns_capture {
            fields.insert("DNS_CAPTURE".to_owned(), text("true"));
        }
        let mut parts = self.locality.splitn(3, '/').map(str::to_owned);
        let locality = (!self.locality.is_empty()).then(|| Locality {
            region: parts.next().unwrap_or_default(),
            zone: parts.next().unwrap_or_default(),
            sub_zone: parts.next().unwrap_or_default(),
        });
        let (name, version) = self.user_agent.split_once(' ').unwrap_or((&self.user_agent, ""));
        NodeMessage {
            id: self.id.clone(),
            cluster: format!("{}.{}", self.labels.get("app").unwrap_or(&self.name), self.namespace),
            metadata: Some(Struct { fields }),
            locality,
            user_agent_name: name.to_owned(),
            user_agent_version: version.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_read_as_it_was_written() {
        let mut node = Node::new(NodeType::Sidecar, "sleep", "default", "10.0.0.1".parse().unwrap());
        node.labels = BTreeMap::from([("app".to_owned(), "sleep".to_owned())]);
        node.service_account = "sleeper".to_owned();
        node.addresses.push("2001:db8::1".parse().unwrap());
        node.locality = "region/zone".to_owned();
        node.dns_capture = true;
        assert_eq!(Node::read(&node.message()), Ok(node.clone()));
        assert_eq!(node.id, "sidecar~10.0.0.1~sleep.default~default.svc.cluster.local");
    }

    #[test]
    fn ids_of_other_forms_are_refused() {
        for id in ["", "sidecar", "ztunnel~1.1.1.1~a.b~c", "router~x~a.b~c", "router~1.1.1.1~a~c", "router~1.1.1.1~a.b"]
        {
            let message = NodeMessage { id: id.to_owned(), ..NodeMessage::default() };
            assert_eq!(Node::read(&message), Err(NodeError::Id(id.to_owned())), "{id}");
        }
    }
}
