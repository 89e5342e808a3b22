//! The user's objects: Istio's and Kubernetes' kinds with their types, schemas, strict parsing with source positions,
//! and validation.
//!
//! Each kind is one file with a static [`Kind`], the type of its specification, and its rules. Everything else derives
//! from these: the schema that the API serves, the columns of `kubectl get`, the checks, and the parsing of files.

#![forbid(unsafe_code)]

mod base64;
pub mod core;
pub mod crd;
pub mod duration;
pub mod envoy_gateway;
pub mod error;
pub mod gateway_api;
pub mod int_or_string;
pub mod istio;
pub mod kind;
pub mod meta;
pub mod networking;
pub mod object;
mod rules;
mod schema;
pub mod structure;
mod suggest;
pub mod text_map;
pub mod validate;
mod value;
pub mod webhook;
pub mod yaml;

pub use duration::Duration;
pub use error::{Diagnostic, FieldError, FieldErrorKind, Origin, Wording};
pub use int_or_string::IntOrString;
pub use kind::{Column, Kind, Nulls, all, by_api_version_kind, by_group_kind, by_plural};
pub use meta::Meta;
pub use object::{Object, ObjectRef, Resource, Source, Spec, StringMap, decode, decode_object};
pub use structure::{NameRule, Structure};
pub use text_map::TextMap;
pub use validate::{apply_defaults, drop_nulls, judge, prune, unknown_fields, validate, warnings};
pub use webhook::{Denial, denial, of_server};
