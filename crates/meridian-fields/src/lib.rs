//! Who set which field of an object, and how what several managers want is merged: the pure part of Kubernetes'
//! server-side apply.
//!
//! It works on JSON trees and on types that are compiled from OpenAPI schemas. A [`Set`] holds paths of fields; a
//! [`Type`] says how a value splits into fields; [`compare`], [`merge`] and [`remove`] walk values by their type; and
//! [`Managed`] is `metadata.managedFields`, which [`update`] and [`apply`] bring up to date.

#![forbid(unsafe_code)]

mod apply;
mod compare;
mod element;
mod item;
mod last_applied;
mod managed;
mod merge;
mod number;
mod reconcile;
mod remove;
mod schema;
mod set;
mod tidy;
mod validate;
mod wire;

pub use apply::{Applied, ApplyError, Conflict, Objects, Request, apply, update};
pub use compare::{Comparison, compare};
pub use element::{Element, PathText};
pub use item::fields_of;
pub use managed::{Entry, Managed, Manager, Operation};
pub use merge::merge;
pub use remove::remove;
pub use schema::{Field, ItemsBy, ListType, MapType, Scalar, Type, TypeRef};
pub use set::Set;
pub use tidy::drop_empty;
pub use validate::{Duplicates, validate};
