//! What the client wants to read and what it sends.

use serde_json::Value;

use crate::error::ApiError;
use crate::protobuf;
use crate::query::Query;

/// The media type of YAML.
pub(crate) const YAML: &str = "application/yaml";

/// In which form objects are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As they are.
    Object,
    /// As rows for people (`as=Table`), each with its object or a part of it.
    Table(IncludeObject),
    /// Their metadata alone (`as=PartialObjectMetadata`).
    Metadata,
}

/// What a row of a table carries beside its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IncludeObject {
    /// Nothing.
    None,
    /// The metadata.
    Metadata,
    /// The whole object.
    Object,
}

/// One entry of an `Accept` header.
struct MediaRange<'a> {
    media_type: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl MediaRange<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
    }

    /// Whether objects can be answered in it.
    fn is_servable(&self) -> bool {
        self.is_json() || self.media_type == YAML
    }

    fn is_json(&self) -> bool {
        matches!(self.media_type, "application/json" | "application/*" | "*/*")
    }
}

fn ranges(accept: &str) -> impl Iterator<Item = MediaRange<'_>> {
    accept.split(',').map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let parameters = parts.filter_map(|part| part.split_once('=')).collect();
        MediaRange { media_type, parameters }
    })
}

/// Chooses the form by the first entry of `Accept` that can be served.
///
/// # Errors
/// 406 when there is none.
pub(crate) fn form(accept: Option<&str>, query: &Query) -> Result<Form, ApiError> {
    for range in ranges(accept.unwrap_or("*/*")).filter(MediaRange::is_servable) {
        let meta = range.parameter("g").is_none_or(|group| group == "meta.k8s.io");
        let version = range.parameter("v").is_none_or(|version| matches!(version, "v1" | "v1beta1"));
        match range.parameter("as") {
            None => return Ok(Form::Object),
            Some("Table") if meta && version => return Ok(Form::Table(include_object(query)?)),
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") if meta && version => {
                return Ok(Form::Metadata);
            }
            Some(_) => {}
        }
    }
    Err(ApiError::not_acceptable())
}

fn include_object(query: &Query) -> Result<IncludeObject, ApiError> {
    match query.get("includeObject") {
        None | Some("Metadata") => Ok(IncludeObject::Metadata),
        Some("None") => Ok(IncludeObject::None),
        Some("Object") => Ok(IncludeObject::Object),
        Some(other) => {
            let message = format!("includeObject={other:?} is not supported; use \"None\", \"Metadata\" or \"Object\"");
            Err(ApiError::bad_request(message))
        }
    }
}

/// Whether the client would rather read YAML.
pub(crate) fn wants_yaml(accept: Option<&str>) -> bool {
    ranges(accept.unwrap_or("*/*")).find(MediaRange::is_servable).is_some_and(|range| !range.is_json())
}

/// Whether the client reads JSON at all.
pub(crate) fn accepts_json(accept: Option<&str>) -> bool {
    ranges(accept.unwrap_or("*/*")).any(|range| range.is_json() && range.parameter("as").is_none())
}

/// The media type of OpenAPI v2 documents in protobuf.
pub(crate) const OPENAPI_V2_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// Whether the client wants OpenAPI v2 in protobuf. Clients write the type with an `@`, which is no valid media type, and
/// expect it without.
pub(crate) fn wants_openapi_protobuf(accept: Option<&str>) -> bool {
    let spelled = |range: &MediaRange<'_>| range.media_type.replace('@', ".") == OPENAPI_V2_PROTOBUF;
    ranges(accept.unwrap_or("*/*")).any(|range| spelled(&range))
}

/// Whether the client prefers all of discovery in one document (`APIGroupDiscoveryList` of `apidiscovery.k8s.io/v2`).
pub(crate) fn wants_aggregated_discovery(accept: Option<&str>) -> bool {
    let known = |range: &MediaRange<'_>| match range.parameter("as") {
        Some("APIGroupDiscoveryList") => {
            range.parameter("g") == Some("apidiscovery.k8s.io") && range.parameter("v") == Some("v2")
        }
        Some(_) => false,
        None => true,
    };
    let first = ranges(accept.unwrap_or("*/*")).find(|range| range.is_json() && known(range));
    first.is_some_and(|range| range.parameter("as").is_some())
}

/// What bodies may be.
const READABLE: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

/// Reads a body of one object.
///
/// # Errors
/// 415 for another format, 400 for a text that does not parse.
pub(crate) fn read_object(content_type: Option<&str>, body: &[u8]) -> Result<Value, ApiError> {
    match media_type(content_type) {
        "" | "application/json" => read_json(body),
        YAML => read_yaml(body),
        "application/vnd.kubernetes.protobuf" => protobuf::read(body),
        _ => Err(ApiError::unsupported_media_type(READABLE)),
    }
}

/// The media type without parameters.
pub(crate) fn media_type(content_type: Option<&str>) -> &str {
    content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

/// Reads JSON.
pub(crate) fn read_json(body: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(body)
        .map_err(|e| ApiError::bad_request(format!("the body of the request is not valid JSON: {e}")))
}

/// Reads YAML of one document.
pub(crate) fn read_yaml(body: &[u8]) -> Result<Value, ApiError> {
    // Clients send JSON, which is YAML, under this type too.
    if let Ok(value) = serde_json::from_slice(body) {
        return Ok(value);
    }
    let text = std::str::from_utf8(body).map_err(|_| ApiError::bad_request("the body of the request is not UTF-8"))?;
    let mut documents = meridian_resources::yaml::values(text, "request body");
    let (Some(document), true) = (documents.pop(), documents.is_empty()) else {
        return Err(ApiError::bad_request("the body of the request must be exactly one YAML document"));
    };
    document.map_err(|diagnostic| ApiError::bad_request(diagnostic.to_string()))
}

#[cfg(test)]
mod tests {
    use super::{Form, IncludeObject, form, read_yaml, wants_aggregated_discovery};
    use crate::query::Query;
    use serde_json::json;

    #[test]
    fn the_first_form_that_can_be_served_is_chosen() {
        let table = Form::Table(IncludeObject::Metadata);
        let cases = [
            (None, Some(Form::Object)),
            (Some("*/*"), Some(Form::Object)),
            (Some("application/json"), Some(Form::Object)),
            (Some("application/vnd.kubernetes.protobuf,application/json"), Some(Form::Object)),
            (Some("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"), Some(table)),
            (Some("application/json;as=Table;v=v9;g=meta.k8s.io,application/json"), Some(Form::Object)),
            (Some("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"), Some(Form::Metadata)),
            (Some("application/vnd.kubernetes.protobuf"), None),
            (Some("text/plain"), None),
            (Some("application/yaml;as=Table;v=v1;g=meta.k8s.io"), Some(table)),
        ];
        for (accept, expected) in cases {
            let query = Query::parse(None).expect("an empty query");
            assert_eq!(form(accept, &query).ok(), expected, "{accept:?}");
        }
    }

    #[test]
    fn yaml_is_read_whatever_it_holds() {
        let read = |text: &str| read_yaml(text.as_bytes()).map_err(|error| error.to_string());
        assert_eq!(read("kind: Unknown\na: [1]\n"), Ok(json!({"kind": "Unknown", "a": [1]})));
        assert_eq!(read("{\"a\": 1}"), Ok(json!({"a": 1})));
        assert!(read("a: 1\n---\nb: 1\n").is_err_and(|why| why.contains("exactly one")));
        assert!(read("a: [").is_err_and(|why| why.starts_with("request body:")));
    }

    #[test]
    fn discovery_is_aggregated_for_those_who_prefer_it() {
        let v2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        assert!(wants_aggregated_discovery(Some(&format!("{v2},application/json"))));
        assert!(wants_aggregated_discovery(Some(&format!("application/vnd.kubernetes.protobuf,{v2}"))));
        assert!(!wants_aggregated_discovery(Some("application/json")));
        assert!(!wants_aggregated_discovery(Some(&v2.replace("v2", "v9"))));
        assert!(!wants_aggregated_discovery(None));
    }
}
