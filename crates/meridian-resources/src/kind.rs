//! The registry of kinds: one static description of each, from which discovery, OpenAPI, tables and parsing derive.

pub(crate) mod cells;
pub mod converted;

use serde_json::Value;

use crate::error::FieldError;
use crate::object::Resource;
use crate::rules::Findings;
use crate::schema::node::Node;

/// What a `null` means in objects of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// As if the field were absent; so does Kubernetes with its own kinds.
    Absent,
    /// As the item of a list a wrong type, except where the schema says `nullable`, and dropped as the value of a field;
    /// so does Kubernetes with custom resources.
    Refused,
}

/// The static description of one kind.
pub struct Kind {
    /// The API group; empty for core.
    pub group: &'static str,
    /// The versions that are served, preferred first; one schema for all but those of [`converted`].
    pub versions: &'static [&'static str],
    /// The kind, such as `VirtualService`.
    pub kind: &'static str,
    /// The kind of its lists, such as `VirtualServiceList`.
    pub list_kind: &'static str,
    /// The resource in URLs, such as `virtualservices`.
    pub plural: &'static str,
    /// The name of one, such as `virtualservice`.
    pub singular: &'static str,
    /// What `kubectl get` accepts too, such as `vs`.
    pub short_names: &'static [&'static str],
    /// Groups of kinds for `kubectl get`, such as `all`.
    pub categories: &'static [&'static str],
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
    /// Whether `status` is written through a subresource of its own.
    pub status_subresource: bool,
    /// Columns of `kubectl get`, beside NAME and AGE. AGE comes after the columns that are neither
    /// [`Column::wide`] nor [`Column::after_age`].
    pub columns: &'static [Column],
    /// What a `null` means.
    pub nulls: Nulls,
    /// The OpenAPI v3 structural schema of the whole object.
    pub schema: fn() -> Value,
    pub(crate) compiled: fn() -> &'static Node,
    pub(crate) rules: fn(&Value, &mut Findings),
    pub(crate) decode: fn(&Value) -> Result<Resource, Vec<FieldError>>,
}

impl Kind {
    /// The `apiVersion` of a version of this kind: `group/version`, or the version alone for core.
    pub fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    /// The `apiVersion` that is preferred.
    pub fn preferred_api_version(&self) -> String {
        self.api_version(self.versions[0])
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.group == other.group && self.kind == other.kind
    }
}

impl Eq for Kind {}

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kind {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.group, self.kind).cmp(&(other.group, other.kind))
    }
}

impl std::hash::Hash for Kind {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.group, self.kind).hash(state);
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kind").field("group", &self.group).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind)
    }
}

/// One column of `kubectl get` for a kind.
pub struct Column {
    /// The heading as Kubernetes names it (`Cluster-IP`); kubectl writes it in capitals.
    pub name: &'static str,
    /// `string`, `integer` or `date`.
    pub type_: &'static str,
    /// Only for `-o wide` (priority 1); after AGE.
    pub wide: bool,
    /// After AGE, though not only for `-o wide`.
    pub after_age: bool,
    /// What the column shows.
    pub description: &'static str,
    /// The cell for an object; `Null` for nothing.
    pub cell: fn(&Value) -> Value,
    /// Where the cell's value stands, as a CRD says it (`.spec.hosts`); `None` where it is computed.
    pub json_path: Option<&'static str>,
}

impl Column {
    /// A column of text.
    pub const fn string(name: &'static str, description: &'static str, cell: fn(&Value) -> Value) -> Self {
        Column { name, type_: "string", wide: false, after_age: false, description, cell, json_path: None }
    }

    /// This column, whose value stands at a path.
    pub const fn at(mut self, json_path: &'static str) -> Self {
        self.json_path = Some(json_path);
        self
    }

    /// This column, only for `-o wide`.
    pub const fn wide(mut self) -> Self {
        self.wide = true;
        self
    }

    /// This column, after AGE.
    pub const fn after_age(mut self) -> Self {
        self.after_age = true;
        self
    }
}

impl std::fmt::Debug for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Column").field("name", &self.name).field("wide", &self.wide).finish_non_exhaustive()
    }
}

static ALL: [&Kind; 40] = [
    &crate::core::namespace::KIND,
    &crate::core::service::KIND,
    &crate::core::endpoints::KIND,
    &crate::core::secret::KIND,
    &crate::core::config_map::KIND,
    &crate::core::pod::KIND,
    &crate::core::service_account::KIND,
    &crate::core::endpoint_slice::KIND,
    &crate::networking::ingress::KIND,
    &crate::networking::ingress_class::KIND,
    &crate::istio::gateway::KIND,
    &crate::istio::virtual_service::KIND,
    &crate::istio::destination_rule::KIND,
    &crate::istio::service_entry::KIND,
    &crate::istio::workload_entry::KIND,
    &crate::istio::sidecar::KIND,
    &crate::istio::peer_authentication::KIND,
    &crate::istio::authorization_policy::KIND,
    &crate::istio::telemetry::KIND,
    &crate::gateway_api::gateway_class::KIND,
    &crate::gateway_api::gateway::KIND,
    &crate::gateway_api::listener_set::KIND,
    &crate::gateway_api::http_route::KIND,
    &crate::gateway_api::grpc_route::KIND,
    &crate::gateway_api::tls_route::KIND,
    &crate::gateway_api::tcp_route::KIND,
    &crate::gateway_api::udp_route::KIND,
    &crate::gateway_api::reference_grant::KIND,
    &crate::gateway_api::backend_tls_policy::KIND,
    &crate::gateway_api::x_backend::KIND,
    &crate::gateway_api::x_backend_traffic_policy::KIND,
    &crate::gateway_api::x_mesh::KIND,
    &crate::envoy_gateway::envoy_proxy::KIND,
    &crate::envoy_gateway::policy::security_policy::KIND,
    &crate::envoy_gateway::policy::backend_traffic_policy::KIND,
    &crate::envoy_gateway::policy::client_traffic_policy::KIND,
    &crate::envoy_gateway::policy::envoy_extension_policy::KIND,
    &crate::envoy_gateway::policy::envoy_patch_policy::KIND,
    &crate::envoy_gateway::policy::backend::KIND,
    &crate::envoy_gateway::policy::http_route_filter::KIND,
];

/// All kinds.
pub fn all() -> &'static [&'static Kind] {
    &ALL
}

/// The kind of a group by its name.
pub fn by_group_kind(group: &str, kind: &str) -> Option<&'static Kind> {
    ALL.into_iter().find(|known| known.group == group && known.kind == kind)
}

/// The kind of an object by its `apiVersion` and `kind`.
pub fn by_api_version_kind(api_version: &str, kind: &str) -> Option<&'static Kind> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    by_group_kind(group, kind).filter(|known| known.versions.contains(&version))
}

/// The kind of a group by the resource in URLs.
pub fn by_plural(group: &str, plural: &str) -> Option<&'static Kind> {
    ALL.into_iter().find(|known| known.group == group && known.plural == plural)
}

#[cfg(test)]
mod tests;
