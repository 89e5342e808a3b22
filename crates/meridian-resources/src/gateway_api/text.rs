//! Schemas of the texts and numbers that Gateway API uses everywhere, for `#[schemars(with = ...)]`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::schema::text::schema_type;

/// A DNS label (RFC 1123).
const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
/// A duration (GEP-2257).
const DURATION: &str = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";
/// What the name of a header consists of (RFC 9110, token).
const TOKEN: &str = r"^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$";
/// What comes after the slash of a domain-prefixed name.
const PATH_PART: &str = r"\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+$";

/// A DNS subdomain (RFC 1123).
fn subdomain() -> String {
    format!(r"{LABEL}(\.{LABEL})*")
}

fn text(least: u64, most: u64, pattern: &str) -> Schema {
    let mut schema = json_schema!({ "type": "string", "maxLength": most, "pattern": pattern });
    if least > 0 {
        schema.insert("minLength".to_owned(), least.into());
    }
    schema
}

schema_type!(
    /// A host, also with `*` as its first label.
    Hostname, text(1, 253, &format!(r"^(\*\.)?{}$", subdomain()))
);
schema_type!(
    /// A host without `*`.
    PreciseHostname, text(1, 253, &format!("^{}$", subdomain()))
);
schema_type!(
    /// The name of an object.
    ObjectName, json_schema!({ "type": "string", "minLength": 1, "maxLength": 253 })
);
schema_type!(
    /// The name of a namespace.
    NamespaceName, text(1, 63, &format!("^{LABEL}$"))
);
schema_type!(
    /// The name of a listener, a rule or a port.
    SectionName, text(1, 253, &format!("^{}$", subdomain()))
);
schema_type!(
    /// An API group; empty for core.
    Group, text(0, 253, &format!("^$|^{}$", subdomain()))
);
schema_type!(
    /// A kind.
    KindName, text(1, 63, "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$")
);
schema_type!(
    /// A controller: a domain and a path.
    ControllerName, text(1, 253, &format!("^{}{PATH_PART}", subdomain()))
);
schema_type!(
    /// What an address is. The pattern is as wide as that of the CRDs: its ends bind only its first and last part.
    AddressTypeName, text(1, 253, &format!("^Hostname|IPAddress|NamedAddress|{}{PATH_PART}", subdomain()))
);
schema_type!(
    /// The protocol of a listener.
    Protocol,
    text(1, 255, &format!(r"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|{}\/[A-Za-z0-9]+$", subdomain()))
);
schema_type!(
    /// A port.
    PortNumber, json_schema!({ "type": "integer", "format": "int32", "minimum": 1, "maximum": 65535 })
);
schema_type!(
    /// A duration.
    GatewayDuration, json_schema!({ "type": "string", "pattern": DURATION })
);
schema_type!(
    /// The name of a header or of a query parameter.
    HeaderName, text(1, 256, TOKEN)
);
schema_type!(
    /// The value of a header.
    HeaderValue, text(1, 4096, r"^[!-~]+([\t ]?[!-~]+)*$")
);
schema_type!(
    /// The value of a label.
    LabelValue, text(0, 63, "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
);
schema_type!(
    /// The value of an annotation or an option.
    AnnotationValue, json_schema!({ "type": "string", "minLength": 0, "maxLength": 4096 })
);
schema_type!(
    /// The type of a condition.
    ConditionType, text(0, 316, &format!(r"^({}/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$", subdomain()))
);
schema_type!(
    /// The reason of a condition.
    ConditionReason, text(1, 1024, "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
);
schema_type!(
    /// What comes before the path of a request to an authorization service.
    AuthPath, text(0, 1024, r"^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$")
);
schema_type!(
    /// An origin, as a browser names it.
    CorsOrigin,
    text(1, 253, r"(^\*$)|(^(http(s)?):\/\/(((\*\.)?([a-zA-Z0-9\-]+\.)*[a-zA-Z0-9-]+|\*)(:([0-9]{1,5}))?)$)")
);
schema_type!(
    /// An identity in the form of a URI.
    Uri, text(1, 253, r"^(([^:/?#]+):)(//([^/?#]*))([^?#]*)(\?([^#]*))?(#(.*))?")
);
schema_type!(
    /// A set of authorities by its name.
    WellKnownAuthorities,
    text(1, 253, &format!("^(System|({}/([A-Za-z0-9][-A-Za-z0-9_.]{{0,61}})?[A-Za-z0-9]))$", subdomain()))
);
schema_type!(
    /// A method of HTTP.
    Method,
    json_schema!({
        "type": "string",
        "enum": ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"],
    })
);
schema_type!(
    /// A method of HTTP, or `*` for all.
    MethodOrAll,
    json_schema!({
        "type": "string",
        "enum": ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "*"],
    })
);
schema_type!(
    /// A status of HTTP that leads elsewhere.
    RedirectStatus, json_schema!({ "type": "integer", "enum": [301, 302, 303, 307, 308] })
);
schema_type!(
    /// A status of HTTP that says of an error.
    ErrorStatus, json_schema!({ "type": "integer", "minimum": 400, "maximum": 599 })
);
