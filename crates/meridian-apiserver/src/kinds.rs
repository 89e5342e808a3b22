//! Kubernetes' own kinds that Meridian does not act on: stored, checked by their structure, shown and explained.
//!
//! Tutorials apply them along with routes. Who creates one is warned that nothing here does what it asks for.

mod access;
mod cells;
mod cluster;
pub(crate) mod defaults;
mod enums;
mod lists;
pub(crate) mod native;
mod policy;
mod reviews;
pub(crate) mod rules;
mod status;
mod storage;
mod workloads;

use meridian_resources::{Column, NameRule};
use meridian_store::GroupResource;
use serde_json::Value;

use crate::resource::{ApiResource, Conversion, Layout};
use crate::reviews::Question;

pub(crate) use status::{observed, warning};

/// The description of one such kind.
struct Stored {
    group: &'static str,
    versions: &'static [&'static str],
    kind: &'static str,
    list_kind: &'static str,
    plural: &'static str,
    singular: &'static str,
    short_names: &'static [&'static str],
    categories: &'static [&'static str],
    namespaced: bool,
    /// Whether `status` is written apart, and what it is at first.
    status: Option<fn() -> Value>,
    columns: &'static [Column],
    layout: Layout,
    name: NameRule,
    /// What does not happen here, and what to do instead.
    idle: Option<&'static str>,
    scale: bool,
    /// Versions of another form than the preferred one.
    conversions: &'static [Conversion],
    /// Where its objects are, if not in a collection of their own.
    stored_as: Option<(&'static str, &'static str)>,
}

/// What most kinds have.
const USUAL: Stored = Stored {
    group: "",
    versions: &["v1"],
    kind: "",
    list_kind: "",
    plural: "",
    singular: "",
    short_names: &[],
    categories: &[],
    namespaced: true,
    status: None,
    columns: &[],
    layout: Layout::Usual,
    name: NameRule::Subdomain,
    idle: None,
    scale: false,
    conversions: &[],
    stored_as: None,
};

impl Stored {
    fn resource(&'static self) -> ApiResource {
        let (group, plural) = self.stored_as.unwrap_or((self.group, self.plural));
        ApiResource {
            group: self.group,
            versions: self.versions,
            kind: self.kind,
            list_kind: self.list_kind,
            plural: self.plural,
            singular: self.singular,
            short_names: self.short_names,
            categories: self.categories,
            namespaced: self.namespaced,
            status_subresource: self.status.is_some(),
            columns: self.columns,
            layout: self.layout,
            typed: None,
            name: self.name,
            first_status: self.status,
            idle: self.idle,
            scale: self.scale,
            conversions: self.conversions,
            collection: GroupResource::new(group, plural),
        }
    }
}

/// The kinds of reviews, which are never stored, with what they ask.
pub(crate) fn reviews() -> impl Iterator<Item = (ApiResource, Question)> {
    reviews::KINDS.iter().map(|(described, question)| (described.resource(), *question))
}

/// All that are stored.
pub(crate) fn all() -> impl Iterator<Item = ApiResource> {
    let parts = [access::KINDS, cluster::KINDS, policy::KINDS, storage::KINDS, workloads::KINDS];
    parts.into_iter().flatten().map(Stored::resource)
}
