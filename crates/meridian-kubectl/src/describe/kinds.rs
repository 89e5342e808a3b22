//! Kinds that kubectl describes in words of their own.

use crate::api::{Api, JSON, Target};
use crate::columns::go_text;
use crate::discovery::Resource;
use crate::json;
use crate::session::place_of;
use serde_json::Value;

/// How many endpoints of a Service are shown.
const MOST_ENDPOINTS: usize = 3;

/// What is said of an object after its annotations.
#[derive(Debug, Default)]
pub(super) struct Own {
    pub(super) text: String,
    /// The namespace and the Events are left out.
    pub(super) short: bool,
}

/// The description of an object of such a kind; nothing for all others.
pub(super) async fn own(api: &mut Api, resource: &Resource, object: &Value) -> Option<Own> {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Service") => Some(Own { text: service(object, &slices(api, object).await), short: false }),
        ("", "ServiceAccount") => Some(Own { text: account(object, secrets(api, object).await), short: false }),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            Some(Own { text: binding(object), short: true })
        }
        _ => None,
    }
}

/// The list at a path; empty where the API does not show it.
async fn list(api: &mut Api, target: &Target) -> Option<Vec<Value>> {
    let list = api.get(target, JSON).await.ok()?;
    Some(list["items"].as_array().cloned().unwrap_or_default())
}

async fn slices(api: &mut Api, service: &Value) -> Vec<Value> {
    let (namespace, name) = place_of(service);
    let path = format!("/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices", namespace.unwrap_or_default());
    let target = Target::new(path).with("labelSelector", &format!("kubernetes.io/service-name={name}"));
    list(api, &target).await.unwrap_or_default()
}

async fn secrets(api: &mut Api, account: &Value) -> Option<Vec<Value>> {
    let namespace = place_of(account).0.unwrap_or_default();
    list(api, &Target::new(format!("/api/v1/namespaces/{namespace}/secrets"))).await
}

fn items<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// Texts of a list with commas between them.
fn joined(value: &Value, pointer: &str) -> String {
    items(value, pointer).filter_map(Value::as_str).collect::<Vec<_>>().join(",")
}

fn or_none(text: String) -> String {
    if text.is_empty() { "<none>".to_owned() } else { text }
}

fn service(service: &Value, slices: &[Value]) -> String {
    let selector = service["spec"]["selector"].as_object().into_iter().flatten();
    let selector = selector.map(|(name, value)| format!("{name}={}", go_text(value))).collect::<Vec<_>>().join(",");
    let mut text = format!("Selector:\t{}\nType:\t{}\n", or_none(selector), json::text(service, "/spec/type"));
    let given = |text: &mut String, label: &str, pointer: &str| {
        let value = match service.pointer(pointer) {
            Some(Value::Array(_)) => joined(service, pointer),
            Some(Value::Null) | None => String::new(),
            Some(value) => go_text(value),
        };
        if !value.is_empty() {
            text.push_str(&format!("{label}:\t{value}\n"));
        }
    };
    given(&mut text, "IP Family Policy", "/spec/ipFamilyPolicy");
    text.push_str(&format!("IP Families:\t{}\n", or_none(joined(service, "/spec/ipFamilies"))));
    text.push_str(&format!("IP:\t{}\n", json::text(service, "/spec/clusterIP")));
    text.push_str(&format!("IPs:\t{}\n", or_none(joined(service, "/spec/clusterIPs"))));
    given(&mut text, "External IPs", "/spec/externalIPs");
    given(&mut text, "Desired LoadBalancer IP", "/spec/loadBalancerIP");
    given(&mut text, "External Name", "/spec/externalName");
    let ingress = items(service, "/status/loadBalancer/ingress").map(|ingress| {
        let of = |field: &str| ingress[field].as_str().unwrap_or_default();
        match (of("ip"), of("ipMode")) {
            ("", _) => of("hostname").to_owned(),
            (ip, "") => ip.to_owned(),
            (ip, mode) => format!("{ip} ({mode})"),
        }
    });
    let ingress = ingress.collect::<Vec<_>>().join(", ");
    if !ingress.is_empty() {
        text.push_str(&format!("LoadBalancer Ingress:\t{ingress}\n"));
    }
    for port in items(service, "/spec/ports") {
        let protocol = port["protocol"].as_str().unwrap_or_default();
        let name = port["name"].as_str().filter(|name| !name.is_empty());
        let shown = name.unwrap_or("<unset>");
        text.push_str(&format!("Port:\t{shown}\t{}/{protocol}\n", go_text(&port["port"])));
        text.push_str(&format!("TargetPort:\t{}/{protocol}\n", go_text(&port["targetPort"])));
        if port["nodePort"].as_u64().is_some_and(|port| port > 0) {
            text.push_str(&format!("NodePort:\t{shown}\t{}/{protocol}\n", go_text(&port["nodePort"])));
        }
        text.push_str(&format!("Endpoints:\t{}\n", endpoints(slices, name.unwrap_or_default())));
    }
    text.push_str(&format!("Session Affinity:\t{}\n", json::text(service, "/spec/sessionAffinity")));
    given(&mut text, "External Traffic Policy", "/spec/externalTrafficPolicy");
    given(&mut text, "Internal Traffic Policy", "/spec/internalTrafficPolicy");
    given(&mut text, "HealthCheck NodePort", "/spec/healthCheckNodePort");
    given(&mut text, "LoadBalancer Source Ranges", "/spec/loadBalancerSourceRanges");
    text
}

/// The first endpoints of a port, and how many more there are.
fn endpoints(slices: &[Value], port: &str) -> String {
    if slices.is_empty() {
        return "<none>".to_owned();
    }
    let mut all = Vec::new();
    for slice in slices {
        let ready = items(slice, "/endpoints").filter(|endpoint| endpoint["conditions"]["ready"] != false);
        let addresses: Vec<&str> = ready.filter_map(|endpoint| endpoint["addresses"][0].as_str()).collect();
        if items(slice, "/ports").next().is_none() {
            all.extend(addresses.iter().map(|address| (*address).to_owned()));
        }
        for own in items(slice, "/ports").filter(|own| own["name"].as_str().unwrap_or_default() == port) {
            let number = go_text(&own["port"]);
            let joined = addresses.iter().map(|address| match address.contains(':') {
                true => format!("[{address}]:{number}"),
                false => format!("{address}:{number}"),
            });
            all.extend(joined);
        }
    }
    let shown = all.iter().take(MOST_ENDPOINTS).cloned().collect::<Vec<_>>().join(",");
    if all.len() > MOST_ENDPOINTS { format!("{shown} + {} more...", all.len() - MOST_ENDPOINTS) } else { shown }
}

/// A service account with the Secrets that it names; nothing is said to be missing where none may be listed.
fn account(account: &Value, secrets: Option<Vec<Value>>) -> String {
    let name_of = |secret: &Value| json::text(secret, "/metadata/name").to_owned();
    let named = |pointer: &str| items(account, pointer).map(|secret| go_text(&secret["name"])).collect::<Vec<_>>();
    let is_token = |secret: &&Value| {
        let note = |name: &str| secret["metadata"]["annotations"][name].as_str().unwrap_or_default();
        secret["type"] == "kubernetes.io/service-account-token"
            && note("kubernetes.io/service-account.name") == place_of(account).1
            && note("kubernetes.io/service-account.uid") == json::text(account, "/metadata/uid")
    };
    let tokens = secrets.iter().flatten().filter(is_token).map(name_of).collect();
    let known = secrets.as_ref().map(|secrets| secrets.iter().map(name_of).collect::<Vec<_>>());
    let mut text = String::new();
    for (header, names) in [
        ("Image pull secrets:", named("/imagePullSecrets")),
        ("Mountable secrets: ", named("/secrets")),
        ("Tokens:            ", tokens),
    ] {
        if names.is_empty() {
            text.push_str(&format!("{header}\t<none>\n"));
        }
        for (index, name) in names.iter().enumerate() {
            let header = if index == 0 { header } else { "                   " };
            let missing = known.as_ref().is_some_and(|known| !known.contains(name));
            text.push_str(&format!("{header}\t{name}{}\n", if missing { " (not found)" } else { "" }));
        }
    }
    text
}

fn binding(binding: &Value) -> String {
    let of_role = |field: &str| binding["roleRef"][field].as_str().unwrap_or_default();
    let mut text = format!("Role:\n  Kind:\t{}\n  Name:\t{}\n", of_role("kind"), of_role("name"));
    text.push_str("Subjects:\n  Kind\tName\tNamespace\n  ----\t----\t---------\n");
    for subject in items(binding, "/subjects") {
        let of = |field: &str| subject[field].as_str().unwrap_or_default();
        text.push_str(&format!("  {}\t{}\t{}\n", of("kind"), of("name"), of("namespace")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::endpoints;
    use serde_json::json;

    #[test]
    fn endpoints_are_few() {
        let endpoint = |address: &str, ready: bool| json!({"addresses": [address], "conditions": {"ready": ready}});
        let some = [endpoint("10.0.0.1", true), endpoint("10.0.0.2", false), endpoint("fd00::1", true)];
        let slice = json!({"ports": [{"name": "http", "port": 80}, {"name": "x", "port": 81}], "endpoints": some});
        assert_eq!(endpoints(std::slice::from_ref(&slice), "http"), "10.0.0.1:80,[fd00::1]:80");
        assert_eq!(endpoints(&[slice.clone(), slice], "x"), "10.0.0.1:81,[fd00::1]:81,10.0.0.1:81 + 1 more...");
        assert_eq!(endpoints(&[], "http"), "<none>");
        assert_eq!(endpoints(&[json!({"ports": [{"port": 80}]})], "http"), "");
    }
}
