//! Istio's metadata: the object behind a route, chain or cluster.

use crate::json::Message;
use meridian_ir::Origin;
use serde_json::{Value, json};

/// `{"filterMetadata": {"istio": {...}}}`
pub(crate) fn istio(fields: Message) -> Value {
    json!({"filterMetadata": {"istio": Value::from(fields)}})
}

/// `{"config": "/apis/networking.istio.io/v1/namespaces/default/virtual-service/a"}`
pub(crate) fn of(origin: &Origin) -> Value {
    istio(Message::default().set("config", path(origin)))
}

/// The path of an object, with its kind in kebab case as Istio writes it.
pub(crate) fn path(origin: &Origin) -> String {
    let group = match origin.kind {
        "HTTPRoute" | "GRPCRoute" | "TLSRoute" | "TCPRoute" => "gateway.networking.k8s.io",
        "Ingress" => "networking.k8s.io",
        _ => "networking.istio.io",
    };
    let mut kind = String::new();
    let mut before_is_lower = false;
    for character in origin.kind.chars() {
        if character.is_ascii_uppercase() && before_is_lower {
            kind.push('-');
        }
        before_is_lower = character.is_ascii_lowercase();
        kind.push(character.to_ascii_lowercase());
    }
    format!("/apis/{group}/v1/namespaces/{}/{kind}/{}", origin.namespace, origin.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_istios() {
        let origin = |kind| Origin { kind, namespace: "default".into(), name: "a".into() };
        for (kind, expected) in [
            ("VirtualService", "/apis/networking.istio.io/v1/namespaces/default/virtual-service/a"),
            ("DestinationRule", "/apis/networking.istio.io/v1/namespaces/default/destination-rule/a"),
            ("HTTPRoute", "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproute/a"),
        ] {
            assert_eq!(path(&origin(kind)), expected);
        }
    }
}
