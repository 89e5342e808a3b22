//! Reading of MeshConfig and ProxyConfig documents: each field by itself, so that one that is not understood is named
//! and the others count.

use super::{ExtensionProvider, OutboundTrafficPolicy, provider};
use super::{GatewayTopology, IngressControllerMode, MeshConfig, TlsDefaults};
use meridian_ir::Name;
use meridian_ir::access_log::{ISTIO_DEFAULT_FORMAT, JsonFormat, LogFormat};
use meridian_ir::format::Format;
use meridian_ir::http::{ClientCertHeader, PathNormalization};
use meridian_ir::tls::TlsVersion;
use meridian_resources::{Duration, yaml};
use serde_json::{Map, Value};
use std::sync::Arc;

const NO_EFFECT: &str = "not supported yet; this setting has no effect";

/// The members of Istio's JSON access log.
const ISTIO_JSON_FORMAT: [(&str, &str); 24] = [
    ("authority", "%REQ(:AUTHORITY)%"),
    ("bytes_received", "%BYTES_RECEIVED%"),
    ("bytes_sent", "%BYTES_SENT%"),
    ("connection_termination_details", "%CONNECTION_TERMINATION_DETAILS%"),
    ("downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"),
    ("downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"),
    ("duration", "%DURATION%"),
    ("method", "%REQ(:METHOD)%"),
    ("path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
    ("protocol", "%PROTOCOL%"),
    ("request_id", "%REQ(X-REQUEST-ID)%"),
    ("requested_server_name", "%REQUESTED_SERVER_NAME%"),
    ("response_code", "%RESPONSE_CODE%"),
    ("response_code_details", "%RESPONSE_CODE_DETAILS%"),
    ("response_flags", "%RESPONSE_FLAGS%"),
    ("route_name", "%ROUTE_NAME%"),
    ("start_time", "%START_TIME%"),
    ("upstream_cluster", "%UPSTREAM_CLUSTER_RAW%"),
    ("upstream_host", "%UPSTREAM_HOST%"),
    ("upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"),
    ("upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"),
    ("upstream_transport_failure_reason", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"),
    ("user_agent", "%REQ(USER-AGENT)%"),
    ("x_forwarded_for", "%REQ(X-FORWARDED-FOR)%"),
];

/// Lays a MeshConfig document over `mesh`; the problems are returned.
pub(super) fn mesh_config(mesh: &mut MeshConfig, document: &Value) -> Vec<String> {
    let Some(fields) = document.as_object() else {
        return vec!["found something else than a mapping of settings".to_owned()];
    };
    let mut problems = Problems::default();
    access_log_format(mesh, fields, &mut problems);
    for (name, value) in fields {
        if let Err(problem) = set(mesh, name, value, &mut problems) {
            problems.add(name, &problem);
        }
    }
    problems.0
}

/// Lays the `gatewayTopology` of a `proxy.istio.io/config` annotation over `topology`; the problems are returned.
pub(super) fn proxy_config_annotation(topology: &mut GatewayTopology, annotation: &str) -> Vec<String> {
    let mut problems = Problems::default();
    match yaml::values(annotation, "annotation proxy.istio.io/config").into_iter().next() {
        None => {}
        Some(Err(diagnostic)) => problems.0.push(diagnostic.to_string()),
        Some(Ok(Value::Object(fields))) => {
            for (name, value) in &fields {
                match name.as_str() {
                    "gatewayTopology" => gateway_topology(topology, value, &mut problems),
                    _ => problems.add(name, NO_EFFECT),
                }
            }
        }
        Some(Ok(_)) => problems.0.push("found something else than a mapping of settings".to_owned()),
    }
    problems.0
}

/// What is not understood, with its field.
#[derive(Default)]
pub(super) struct Problems(Vec<String>);

impl Problems {
    pub(super) fn add(&mut self, field: &str, problem: &str) {
        self.0.push(format!("{field}: {problem}"));
    }
}

/// Sets one field, or says what was found and what is allowed.
fn set(mesh: &mut MeshConfig, name: &str, value: &Value, problems: &mut Problems) -> Result<(), String> {
    match name {
        "accessLogFile" => mesh.access_log_file = text(value)?.into(),
        // Read together.
        "accessLogFormat" | "accessLogEncoding" => {}
        "connectTimeout" => mesh.connect_timeout = duration(value)?,
        "rootNamespace" => mesh.root_namespace = text(value)?.into(),
        "disableEnvoyListenerLog" => mesh.disable_listener_log = truth(value)?,
        "extensionProviders" => extension_providers(mesh, value, problems),
        "defaultProviders" => default_providers(mesh, value, problems),
        "defaultServiceExportTo" => mesh.default_export_to.services = names(value)?,
        "defaultVirtualServiceExportTo" => mesh.default_export_to.virtual_services = names(value)?,
        "defaultDestinationRuleExportTo" => mesh.default_export_to.destination_rules = names(value)?,
        "outboundTrafficPolicy" => outbound_traffic_policy(mesh, value, problems),
        "enableAutoMtls" => mesh.auto_mtls = truth(value)?,
        "trustDomain" => mesh.trust_domain = trust_domain(text(value)?)?,
        "inboundTrafficPolicy" => mesh.inbound_to_localhost = inbound_to_localhost(value)?,
        "trustDomainAliases" => mesh.trust_domain_aliases = trust_domains(value)?,
        "meshMTLS" => mesh_mtls(mesh, value, problems),
        "h2UpgradePolicy" => mesh.h2_upgrade = h2_upgrade(value)?,
        "tcpKeepalive" => mesh.tcp_keepalive = Some(typed(value)?),
        "localityLbSetting" => mesh.locality_lb_setting = typed(value)?,
        "defaultHttpRetryPolicy" => mesh.default_http_retry_policy = Some(typed(value)?),
        "ingressClass" => mesh.ingress_class = text(value)?.into(),
        "ingressService" => mesh.ingress_service = text(value)?.into(),
        "ingressSelector" => mesh.ingress_selector = text(value)?.into(),
        "ingressControllerMode" => mesh.ingress_controller_mode = ingress_controller_mode(value)?,
        "pathNormalization" => mesh.path_normalization = path_normalization(&value["normalization"])?,
        "tlsDefaults" => tls_defaults(&mut mesh.tls_defaults, value, problems),
        "defaultConfig" => default_config(mesh, value, problems),
        // What Meridian does anyway, so that common installations read without complaint.
        "enablePrometheusMerge" | "enableTracing" if value == false => {}
        _ => return Err(NO_EFFECT.to_owned()),
    }
    Ok(())
}

/// `accessLogEncoding` says how `accessLogFormat` is to be read, wherever the two stand.
fn access_log_format(mesh: &mut MeshConfig, fields: &Map<String, Value>, problems: &mut Problems) {
    let is_json = match fields.get("accessLogEncoding") {
        None => matches!(mesh.access_log_format, LogFormat::Json(_)),
        Some(encoding) if encoding == "TEXT" || encoding == 0 => false,
        Some(encoding) if encoding == "JSON" || encoding == 1 => true,
        Some(other) => return problems.add("accessLogEncoding", &format!("found {other}, allowed: TEXT, JSON")),
    };
    let written = fields.get("accessLogFormat").map_or(Ok(""), text);
    let parsed = written.and_then(|written| match (is_json, written) {
        (false, "") => text_format(ISTIO_DEFAULT_FORMAT),
        (false, written) => text_format(written),
        (true, "") => istio_json_format(),
        (true, written) => json_format(written),
    });
    match parsed {
        Ok(format) => mesh.access_log_format = format,
        Err(problem) => problems.add("accessLogFormat", &problem),
    }
}

/// Istio adds the newline that a format lacks.
pub(super) fn text_format(text: &str) -> Result<LogFormat, String> {
    let line = if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") };
    Ok(LogFormat::Text(Arc::new(Format::parse(&line).map_err(|error| error.to_string())?)))
}

pub(super) fn istio_json_format() -> Result<LogFormat, String> {
    let member = |(name, operator): (&str, &str)| {
        let format = Format::parse(operator).map_err(|error| error.to_string())?;
        Ok((Name::from(name), JsonFormat::String(format)))
    };
    let members: Result<Vec<_>, String> = ISTIO_JSON_FORMAT.into_iter().map(member).collect();
    Ok(LogFormat::Json(Arc::new(JsonFormat::Object(members?))))
}

/// A JSON object whose strings are formats; Envoy writes its members sorted by name.
fn json_format(text: &str) -> Result<LogFormat, String> {
    let allowed = "allowed with accessLogEncoding JSON: a JSON object such as {\"status\": \"%RESPONSE_CODE%\"}";
    let value: Value = serde_json::from_str(text).map_err(|error| format!("found no JSON ({error}), {allowed}"))?;
    match value {
        Value::Object(_) => Ok(LogFormat::Json(Arc::new(json_value(&value)?))),
        other => Err(format!("found {other}, {allowed}")),
    }
}

pub(super) fn json_value(value: &Value) -> Result<JsonFormat, String> {
    Ok(match value {
        Value::Null => JsonFormat::Null,
        Value::Bool(value) => JsonFormat::Bool(*value),
        Value::Number(number) => JsonFormat::Number(number.to_string().into()),
        Value::String(text) => JsonFormat::String(Format::parse(text).map_err(|error| format!("{text:?}: {error}"))?),
        Value::Array(items) => JsonFormat::Array(items.iter().map(json_value).collect::<Result<_, _>>()?),
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            let member = |name: &String| Ok::<_, String>((Name::from(name.as_str()), json_value(&fields[name])?));
            JsonFormat::Object(names.into_iter().map(member).collect::<Result<_, _>>()?)
        }
    })
}

fn inbound_to_localhost(value: &Value) -> Result<bool, String> {
    match value["mode"].as_str() {
        None | Some("PASSTHROUGH") => Ok(false),
        Some("LOCALHOST") => Ok(true),
        Some(other) => Err(format!("mode: found {other:?}, allowed: PASSTHROUGH, LOCALHOST")),
    }
}

fn trust_domains(value: &Value) -> Result<Vec<Name>, String> {
    let list = value.as_array().ok_or_else(|| format!("found {value}, allowed: a list of trust domains"))?;
    list.iter().map(|domain| trust_domain(text(domain)?)).collect()
}

fn mesh_mtls(mesh: &mut MeshConfig, value: &Value, problems: &mut Problems) {
    for (name, value) in value.as_object().into_iter().flatten() {
        match (name.as_str(), value.as_str()) {
            ("minProtocolVersion", Some("TLS_AUTO" | "TLSV1_2")) => mesh.mesh_mtls_min_version = TlsVersion::Tls12,
            ("minProtocolVersion", Some("TLSV1_3")) => mesh.mesh_mtls_min_version = TlsVersion::Tls13,
            ("minProtocolVersion", _) => {
                let problem = format!("found {value}, allowed: TLS_AUTO, TLSV1_2, TLSV1_3");
                problems.add("meshMTLS.minProtocolVersion", &problem);
            }
            _ => problems.add(&format!("meshMTLS.{name}"), NO_EFFECT),
        }
    }
}

/// `extensionProviders`: those of the document, over Istio's own of the same name.
fn extension_providers(mesh: &mut MeshConfig, value: &Value, problems: &mut Problems) {
    mesh.extension_providers = provider::built_in();
    let Some(entries) = value.as_array() else {
        return problems.add("extensionProviders", &format!("found {value}, allowed: a list"));
    };
    for (index, entry) in entries.iter().enumerate() {
        let name = entry["name"].as_str().unwrap_or_default();
        if name.is_empty() {
            problems.add(&format!("extensionProviders[{index}].name"), "found none, allowed: a text");
            continue;
        }
        match ExtensionProvider::read(name, entry) {
            Ok(provider) => drop(mesh.extension_providers.insert(name.into(), provider)),
            Err(problem) => {
                // What names it is to hear of that, rather than of an older provider of the name.
                mesh.extension_providers.remove(name);
                problems.add(&format!("extensionProviders[{index}] {name:?}"), &problem);
            }
        }
    }
}

fn default_providers(mesh: &mut MeshConfig, value: &Value, problems: &mut Problems) {
    for (name, value) in value.as_object().into_iter().flatten() {
        match name.as_str() {
            "accessLogging" => match names(value) {
                Ok(names) => mesh.default_access_log_providers = names,
                Err(problem) => problems.add("defaultProviders.accessLogging", &problem),
            },
            // Metrics are always those of Prometheus.
            "metrics" if value == &serde_json::json!(["prometheus"]) => {}
            _ => problems.add(&format!("defaultProviders.{name}"), NO_EFFECT),
        }
    }
}

fn outbound_traffic_policy(mesh: &mut MeshConfig, value: &Value, problems: &mut Problems) {
    const FIELD: &str = "outboundTrafficPolicy";
    for (name, value) in value.as_object().into_iter().flatten() {
        match (name.as_str(), value.as_str()) {
            ("mode", Some("ALLOW_ANY")) => mesh.outbound_traffic_policy = OutboundTrafficPolicy::AllowAny,
            ("mode", Some("REGISTRY_ONLY")) => mesh.outbound_traffic_policy = OutboundTrafficPolicy::RegistryOnly,
            ("mode", Some("ALLOW_ANY_DYNAMIC_DNS")) => {
                mesh.outbound_traffic_policy = OutboundTrafficPolicy::AllowAnyDynamicDns;
            }
            ("mode", _) => {
                let allowed = "ALLOW_ANY, ALLOW_ANY_DYNAMIC_DNS, REGISTRY_ONLY";
                problems.add(&format!("{FIELD}.mode"), &format!("found {value}, allowed: {allowed}"));
            }
            _ => problems.add(&format!("{FIELD}.{name}"), NO_EFFECT),
        }
    }
}

/// A list of texts.
fn names(value: &Value) -> Result<Vec<Name>, String> {
    let entries = value.as_array().ok_or_else(|| format!("found {value}, allowed: a list of texts"))?;
    entries.iter().map(|entry| text(entry).map(Name::from)).collect()
}

fn truth(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("found {value}, allowed: true, false"))
}

fn default_config(mesh: &mut MeshConfig, value: &Value, problems: &mut Problems) {
    let Some(fields) = value.as_object() else {
        return problems.add("defaultConfig", "found something else than a mapping");
    };
    for (name, value) in fields {
        match name.as_str() {
            "gatewayTopology" => gateway_topology(&mut mesh.gateway_topology, value, problems),
            "proxyMetadata" => proxy_metadata(mesh, value, problems),
            _ => problems.add(&format!("defaultConfig.{name}"), NO_EFFECT),
        }
    }
}

fn proxy_metadata(mesh: &mut MeshConfig, value: &Value, problems: &mut Problems) {
    for (name, value) in value.as_object().into_iter().flatten() {
        match name.as_str() {
            "ISTIO_META_HTTP10" => mesh.http10 |= value == "1" || value == "true",
            _ => problems.add(&format!("defaultConfig.proxyMetadata.{name}"), NO_EFFECT),
        }
    }
}

fn gateway_topology(topology: &mut GatewayTopology, value: &Value, problems: &mut Problems) {
    let Some(fields) = value.as_object() else {
        return problems.add("gatewayTopology", "found something else than a mapping");
    };
    for (name, value) in fields {
        let set = match name.as_str() {
            "numTrustedProxies" => number(value).map(|count| topology.num_trusted_proxies = count),
            "forwardClientCertDetails" => {
                client_cert_header(value).map(|header| topology.forward_client_cert_details = header)
            }
            "proxyProtocol" => proxy_protocol(value).map(|wanted| topology.proxy_protocol = wanted),
            _ => Err(NO_EFFECT.to_owned()),
        };
        if let Err(problem) = set {
            problems.add(&format!("gatewayTopology.{name}"), &problem);
        }
    }
}

fn client_cert_header(value: &Value) -> Result<ClientCertHeader, String> {
    match value.as_str().unwrap_or_default() {
        "SANITIZE" => Ok(ClientCertHeader::Sanitize),
        "FORWARD_ONLY" => Ok(ClientCertHeader::ForwardOnly),
        "APPEND_FORWARD" => Ok(ClientCertHeader::AppendForward),
        "SANITIZE_SET" | "UNDEFINED" => Ok(ClientCertHeader::SanitizeSet),
        "ALWAYS_FORWARD_ONLY" => Ok(ClientCertHeader::AlwaysForwardOnly),
        _ => Err(format!(
            "found {value}, allowed: SANITIZE, FORWARD_ONLY, APPEND_FORWARD, SANITIZE_SET, ALWAYS_FORWARD_ONLY"
        )),
    }
}

/// Istio's message has no fields: that it is there is what counts.
fn proxy_protocol(value: &Value) -> Result<bool, String> {
    match value {
        Value::Null => Ok(false),
        Value::Object(fields) if fields.is_empty() => Ok(true),
        other => Err(format!("found {other}, allowed: {{}}")),
    }
}

fn tls_defaults(defaults: &mut TlsDefaults, value: &Value, problems: &mut Problems) {
    let Some(fields) = value.as_object() else {
        return problems.add("tlsDefaults", "found something else than a mapping");
    };
    for (name, value) in fields {
        let field = format!("tlsDefaults.{name}");
        match (name.as_str(), value) {
            ("minProtocolVersion", version) => match version.as_str().unwrap_or_default() {
                "TLS_AUTO" | "TLSV1_2" => defaults.min_version = TlsVersion::Tls12,
                "TLSV1_3" => defaults.min_version = TlsVersion::Tls13,
                _ => problems.add(&field, &format!("found {version}, allowed: TLS_AUTO, TLSV1_2, TLSV1_3")),
            },
            ("cipherSuites", Value::Array(suites)) => {
                defaults.cipher_suites = suites.iter().filter_map(Value::as_str).map(Name::from).collect();
            }
            _ => problems.add(&field, NO_EFFECT),
        }
    }
}

fn ingress_controller_mode(value: &Value) -> Result<IngressControllerMode, String> {
    match text(value)? {
        "OFF" => Ok(IngressControllerMode::Off),
        "DEFAULT" => Ok(IngressControllerMode::Default),
        "STRICT" => Ok(IngressControllerMode::Strict),
        found => Err(format!("found {found:?}, allowed: OFF, DEFAULT, STRICT")),
    }
}

fn path_normalization(value: &Value) -> Result<PathNormalization, String> {
    match value.as_str().unwrap_or("DEFAULT") {
        "DEFAULT" | "BASE" => Ok(PathNormalization::Base),
        "NONE" => Ok(PathNormalization::None),
        "MERGE_SLASHES" => Ok(PathNormalization::MergeSlashes),
        "DECODE_AND_MERGE_SLASHES" => Ok(PathNormalization::DecodeAndMergeSlashes),
        found => Err(format!(
            "normalization: found {found:?}, allowed: DEFAULT, NONE, BASE, MERGE_SLASHES, DECODE_AND_MERGE_SLASHES"
        )),
    }
}

fn h2_upgrade(value: &Value) -> Result<bool, String> {
    match value.as_str().unwrap_or_default() {
        "DO_NOT_UPGRADE" => Ok(false),
        "UPGRADE" => Ok(true),
        _ => Err(format!("found {value}, allowed: DO_NOT_UPGRADE, UPGRADE")),
    }
}

/// A setting that has the form of one in a DestinationRule or a VirtualService.
fn typed<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_json::from_value(value.clone()).map_err(|error| error.to_string())
}

/// SPIFFE-ID section 2.1: lowercase letters, digits, dots, dashes and underscores.
fn trust_domain(text: &str) -> Result<Name, String> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    if text.is_empty() || text.len() > 255 || !text.bytes().all(legal) {
        return Err(format!(
            "found {text:?}, allowed: lowercase letters, digits, '.', '-' and '_', such as example.org"
        ));
    }
    Ok(text.into())
}

fn number(value: &Value) -> Result<u32, String> {
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| format!("found {value}, allowed: a number from 0"))
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("found {value}, allowed: text"))
}

fn duration(value: &Value) -> Result<std::time::Duration, String> {
    let parsed = Duration::parse(text(value)?).map_err(|error| error.to_string())?;
    if parsed.as_nanos() > 0 { Ok(parsed.to_std()) } else { Err(format!("found {value}, allowed: more than zero")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(document: &Value) -> (MeshConfig, Vec<String>) {
        MeshConfig::default().with_document(document)
    }

    #[test]
    fn settings_that_are_understood() {
        let (mesh, problems) = read(&json!({
            "accessLogFile": "/dev/stdout",
            "accessLogFormat": "%REQ(:PATH)%",
            "connectTimeout": "2s",
            "h2UpgradePolicy": "UPGRADE",
            "tcpKeepalive": {"probes": 3},
            "localityLbSetting": {"enabled": false},
            "defaultHttpRetryPolicy": {"attempts": 7},
            "trustDomain": "example.org",
            "ingressControllerMode": "OFF",
            "ingressClass": "edge",
            "ingressService": "edge-lb",
            "ingressSelector": "edge-gw",
            "pathNormalization": {"normalization": "MERGE_SLASHES"},
            "tlsDefaults": {"minProtocolVersion": "TLSV1_3", "cipherSuites": ["ECDHE-RSA-AES128-GCM-SHA256"]},
            "defaultConfig": {
                "proxyMetadata": {"ISTIO_META_HTTP10": "1"},
                "gatewayTopology": {
                    "numTrustedProxies": 2, "forwardClientCertDetails": "APPEND_FORWARD", "proxyProtocol": {},
                },
            },
        }));
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(&*mesh.access_log_file, "/dev/stdout");
        assert_eq!(mesh.access_log_format, text_format("%REQ(:PATH)%\n").unwrap());
        assert_eq!(mesh.connect_timeout, std::time::Duration::from_secs(2));
        assert_eq!(&*mesh.trust_domain, "example.org");
        assert_eq!(mesh.ingress_controller_mode, IngressControllerMode::Off);
        assert_eq!((&*mesh.ingress_class, &*mesh.ingress_service), ("edge", "edge-lb"));
        assert_eq!(&*mesh.ingress_selector, "edge-gw");
        assert!(mesh.h2_upgrade);
        assert_eq!(mesh.tcp_keepalive.map(|keepalive| keepalive.probes), Some(3));
        assert_eq!(mesh.locality_lb_setting.enabled, Some(false));
        assert_eq!(mesh.default_http_retry_policy.map(|policy| policy.attempts), Some(7));
        assert_eq!(mesh.path_normalization, PathNormalization::MergeSlashes);
        assert_eq!(mesh.tls_defaults.min_version, TlsVersion::Tls13);
        assert_eq!(mesh.tls_defaults.cipher_suites.len(), 1);
        assert!(mesh.http10);
        let expected = GatewayTopology {
            num_trusted_proxies: 2,
            forward_client_cert_details: ClientCertHeader::AppendForward,
            proxy_protocol: true,
        };
        assert_eq!(mesh.gateway_topology, expected);
    }

    #[test]
    fn a_setting_that_is_not_is_named_and_the_others_count() {
        let (mesh, problems) = read(&json!({
            "accessLogFile": "/dev/stdout",
            "outboundTrafficPolicy": {"mode": "SOMETIMES"},
            "connectTimeout": "soon",
            "accessLogFormat": "%NOPE%",
            "trustDomain": "Not One",
            "tlsDefaults": {"minProtocolVersion": "TLSV1_0", "ecdhCurves": ["P-256"]},
            "defaultConfig": {"concurrency": 2, "gatewayTopology": {
                "numTrustedProxies": -1, "forwardClientCertDetails": "SOMETIMES", "proxyProtocol": true,
            }},
        }));
        assert_eq!(&*mesh.access_log_file, "/dev/stdout");
        assert_eq!(mesh.gateway_topology, GatewayTopology::default());
        for expected in [
            "outboundTrafficPolicy.mode: found \"SOMETIMES\", allowed: ALLOW_ANY, ALLOW_ANY_DYNAMIC_DNS, REGISTRY_ONLY",
            "connectTimeout:",
            "accessLogFormat: column 1",
            "trustDomain: found \"Not One\", allowed: lowercase",
            "tlsDefaults.minProtocolVersion: found \"TLSV1_0\", allowed: TLS_AUTO, TLSV1_2, TLSV1_3",
            "tlsDefaults.ecdhCurves: not supported yet",
            "defaultConfig.concurrency: not supported yet",
            "gatewayTopology.numTrustedProxies: found -1, allowed: a number from 0",
            "gatewayTopology.forwardClientCertDetails: found \"SOMETIMES\", allowed: SANITIZE,",
            "gatewayTopology.proxyProtocol: found true, allowed: {}",
        ] {
            assert!(problems.iter().any(|problem| problem.starts_with(expected)), "{expected}: {problems:?}");
        }
        assert_eq!(problems.len(), 10, "{problems:?}");
    }

    #[test]
    fn mutual_tls_of_the_mesh_is_configured() {
        let (mesh, problems) = read(&json!({
            "trustDomainAliases": ["old.example", "older.example"],
            "meshMTLS": {"minProtocolVersion": "TLSV1_3"},
            "inboundTrafficPolicy": {"mode": "LOCALHOST"},
        }));
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(mesh.trust_domain_aliases, ["old.example".into(), "older.example".into()]);
        assert!(mesh.mesh_mtls_min_version == TlsVersion::Tls13 && mesh.inbound_to_localhost);
        for (document, expected) in [
            (json!({"trustDomainAliases": ["Not One"]}), "trustDomainAliases: found \"Not One\", allowed: lowercase"),
            (json!({"trustDomainAliases": "a"}), "trustDomainAliases: found \"a\", allowed: a list"),
            (json!({"meshMTLS": {"minProtocolVersion": "TLSV1_1"}}), "meshMTLS.minProtocolVersion: found \"TLSV1_1\""),
            (json!({"meshMTLS": {"ecdhCurves": []}}), "meshMTLS.ecdhCurves: not supported yet"),
            (json!({"inboundTrafficPolicy": {"mode": "X"}}), "inboundTrafficPolicy: mode: found \"X\", allowed: PASS"),
        ] {
            let (mesh, problems) = read(&document);
            assert!(problems.len() == 1 && problems[0].starts_with(expected), "{problems:?}");
            assert_eq!(mesh, MeshConfig::default());
        }
    }

    #[test]
    fn json_logs_are_istio_s_or_the_user_s() {
        let (mesh, problems) = read(&json!({"accessLogEncoding": "JSON"}));
        assert_eq!(problems, Vec::<String>::new());
        let LogFormat::Json(format) = &mesh.access_log_format else { panic!("{:?}", mesh.access_log_format) };
        let JsonFormat::Object(members) = &**format else { panic!("{format:?}") };
        assert_eq!(members.len(), 24);
        assert!(members.is_sorted_by_key(|(name, _)| name.clone()));

        let written = r#"{"status": "%RESPONSE_CODE%", "fixed": [1, true, null], "a": {"b": "x-%PROTOCOL%"}}"#;
        let (mesh, problems) = read(&json!({"accessLogFormat": written, "accessLogEncoding": "JSON"}));
        assert_eq!(problems, Vec::<String>::new());
        let LogFormat::Json(format) = &mesh.access_log_format else { panic!("{:?}", mesh.access_log_format) };
        let JsonFormat::Object(members) = &**format else { panic!("{format:?}") };
        assert_eq!(members.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["a", "fixed", "status"]);

        for (written, expected) in
            [("%PROTOCOL%", "found no JSON"), ("[]", "found [], allowed"), (r#"{"a": "%NO%"}"#, "\"%NO%\": column 1")]
        {
            let (_, problems) = read(&json!({"accessLogFormat": written, "accessLogEncoding": "JSON"}));
            assert!(problems[0].starts_with(&format!("accessLogFormat: {expected}")), "{problems:?}");
        }
        let (_, problems) = read(&json!({"accessLogEncoding": "XML"}));
        assert_eq!(problems, ["accessLogEncoding: found \"XML\", allowed: TEXT, JSON"]);
    }

    #[test]
    fn an_annotation_is_laid_over_the_mesh_s_settings() {
        let mut topology = GatewayTopology { num_trusted_proxies: 3, ..GatewayTopology::default() };
        let problems = topology.with_annotation("gatewayTopology: {proxyProtocol: {}}\nconcurrency: 2\n");
        assert_eq!(problems, [format!("concurrency: {NO_EFFECT}")]);
        assert!(topology.proxy_protocol && topology.num_trusted_proxies == 3);
        assert_eq!(topology.with_annotation("- 1").len(), 1);
        assert_eq!(topology.with_annotation("{").len(), 1);
        assert!(topology.with_annotation("").is_empty());
    }
}
