//! Objects in their typed form: metadata, specification, status, and where they were written.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::{ConfigMap, EndpointSlice, Endpoints, Namespace, Pod, Secret, Service, ServiceAccount};
use crate::envoy_gateway::{
    BackendTrafficPolicy, ClientTrafficPolicy, EnvoyBackend, EnvoyExtensionPolicy, EnvoyPatchPolicy, EnvoyProxy,
    ExtensionHttpRouteFilter, SecurityPolicy,
};
use crate::error::FieldError;
use crate::gateway_api::Gateway as KubernetesGateway;
use crate::gateway_api::{
    BackendTlsPolicy, GatewayClass, GrpcRoute, HttpRoute, ListenerSet, ReferenceGrant, TcpRoute, TlsRoute, UdpRoute,
    XBackend, XBackendTrafficPolicy, XMesh,
};
use crate::istio::{
    AuthorizationPolicy, DestinationRule, Gateway, PeerAuthentication, ServiceEntry, Sidecar, Telemetry,
    VirtualService, WorkloadEntry,
};
use crate::kind::{Kind, converted};
use crate::meta::Meta;
use crate::networking::{Ingress, IngressClass};
use crate::value;

/// An object by kind, namespace and name; `VirtualService default/httpbin` for people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// The kind.
    pub kind: &'static Kind,
    /// The namespace; `None` for kinds without.
    pub namespace: Option<Arc<str>>,
    /// The name.
    pub name: Arc<str>,
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind.kind, self.name),
            None => write!(f, "{} {}", self.kind.kind, self.name),
        }
    }
}

/// Where an object was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The file as it was named to the parser.
    pub file: Arc<str>,
    /// The line on which the object begins, from 1.
    pub line: u32,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The specification type of one kind.
pub trait Spec: fmt::Debug + DeserializeOwned + JsonSchema + Sized {
    /// What the kind's status holds; [`NoStatus`] for kinds without.
    type Status: fmt::Debug + Default + Clone + PartialEq + DeserializeOwned + JsonSchema + 'static;
    /// Whether the fields are at the top of the object (Secret, ConfigMap) rather than under `spec`.
    const FLAT: bool;
    /// Whether no value of the object may be shown, not even in an error.
    const SENSITIVE: bool = false;

    /// The kind.
    fn kind() -> &'static Kind;

    /// This object among all.
    fn wrap(object: Arc<Object<Self>>) -> Resource;
}

/// The status of kinds that have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoStatus {}

/// An object in its typed form.
#[derive(Clone, Debug, PartialEq)]
pub struct Object<T: Spec> {
    /// Name, namespace, labels and the like.
    pub meta: Meta,
    /// What the user asks for; for kinds without `spec`, the fields at the top of the object.
    pub spec: T,
    /// What is reported about it.
    pub status: T::Status,
    /// Where it was written, when it comes from a file.
    pub source: Option<Source>,
}

impl<T: Spec> Object<T> {
    /// The reference to this object.
    pub fn object_ref(&self) -> ObjectRef {
        self.meta.object_ref(T::kind())
    }
}

macro_rules! resources {
    ($($kind:ident),+ $(,)?) => {
        /// An object of any kind in its typed form.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Resource {
            $(
                #[doc = concat!("A ", stringify!($kind), ".")]
                $kind(Arc<Object<$kind>>),
            )+
        }

        impl Resource {
            /// The kind.
            pub fn kind(&self) -> &'static Kind {
                match self {
                    $(Resource::$kind(_) => $kind::kind(),)+
                }
            }

            /// Name, namespace, labels and the like.
            pub fn meta(&self) -> &Meta {
                match self {
                    $(Resource::$kind(object) => &object.meta,)+
                }
            }

            /// Where the object was written, when it comes from a file.
            pub fn source(&self) -> Option<&Source> {
                match self {
                    $(Resource::$kind(object) => object.source.as_ref(),)+
                }
            }

            /// This object with the place where it was written.
            pub fn with_source(self, source: Source) -> Self {
                match self {
                    $(Resource::$kind(object) => {
                        let mut object = Arc::unwrap_or_clone(object);
                        object.source = Some(source);
                        Resource::$kind(Arc::new(object))
                    })+
                }
            }
        }
    };
}

resources!(
    Gateway,
    VirtualService,
    DestinationRule,
    ServiceEntry,
    WorkloadEntry,
    Sidecar,
    PeerAuthentication,
    AuthorizationPolicy,
    Namespace,
    Service,
    Endpoints,
    EndpointSlice,
    Secret,
    ConfigMap,
    Pod,
    ServiceAccount,
    Telemetry,
    Ingress,
    IngressClass,
    GatewayClass,
    KubernetesGateway,
    ListenerSet,
    HttpRoute,
    GrpcRoute,
    TlsRoute,
    TcpRoute,
    UdpRoute,
    ReferenceGrant,
    BackendTlsPolicy,
    XBackend,
    XBackendTrafficPolicy,
    XMesh,
    EnvoyProxy,
    SecurityPolicy,
    BackendTrafficPolicy,
    ClientTrafficPolicy,
    EnvoyExtensionPolicy,
    EnvoyPatchPolicy,
    EnvoyBackend,
    ExtensionHttpRouteFilter,
);

impl Resource {
    /// The reference to this object.
    pub fn object_ref(&self) -> ObjectRef {
        self.meta().object_ref(self.kind())
    }
}

/// The typed form of a valid object.
///
/// # Errors
/// When the object does not have the shape of its kind; [`crate::validate()`] finds the same and more, with the path of
/// every mistake.
pub fn decode(kind: &'static Kind, object: &Value) -> Result<Resource, Vec<FieldError>> {
    if converted::of_object(kind, object).is_some() {
        let mut object = object.clone();
        converted::convert(kind, &mut object, kind.versions[0]);
        return (kind.decode)(&object);
    }
    (kind.decode)(object)
}

/// The typed form of an object of one kind.
///
/// # Errors
/// As [`decode`].
pub fn decode_object<T: Spec>(object: &Value) -> Result<Object<T>, Vec<FieldError>> {
    let present = value::without_nulls(object);
    let object = present.as_ref().unwrap_or(object);
    let meta = Meta::of(T::kind(), object)?;
    let empty = Value::Object(serde_json::Map::new());
    let spec =
        if T::FLAT { part::<T, _>(object, "") } else { part::<T, _>(object.get("spec").unwrap_or(&empty), "spec") }?;
    let status = match object.get("status") {
        Some(status) => part::<T, _>(status, "status")?,
        None => T::Status::default(),
    };
    Ok(Object { meta, spec, status, source: None })
}

fn part<T: Spec, P: DeserializeOwned>(value: &Value, path: &str) -> Result<P, Vec<FieldError>> {
    P::deserialize(value).map_err(|error| {
        let detail =
            if T::SENSITIVE { format!("does not have the shape of a {}", T::kind()) } else { error.to_string() };
        vec![FieldError::invalid_hidden(path, detail)]
    })
}

pub(crate) fn decode_as<T: Spec>(object: &Value) -> Result<Resource, Vec<FieldError>> {
    decode_object::<T>(object).map(|object| T::wrap(Arc::new(object)))
}

/// Labels or annotations.
pub type StringMap = BTreeMap<String, String>;
