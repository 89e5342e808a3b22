//! What the API serves: the kinds of `meridian-resources`, and a few that only the API itself needs.

use std::sync::OnceLock;

use meridian_resources::{Column, Kind};
use meridian_store::GroupResource;
use serde_json::Value;

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
    /// The kind whose schema and rules its objects obey; without one, any object with metadata is accepted.
    pub typed: Option<&'static Kind>,
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
            typed: Some(kind),
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

    /// Whether this is the collection of service accounts, for which tokens can be asked for.
    pub fn is_service_accounts(&self) -> bool {
        self.group.is_empty() && self.plural == "serviceaccounts"
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
        all.push(events());
        all.sort_by_key(|resource| (resource.group, resource.plural));
        all
    })
}

/// The resource of a group by its name in URLs.
pub(crate) fn by_plural(group: &str, plural: &str) -> Option<&'static ApiResource> {
    all().iter().find(|resource| resource.group == group && resource.plural == plural)
}

/// The resource of a kind of `meridian-resources`.
pub(crate) fn of_kind(kind: &Kind) -> Option<&'static ApiResource> {
    by_plural(kind.group, kind.plural)
}

/// The groups with their versions, preferred first; the core group is the first.
pub(crate) fn groups() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut groups: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
    for resource in all() {
        let at = groups.iter().position(|(group, _)| *group == resource.group).unwrap_or_else(|| {
            groups.push((resource.group, Vec::new()));
            groups.len() - 1
        });
        for version in resource.versions {
            if !groups[at].1.contains(version) {
                groups[at].1.push(version);
            }
        }
    }
    groups
}

/// The resources of a group that are served in `version`.
pub(crate) fn of_version<'a>(group: &'a str, version: &'a str) -> impl Iterator<Item = &'static ApiResource> + 'a {
    all().iter().filter(move |resource| resource.group == group && resource.versions.contains(&version))
}

/// Events, which `kubectl describe` asks for.
fn events() -> ApiResource {
    ApiResource {
        group: "",
        versions: &["v1"],
        kind: "Event",
        list_kind: "EventList",
        plural: "events",
        singular: "event",
        short_names: &["ev"],
        categories: &[],
        namespaced: true,
        status_subresource: false,
        columns: EVENT_COLUMNS,
        typed: None,
        collection: GroupResource::new("", "events"),
    }
}

const EVENT_COLUMNS: &[Column] = &[
    Column::string("Type", "Normal or Warning", |event| text(event, "/type")),
    Column::string("Reason", "Why it happened, in one word", |event| text(event, "/reason")),
    Column::string("Object", "What it is about", |event| {
        let part = |field| event.pointer(field).and_then(Value::as_str).unwrap_or_default();
        format!("{}/{}", part("/involvedObject/kind").to_lowercase(), part("/involvedObject/name")).into()
    }),
    Column::string("Message", "What happened", |event| text(event, "/message")),
];

fn text(object: &Value, pointer: &str) -> Value {
    object.pointer(pointer).cloned().unwrap_or(Value::Null)
}
