//! What the API serves: the kinds of `meridian-resources`, and Kubernetes' own that are only stored.

use std::sync::OnceLock;

use meridian_resources::{Column, Kind, NameRule};
use meridian_store::GroupResource;
use serde_json::Value;

use crate::kinds::native::{self, Native};
use crate::reviews;

/// What stands in the columns of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// NAME, its own columns, AGE.
    Usual,
    /// Its own columns only.
    Own,
}

/// A version whose objects have another form than those that are stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conversion {
    /// The version.
    pub version: &'static str,
    /// Rewrites an object of this version to the stored form.
    pub to_stored: fn(&mut Value),
    /// Rewrites a stored object to this version.
    pub from_stored: fn(&mut Value),
}

/// One served resource in all its versions.
#[derive(Debug)]
pub struct ApiResource {
    /// The group; `""` is core.
    pub group: &'static str,
    /// The versions, preferred first. All share one schema and one stored form.
    pub versions: &'static [&'static str],
    /// The kind of its objects.
    pub kind: &'static str,
    /// The kind of its lists.
    pub list_kind: &'static str,
    /// Its name in URLs.
    pub plural: &'static str,
    /// Its name for one.
    pub singular: &'static str,
    /// Other names for `kubectl`.
    pub short_names: &'static [&'static str],
    /// Families such as `all`.
    pub categories: &'static [&'static str],
    /// Whether its objects belong to namespaces.
    pub namespaced: bool,
    /// Whether `status` is written apart from the rest.
    pub status_subresource: bool,
    /// Columns beside NAME and AGE.
    pub columns: &'static [Column],
    /// How the columns are placed.
    pub(crate) layout: Layout,
    /// The kind whose schema and rules its objects obey; without one, they obey the structure that Kubernetes gives them.
    pub typed: Option<&'static Kind>,
    /// What names look like, for resources that are not [`ApiResource::typed`].
    pub(crate) name: NameRule,
    /// The status of a new object; `None` where it is the client's, or the kind's own affair.
    pub(crate) first_status: Option<fn() -> Value>,
    /// What a client is told that creates one and may expect that something happens.
    pub(crate) idle: Option<&'static str>,
    /// Whether it has the subresource `scale`.
    pub(crate) scale: bool,
    /// Versions of another form, for resources that are not [`ApiResource::typed`].
    pub(crate) conversions: &'static [Conversion],
    /// Where its objects are stored.
    pub collection: GroupResource,
}

impl ApiResource {
    fn of(kind: &'static Kind) -> ApiResource {
        ApiResource {
            group: kind.group,
            versions: kind.versions,
            kind: kind.kind,
            list_kind: kind.list_kind,
            plural: kind.plural,
            singular: kind.singular,
            short_names: kind.short_names,
            categories: kind.categories,
            namespaced: kind.namespaced,
            status_subresource: kind.status_subresource,
            columns: kind.columns,
            layout: Layout::Usual,
            typed: Some(kind),
            name: NameRule::Subdomain,
            first_status: None,
            idle: None,
            scale: false,
            conversions: &[],
            collection: GroupResource::of(kind),
        }
    }

    /// `apiVersion` of its objects in `version`: `networking.istio.io/v1`, or `v1` in the core group.
    pub fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    /// `VirtualService.networking.istio.io`; the kind alone in the core group.
    pub fn qualified_kind(&self) -> String {
        if self.group.is_empty() { self.kind.to_owned() } else { format!("{}.{}", self.kind, self.group) }
    }

    /// Whether Kubernetes has this kind itself. Its own kinds know strategic merge patches and updates without a
    /// `resourceVersion`; kinds that come from custom resource definitions do not.
    pub fn built_in(&self) -> bool {
        const CUSTOM: &[&str] = &["gateway.networking.k8s.io"];
        !self.group.contains('.') || (self.group.ends_with(".k8s.io") && !CUSTOM.contains(&self.group))
    }

    /// Kubernetes' own description of its objects in `version`, where Kubernetes has this kind itself.
    pub(crate) fn native(&self, version: &str) -> Option<&'static Native> {
        native::find(self.group, version, self.kind)
    }

    /// Whether replacing what is not there creates it (`AllowCreateOnUpdate`).
    pub(crate) fn is_created_by_update(&self) -> bool {
        let plurals: &[&str] = match self.group {
            "" => &["endpoints", "events", "limitranges", "services"],
            "events.k8s.io" => &["events"],
            "coordination.k8s.io" => &["leases"],
            "rbac.authorization.k8s.io" => return true,
            _ => &[],
        };
        plurals.contains(&self.plural)
    }

    /// Whether this is the collection of service accounts, for which tokens can be asked for.
    pub fn is_service_accounts(&self) -> bool {
        self.group.is_empty() && self.plural == "serviceaccounts"
    }

    /// Whether this is the collection of secrets, of which nothing is told.
    pub fn is_secrets(&self) -> bool {
        self.group.is_empty() && self.plural == "secrets"
    }

    /// Whether this is the collection of namespaces.
    pub fn is_namespaces(&self) -> bool {
        self.group.is_empty() && self.plural == "namespaces"
    }
}

impl PartialEq for ApiResource {
    fn eq(&self, other: &ApiResource) -> bool {
        self.collection == other.collection
    }
}

/// Every served resource, in the order of discovery.
pub(crate) fn all() -> &'static [ApiResource] {
    static ALL: OnceLock<Vec<ApiResource>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut all: Vec<ApiResource> = meridian_resources::all().iter().map(|kind| ApiResource::of(kind)).collect();
        all.extend(crate::kinds::all());
        all.sort_by_key(|resource| (place(resource.group), resource.group, resource.plural));
        all
    })
}

/// The order of groups in discovery. `kubectl` takes the first group that knows a name: `kubectl get gateway` means
/// Istio's Gateway, whose documents call it that, and `events` those of the core group. Others follow by name.
const ORDER: [&str; 19] = [
    "",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "networking.istio.io",
    "security.istio.io",
    "telemetry.istio.io",
];

fn place(group: &str) -> usize {
    ORDER.iter().position(|known| *known == group).unwrap_or(ORDER.len())
}

/// The resource of a group by its name in URLs.
pub(crate) fn by_plural(group: &str, plural: &str) -> Option<&'static ApiResource> {
    all().iter().find(|resource| resource.group == group && resource.plural == plural)
}

/// The resource of a kind of `meridian-resources`.
pub(crate) fn of_kind(kind: &Kind) -> Option<&'static ApiResource> {
    by_plural(kind.group, kind.plural)
}

/// The groups with their versions, preferred first, in the order of discovery; the core group is the first.
pub(crate) fn groups() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut groups: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
    let resources = all().iter().chain(reviews::resources());
    for (group, version) in
        resources.flat_map(|resource| resource.versions.iter().map(|version| (resource.group, *version)))
    {
        let at = groups.iter().position(|(known, _)| *known == group).unwrap_or_else(|| {
            groups.push((group, Vec::new()));
            groups.len() - 1
        });
        if !groups[at].1.contains(&version) {
            groups[at].1.push(version);
        }
    }
    groups.sort_by_key(|(group, _)| (place(group), *group));
    groups
}

/// The resources of a group that are served in `version`.
pub(crate) fn of_version<'a>(group: &'a str, version: &'a str) -> impl Iterator<Item = &'static ApiResource> + 'a {
    all().iter().filter(move |resource| resource.group == group && resource.versions.contains(&version))
}
