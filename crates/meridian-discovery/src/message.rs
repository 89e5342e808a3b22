//! `envoy.service.discovery.v3` and what its messages are made of: fields and numbers of Envoy's API, those that are
//! used here. Others are passed over, as protobuf asks for.

use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};

/// The full name of the service.
pub const SERVICE: &str = "envoy.service.discovery.v3.AggregatedDiscoveryService";

/// The method with incremental updates.
pub const DELTA: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

/// The method whose responses hold the whole state of a type.
pub const STATE_OF_THE_WORLD: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

/// `google.protobuf.Any`
#[derive(Clone, PartialEq, prost::Message)]
pub struct Any {
    /// What `value` is.
    #[prost(string, tag = "1")]
    pub type_url: String,
    /// A message of that type.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

/// `google.rpc.Status`
#[derive(Clone, PartialEq, prost::Message)]
pub struct Status {
    /// A code of gRPC.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// For people.
    #[prost(string, tag = "2")]
    pub message: String,
}

/// `google.protobuf.Struct`
#[derive(Clone, PartialEq, prost::Message)]
pub struct Struct {
    /// By name.
    #[prost(btree_map = "string, message", tag = "1")]
    pub fields: BTreeMap<String, Value>,
}

/// `google.protobuf.Value`
#[derive(Clone, PartialEq, prost::Message)]
pub struct Value {
    /// See [`ValueKind`].
    #[prost(oneof = "ValueKind", tags = "1, 2, 3, 4, 5, 6")]
    pub kind: Option<ValueKind>,
}

/// What a [`Value`] is.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum ValueKind {
    /// `null`
    #[prost(int32, tag = "1")]
    Null(i32),
    /// A number.
    #[prost(double, tag = "2")]
    Number(f64),
    /// A text.
    #[prost(string, tag = "3")]
    String(String),
    /// True or false.
    #[prost(bool, tag = "4")]
    Bool(bool),
    /// An object.
    #[prost(message, tag = "5")]
    Struct(Struct),
    /// A list.
    #[prost(message, tag = "6")]
    List(ListValue),
}

/// `google.protobuf.ListValue`
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListValue {
    /// In order.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<Value>,
}

/// `envoy.config.core.v3.Locality`
#[derive(Clone, PartialEq, prost::Message)]
pub struct Locality {
    /// For example `europe-west1`.
    #[prost(string, tag = "1")]
    pub region: String,
    /// For example `europe-west1-b`.
    #[prost(string, tag = "2")]
    pub zone: String,
    /// Below that.
    #[prost(string, tag = "3")]
    pub sub_zone: String,
}

/// `envoy.config.core.v3.Node`
#[derive(Clone, PartialEq, prost::Message)]
pub struct NodeMessage {
    /// `sidecar~10.0.0.1~sleep.default~default.svc.cluster.local`
    #[prost(string, tag = "1")]
    pub id: String,
    /// The workload; for metrics.
    #[prost(string, tag = "2")]
    pub cluster: String,
    /// See [`crate::node`].
    #[prost(message, optional, tag = "3")]
    pub metadata: Option<Struct>,
    /// Where it is.
    #[prost(message, optional, tag = "4")]
    pub locality: Option<Locality>,
    /// The program: `envoy`, `meridian`.
    #[prost(string, tag = "6")]
    pub user_agent_name: String,
    /// Its version, as text.
    #[prost(string, tag = "7")]
    pub user_agent_version: String,
}

/// What a client says, with the whole state of a type.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DiscoveryRequest {
    /// The version of the last response that was accepted.
    #[prost(string, tag = "1")]
    pub version_info: String,
    /// On the first request of a stream.
    #[prost(message, optional, tag = "2")]
    pub node: Option<NodeMessage>,
    /// What is wanted; empty: everything.
    #[prost(string, repeated, tag = "3")]
    pub resource_names: Vec<String>,
    /// Of which type.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// The response that this answers; empty: none.
    #[prost(string, tag = "5")]
    pub response_nonce: String,
    /// Why that response was rejected.
    #[prost(message, optional, tag = "6")]
    pub error_detail: Option<Status>,
}

/// What a server says, with the whole state of a type.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DiscoveryResponse {
    /// Of all of these together.
    #[prost(string, tag = "1")]
    pub version_info: String,
    /// The resources.
    #[prost(message, repeated, tag = "2")]
    pub resources: Vec<Any>,
    /// Their type.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// The name of this response.
    #[prost(string, tag = "5")]
    pub nonce: String,
}

/// What a client says, incrementally.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DeltaDiscoveryRequest {
    /// On the first request of a stream.
    #[prost(message, optional, tag = "1")]
    pub node: Option<NodeMessage>,
    /// Of which type.
    #[prost(string, tag = "2")]
    pub type_url: String,
    /// What is wanted from now on.
    #[prost(string, repeated, tag = "3")]
    pub resource_names_subscribe: Vec<String>,
    /// What is not wanted any more.
    #[prost(string, repeated, tag = "4")]
    pub resource_names_unsubscribe: Vec<String>,
    /// What the client has already, with versions; on the first request of a type.
    #[prost(map = "string, string", tag = "5")]
    pub initial_resource_versions: HashMap<String, String>,
    /// The response that this answers; empty: none.
    #[prost(string, tag = "6")]
    pub response_nonce: String,
    /// Why that response was rejected.
    #[prost(message, optional, tag = "7")]
    pub error_detail: Option<Status>,
}

/// What a server says, incrementally.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DeltaDiscoveryResponse {
    /// For people.
    #[prost(string, tag = "1")]
    pub system_version_info: String,
    /// What is new or different.
    #[prost(message, repeated, tag = "2")]
    pub resources: Vec<Resource>,
    /// Of which type.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// The name of this response.
    #[prost(string, tag = "5")]
    pub nonce: String,
    /// What is not there any more.
    #[prost(string, repeated, tag = "6")]
    pub removed_resources: Vec<String>,
}

/// One resource of an incremental response.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Resource {
    /// Of this resource alone.
    #[prost(string, tag = "1")]
    pub version: String,
    /// The resource.
    #[prost(message, optional, tag = "2")]
    pub resource: Option<Any>,
    /// Its name.
    #[prost(string, tag = "3")]
    pub name: String,
}
