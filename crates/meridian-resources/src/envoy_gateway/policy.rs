//! The policies of Envoy Gateway: what they are about is typed, what they ask for is kept as it is.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::gateway_api::backend_tls_policy::PolicyStatus;
use crate::gateway_api::common::{Condition, LocalPolicyTargetReference};
use crate::kind::{Kind, Nulls};
use crate::object::{Object, Resource, Spec};
use crate::schema;

/// What a policy of Envoy Gateway is about, and all else that it says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct PolicySpec {
    /// The object that it is about.
    pub target_ref: Option<LocalPolicyTargetReference>,
    /// The objects that it is about.
    pub target_refs: Vec<LocalPolicyTargetReference>,
    /// The objects that it is about, by their labels.
    pub target_selectors: Vec<TargetSelector>,
    /// All else.
    #[serde(flatten)]
    #[schemars(skip)]
    pub settings: BTreeMap<String, Value>,
}

/// Objects of a kind by their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["kind"], "x-kubernetes-preserve-unknown-fields" = true))]
pub struct TargetSelector {
    /// Their API group; that of Gateway API when absent.
    pub group: Option<String>,
    /// Their kind.
    pub kind: String,
    /// Labels that all must be there.
    pub match_labels: BTreeMap<String, String>,
}

impl PolicySpec {
    /// The objects that it names.
    pub fn targets(&self) -> impl Iterator<Item = &LocalPolicyTargetReference> {
        self.target_ref.iter().chain(&self.target_refs)
    }

    /// The settings that are given and not supported, by their paths such as `spec.oidc`. None is, so far.
    pub fn unsupported(&self) -> Vec<String> {
        unsupported(&self.settings)
    }
}

/// Settings without `targetRef` and its relatives: an object that routes refer to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Settings {
    /// All that it says.
    #[serde(flatten)]
    #[schemars(skip)]
    pub settings: BTreeMap<String, Value>,
}

impl Settings {
    /// The settings that are given and not supported, by their paths such as `spec.directResponse`. None is, so far.
    pub fn unsupported(&self) -> Vec<String> {
        unsupported(&self.settings)
    }
}

fn unsupported(settings: &BTreeMap<String, Value>) -> Vec<String> {
    settings.keys().map(|name| format!("spec.{name}")).collect()
}

/// Conditions of an object that routes refer to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectStatus {
    /// What is said.
    pub conditions: Vec<Condition>,
}

macro_rules! kind {
    (
        $(#[$doc:meta])* $type:ident($fields:ident, $status:ident), $module:ident,
        $name:literal, $plural:literal, $singular:literal, $short:expr
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $type(pub $fields);

        #[doc = concat!("The kind `", $name, "` of `gateway.envoyproxy.io`.")]
        pub mod $module {
            use super::*;

            /// The kind.
            pub static KIND: Kind = Kind {
                group: crate::envoy_gateway::GROUP,
                versions: crate::envoy_gateway::VERSIONS,
                kind: $name,
                list_kind: concat!($name, "List"),
                plural: $plural,
                singular: $singular,
                short_names: $short,
                categories: crate::envoy_gateway::CATEGORIES,
                namespaced: true,
                status_subresource: true,
                columns: &[],
                nulls: Nulls::Refused,
                schema: published,
                compiled,
                rules: |_, _| {},
                decode: crate::object::decode_as::<$type>,
            };

            schema::forms!(schema::of_spec::<$type>(&KIND, true));

            impl Spec for $type {
                type Status = $status;
                const FLAT: bool = false;

                fn kind() -> &'static Kind {
                    &KIND
                }

                fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
                    Resource::$type(object)
                }
            }
        }
    };
}

kind!(
    /// SecurityPolicy says who may use routes: authentication, authorization, CORS.
    SecurityPolicy(PolicySpec, PolicyStatus), security_policy,
    "SecurityPolicy", "securitypolicies", "securitypolicy", &["sp"]
);
kind!(
    /// BackendTrafficPolicy says how backends are spoken to: retries, limits, health, balancing.
    BackendTrafficPolicy(PolicySpec, PolicyStatus), backend_traffic_policy,
    "BackendTrafficPolicy", "backendtrafficpolicies", "backendtrafficpolicy", &["btp"]
);
kind!(
    /// ClientTrafficPolicy says how clients are spoken to: timeouts, TLS, headers, limits.
    ClientTrafficPolicy(PolicySpec, PolicyStatus), client_traffic_policy,
    "ClientTrafficPolicy", "clienttrafficpolicies", "clienttrafficpolicy", &["ctp"]
);
kind!(
    /// EnvoyExtensionPolicy adds code to routes: Wasm, external processing, Lua.
    EnvoyExtensionPolicy(PolicySpec, PolicyStatus), envoy_extension_policy,
    "EnvoyExtensionPolicy", "envoyextensionpolicies", "envoyextensionpolicy", &["eep"]
);
kind!(
    /// EnvoyPatchPolicy changes generated Envoy configuration.
    EnvoyPatchPolicy(PolicySpec, PolicyStatus), envoy_patch_policy,
    "EnvoyPatchPolicy", "envoypatchpolicies", "envoypatchpolicy", &["epp"]
);
kind!(
    /// Backend is a place outside the cluster that routes send to.
    EnvoyBackend(Settings, ObjectStatus), backend,
    "Backend", "backends", "backend", &["be"]
);
kind!(
    /// HTTPRouteFilter is a step that requests of HTTPRoutes go through.
    ExtensionHttpRouteFilter(Settings, ObjectStatus), http_route_filter,
    "HTTPRouteFilter", "httproutefilters", "httproutefilter", &["hrf"]
);
