//! Versions whose objects have another form or other limits than the preferred version's, and the conversions between
//! them.
//!
//! Objects are stored, decoded and translated in the form of the preferred version.

use serde_json::Value;

use super::Kind;
use crate::schema::node::Node;

/// One version with a form or limits of its own.
pub(crate) struct ConvertedVersion {
    /// The version, such as `v1beta1`.
    pub(crate) version: &'static str,
    /// The schema of its objects.
    pub(crate) schema: fn() -> Value,
    /// The same in the form that checks objects.
    pub(crate) compiled: fn() -> &'static Node,
    /// Rewrites an object to the preferred version's form; what has the wrong type stays.
    pub(crate) to_preferred: fn(&mut Value),
    /// Rewrites an object of the preferred version to this form.
    pub(crate) from_preferred: fn(&mut Value),
    /// The place in this form of a field of the preferred one.
    pub(crate) path: fn(&str) -> String,
    /// What Kubernetes warns of when an object of this version is written.
    pub(crate) deprecation: &'static str,
}

impl ConvertedVersion {
    /// A version whose objects have the preferred form, with other limits or a deprecation of its own.
    pub(crate) const fn same_form(
        version: &'static str,
        schema: fn() -> Value,
        compiled: fn() -> &'static Node,
        deprecation: &'static str,
    ) -> Self {
        let unchanged: fn(&mut Value) = |_| {};
        ConvertedVersion {
            version,
            schema,
            compiled,
            to_preferred: unchanged,
            from_preferred: unchanged,
            path: str::to_owned,
            deprecation,
        }
    }
}

/// Every kind that has such a version.
static CONVERTED: [(&Kind, &ConvertedVersion); 6] = [
    (&crate::networking::ingress::KIND, &crate::networking::ingress::v1beta1::VERSION),
    (&crate::gateway_api::tls_route::KIND, &crate::gateway_api::tls_route::V1ALPHA3),
    (&crate::gateway_api::tls_route::KIND, &crate::gateway_api::tls_route::v1alpha2::VERSION),
    (&crate::gateway_api::tcp_route::KIND, &crate::gateway_api::tcp_route::v1alpha2::VERSION),
    (&crate::gateway_api::udp_route::KIND, &crate::gateway_api::udp_route::v1alpha2::VERSION),
    (&crate::gateway_api::backend_tls_policy::KIND, &crate::gateway_api::backend_tls_policy::V1ALPHA3),
];

/// The version of a kind, when its objects have a form of their own.
fn by_version(kind: &Kind, version: &str) -> Option<&'static ConvertedVersion> {
    let of_kind = CONVERTED.iter().filter(|(known, _)| *known == kind).map(|(_, converted)| *converted);
    of_kind.into_iter().find(|converted| converted.version == version)
}

/// The version of an object by its `apiVersion`, when it has a form of its own.
pub(crate) fn of_object(kind: &Kind, object: &Value) -> Option<&'static ConvertedVersion> {
    let (group, version) = object.get("apiVersion")?.as_str()?.split_once('/')?;
    by_version(kind, version).filter(|_| group == kind.group)
}

/// Whether objects of `version` have another form than those of the preferred version.
pub fn is_converted(kind: &Kind, version: &str) -> bool {
    by_version(kind, version).is_some()
}

/// Rewrites an object from the version that it names to `version`, its `apiVersion` included.
pub fn convert(kind: &Kind, object: &mut Value, version: &str) {
    if let Some(from) = of_object(kind, object) {
        (from.to_preferred)(object);
    }
    if let Some(to) = by_version(kind, version) {
        (to.from_preferred)(object);
    }
    object["apiVersion"] = kind.api_version(version).into();
}

/// The OpenAPI v3 structural schema of whole objects of a kind in one of its versions.
pub fn schema(kind: &Kind, version: &str) -> Value {
    by_version(kind, version).map_or_else(kind.schema, |converted| (converted.schema)())
}

/// What Kubernetes warns of when an object of this version is written.
pub fn deprecation(kind: &Kind, version: &str) -> Option<&'static str> {
    by_version(kind, version).map(|converted| converted.deprecation)
}
