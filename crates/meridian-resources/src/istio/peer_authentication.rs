//! PeerAuthentication: whether workloads demand mutual TLS (`security.istio.io` PeerAuthentication).

mod rules;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::destination_rule::WorkloadSelector;
use crate::istio::IstioStatus;
use crate::kind::{Column, Kind, Nulls, cells};
use crate::object::{Object, Resource, Spec};
use crate::rules::typed;
use crate::schema;

/// The kind `PeerAuthentication` of `security.istio.io`.
pub static KIND: Kind = Kind {
    group: super::SECURITY_GROUP,
    versions: super::SECURITY_VERSIONS,
    kind: "PeerAuthentication",
    list_kind: "PeerAuthenticationList",
    plural: "peerauthentications",
    singular: "peerauthentication",
    short_names: &["pa"],
    categories: super::SECURITY_CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[Column::string("Mode", "Defines the mTLS mode used for peer authentication.", |object| {
        cells::json_path(object, "/spec/mtls/mode")
    })
    .at(".spec.mtls.mode")],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |object, findings| typed(object, findings, rules::check),
    decode: crate::object::decode_as::<PeerAuthentication>,
};

schema::forms!(schema::of_spec::<PeerAuthentication>(&KIND, false));

impl Spec for PeerAuthentication {
    type Status = IstioStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::PeerAuthentication(object)
    }
}

/// PeerAuthentication says which connections workloads take: those with mutual TLS of the mesh, or others too. Without a
/// selector it is about all workloads of its namespace, in the root namespace about the mesh.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-rule" = "peer-authentication"))]
pub struct PeerAuthentication {
    /// For all ports.
    pub mtls: Option<MutualTls>,
    /// For ports of the workload, which may be others than those of its Services.
    #[schemars(with = "BTreeMap<String, MutualTls>")]
    #[schemars(extend("minProperties" = 1, "x-rule" = "port-level-mtls"))]
    pub port_level_mtls: BTreeMap<u16, MutualTls>,
    /// The workloads of the namespace that it is about; all when absent.
    pub selector: Option<WorkloadSelector>,
}

/// Settings of mutual TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MutualTls {
    /// Which connections are taken.
    pub mode: MutualTlsMode,
}

/// Which connections a workload takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MutualTlsMode {
    /// As the next wider scope says; at the end `PERMISSIVE`.
    #[default]
    Unset,
    /// Nothing is terminated: connections go to the workload as they are.
    Disable,
    /// Mutual TLS of the mesh, and everything else.
    Permissive,
    /// Mutual TLS of the mesh only.
    Strict,
}

impl PeerAuthentication {
    /// Whether it is about some workloads of its namespace only.
    pub fn is_selective(&self) -> bool {
        self.selector.as_ref().is_some_and(|selector| !selector.match_labels.is_empty())
    }
}
