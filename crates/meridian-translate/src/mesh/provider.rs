//! Providers of the mesh configuration (`extensionProviders`): who does what a Telemetry or an AuthorizationPolicy asks
//! for.

use super::read;
use meridian_ir::Name;
use meridian_ir::access_log::LogFormat;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The provider that Istio has from the start: it writes to standard output, in the mesh's format.
pub(crate) const ENVOY: &str = "envoy";

/// Where access logs go when a provider does not say.
const STDOUT: &str = "/dev/stdout";

/// The kinds that Istio knows and that are not supported here.
const OTHERS: [&str; 13] = [
    "envoyExtAuthzHttp",
    "envoyExtAuthzGrpc",
    "zipkin",
    "lightstep",
    "datadog",
    "stackdriver",
    "opencensus",
    "skywalking",
    "opentelemetry",
    "envoyHttpAls",
    "envoyTcpAls",
    "envoyOtelAls",
    "sds",
];

/// A provider.
#[derive(Debug, Clone, PartialEq)]
pub enum ExtensionProvider {
    /// `envoyFileAccessLog`
    FileAccessLog(FileAccessLog),
    /// `prometheus`: metrics, which every proxy serves.
    Prometheus,
    /// A kind that is not supported; its name.
    Unsupported(Name),
}

/// Access logs in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileAccessLog {
    /// The file.
    pub path: Name,
    /// One line; `None`: as the mesh's `accessLogFormat` and `accessLogEncoding` say.
    pub format: Option<LogFormat>,
}

/// Istio's own providers.
pub(super) fn built_in() -> BTreeMap<Name, ExtensionProvider> {
    let envoy = FileAccessLog { path: STDOUT.into(), format: None };
    [
        (Name::from(ENVOY), ExtensionProvider::FileAccessLog(envoy)),
        (Name::from("prometheus"), ExtensionProvider::Prometheus),
        (Name::from("stackdriver"), ExtensionProvider::Unsupported("stackdriver".into())),
    ]
    .into()
}

impl ExtensionProvider {
    /// Reads an entry of `extensionProviders`.
    ///
    /// # Errors
    /// What was found, and what is allowed.
    pub(super) fn read(name: &str, entry: &Value) -> Result<Self, String> {
        let kinds: Vec<&String> = entry.as_object().into_iter().flatten().map(|(kind, _)| kind).collect();
        let [kind] = kinds.into_iter().filter(|kind| *kind != "name").collect::<Vec<_>>()[..] else {
            return Err("found no kind of provider or several, allowed: one, such as envoyFileAccessLog".to_owned());
        };
        match kind.as_str() {
            "envoyFileAccessLog" => file_access_log(name, &entry[kind]).map(Self::FileAccessLog),
            "prometheus" => Ok(Self::Prometheus),
            other if OTHERS.contains(&other) => Ok(Self::Unsupported(other.into())),
            other => Err(format!("found {other:?}, allowed: envoyFileAccessLog, prometheus, {}", OTHERS.join(", "))),
        }
    }

    /// The name of its kind.
    pub fn kind(&self) -> &str {
        match self {
            Self::FileAccessLog(_) => "envoyFileAccessLog",
            Self::Prometheus => "prometheus",
            Self::Unsupported(kind) => kind,
        }
    }
}

fn file_access_log(name: &str, value: &Value) -> Result<FileAccessLog, String> {
    let none = Map::new();
    let fields = value.as_object().unwrap_or(&none);
    let (mut path, mut format) = (Name::from(STDOUT), None);
    for (field, value) in fields {
        let text = || value.as_str().ok_or_else(|| format!("envoyFileAccessLog.{field}: found {value}, allowed: text"));
        match field.as_str() {
            "path" if value == "" => {}
            "path" => path = text()?.into(),
            "logFormat" => format = Some(log_format(value)?),
            "omitEmptyValues" if value == false => {}
            _ => {
                return Err(format!(
                    "envoyFileAccessLog.{field}: found {value}, allowed: path, logFormat; omitEmptyValues is not supported"
                ));
            }
        }
    }
    if format.is_none() && name != ENVOY {
        // Only Istio's own provider follows the mesh's format.
        format = Some(read::text_format(meridian_ir::access_log::ISTIO_DEFAULT_FORMAT)?);
    }
    Ok(FileAccessLog { path, format })
}

/// `text`, or `labels` for JSON.
fn log_format(value: &Value) -> Result<LogFormat, String> {
    const FIELD: &str = "envoyFileAccessLog.logFormat";
    let fields: Vec<_> = value.as_object().into_iter().flatten().collect();
    match fields[..] {
        [] => read::text_format(meridian_ir::access_log::ISTIO_DEFAULT_FORMAT),
        [(name, Value::String(text))] if name == "text" => {
            let written = if text.is_empty() { meridian_ir::access_log::ISTIO_DEFAULT_FORMAT } else { text };
            read::text_format(written).map_err(|problem| format!("{FIELD}.text: {problem}"))
        }
        [(name, Value::Object(labels))] if name == "labels" => {
            if labels.is_empty() {
                return read::istio_json_format();
            }
            let json = read::json_value(&Value::Object(labels.clone()));
            json.map(|json| LogFormat::Json(json.into())).map_err(|problem| format!("{FIELD}.labels: {problem}"))
        }
        _ => Err(format!("{FIELD}: found {value}, allowed: text, or labels, a mapping")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MeshConfig;
    use serde_json::json;

    fn read(document: &Value) -> (MeshConfig, Vec<String>) {
        MeshConfig::default().with_document(document)
    }

    #[test]
    fn a_user_s_providers_stand_beside_istio_s() {
        let (mesh, problems) = read(&json!({
            "extensionProviders": [
                {"name": "short", "envoyFileAccessLog": {"path": "/tmp/x.log", "logFormat": {"text": "%PROTOCOL%"}}},
                {"name": "json", "envoyFileAccessLog": {"logFormat": {"labels": {"status": "%RESPONSE_CODE%"}}}},
                {"name": "plain", "envoyFileAccessLog": {}},
                {"name": "spans", "zipkin": {"service": "z", "port": 9411}},
            ],
            "defaultProviders": {"accessLogging": ["short"], "metrics": ["prometheus"]},
            "disableEnvoyListenerLog": true,
        }));
        assert_eq!(problems, Vec::<String>::new());
        let file = |name: &str| match &mesh.extension_providers[name] {
            ExtensionProvider::FileAccessLog(file) => file.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(&*file("short").path, "/tmp/x.log");
        assert_eq!(file("short").format.unwrap().text().unwrap().to_string(), "%PROTOCOL%\n");
        assert!(matches!(file("json").format, Some(LogFormat::Json(_))));
        assert!(file("plain").format.is_some() && file(ENVOY).format.is_none());
        assert_eq!(mesh.extension_providers["spans"].kind(), "zipkin");
        assert_eq!(mesh.default_access_log_providers, ["short".into()]);
        assert!(mesh.disable_listener_log);
    }

    #[test]
    fn a_provider_that_is_none_is_named_and_the_others_count() {
        let (mesh, problems) = read(&json!({"extensionProviders": [
            {"name": "a", "envoyFileAccessLog": {"logFormat": {"text": "%NOPE%"}}},
            {"name": "b", "carrierPigeon": {}},
            {"name": "c"},
            {"envoyFileAccessLog": {}},
            {"name": "d", "envoyFileAccessLog": {"omitEmptyValues": true}},
            {"name": "e", "envoyFileAccessLog": {"path": "/dev/stderr"}},
        ]}));
        for expected in [
            "extensionProviders[0] \"a\": envoyFileAccessLog.logFormat.text: column 1",
            "extensionProviders[1] \"b\": found \"carrierPigeon\", allowed: envoyFileAccessLog, prometheus",
            "extensionProviders[2] \"c\": found no kind of provider",
            "extensionProviders[3].name: found none",
            "extensionProviders[4] \"d\": envoyFileAccessLog.omitEmptyValues: found true",
        ] {
            assert!(problems.iter().any(|problem| problem.starts_with(expected)), "{expected}: {problems:?}");
        }
        assert_eq!(problems.len(), 5, "{problems:?}");
        assert!(mesh.extension_providers.contains_key("e") && !mesh.extension_providers.contains_key("a"));
    }
}
