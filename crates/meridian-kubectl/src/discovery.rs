//! What kinds an API has, and what their names are.

use crate::api::{Api, JSON, Target, segment};
use crate::error::{Error, Result, object as object_error};
use serde_json::Value;

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                          application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// A kind as the API serves it in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    /// The name in paths, such as `virtualservices`.
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    pub(crate) verbs: Vec<String>,
    /// Such as `status`.
    pub(crate) subresources: Vec<String>,
}

impl Resource {
    /// `group/version`, or the version alone for the core group.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `virtualservices.networking.istio.io`
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `virtualservice.networking.istio.io`, which kubectl writes before names.
    pub(crate) fn prefix(&self) -> String {
        prefix(&self.group, &self.kind)
    }

    /// The path of all objects, of those in a namespace, or of one.
    pub(crate) fn target(&self, namespace: Option<&str>, name: Option<&str>) -> Target {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        let mut path = format!("{root}/{}", self.api_version());
        if let Some(namespace) = namespace.filter(|_| self.namespaced) {
            path.push_str(&format!("/namespaces/{}", segment(namespace)));
        }
        path.push('/');
        path.push_str(&self.plural);
        if let Some(name) = name {
            path.push('/');
            path.push_str(&segment(name));
        }
        Target::new(path)
    }

    /// Whether the resource can do this.
    pub(crate) fn can(&self, verb: &str) -> bool {
        self.verbs.iter().any(|known| known == verb)
    }

    fn is_called(&self, name: &str) -> bool {
        self.plural == name || self.singular == name || self.kind.to_lowercase() == name
    }
}

/// `virtualservice.networking.istio.io`
pub(crate) fn prefix(group: &str, kind: &str) -> String {
    let kind = kind.to_lowercase();
    if group.is_empty() { kind } else { format!("{kind}.{group}") }
}

/// All kinds of an API, in its own order, preferred versions first.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    resources: Vec<Resource>,
}

impl Discovery {
    /// Asks the API.
    pub(crate) async fn read(api: &mut Api) -> Result<Self> {
        let mut resources = Vec::new();
        for root in ["/api", "/apis"] {
            let document = api.get(&Target::new(root), AGGREGATED).await?;
            if document["kind"] == "APIGroupDiscoveryList" {
                aggregated(&document, &mut resources);
            } else {
                legacy(api, root, &document, &mut resources).await?;
            }
        }
        Ok(Self { resources })
    }

    /// All kinds.
    pub(crate) fn all(&self) -> &[Resource] {
        &self.resources
    }

    /// The kind of an object.
    pub(crate) fn of_kind(&self, api_version: &str, kind: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.kind == kind && resource.api_version() == api_version)
    }

    /// The kind that a user means: `vs`, `virtualservice`, `VirtualServices`, `gateways.networking.istio.io`,
    /// `gateways.v1.networking.istio.io`.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn find(&self, name: &str) -> Result<&Resource> {
        let lower = name.to_lowercase();
        let (first, rest) = lower.split_once('.').unwrap_or((&lower, ""));
        let in_group = |resource: &&Resource| {
            rest.is_empty()
                || resource.group == rest
                || rest.split_once('.').map_or(rest == resource.version, |(version, group)| {
                    version == resource.version && group == resource.group
                })
        };
        let called = |name: &str| self.resources.iter().filter(in_group).find(|resource| resource.is_called(name));
        let short = || {
            self.resources
                .iter()
                .filter(in_group)
                .find(|resource| resource.short_names.iter().any(|short| short == first))
        };
        called(first)
            .or_else(|| self.resources.iter().find(|resource| resource.is_called(&lower)))
            .or_else(short)
            .ok_or_else(|| Error::Message(format!("the server doesn't have a resource type {name:?}")))
    }

    /// As [`Discovery::find`], in the words of kubectl's commands that need the kind and no objects.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn find_kind(&self, name: &str) -> Result<&Resource> {
        self.find(name).map_err(|error| match error {
            Error::Message(text) => Error::Text(text),
            other => other,
        })
    }

    /// All kinds with this name or short name, whatever their groups, in the API's order.
    pub(crate) fn called(&self, name: &str) -> impl Iterator<Item = &Resource> {
        let lower = name.to_lowercase();
        self.resources
            .iter()
            .filter(move |resource| resource.is_called(&lower) || resource.short_names.contains(&lower))
    }

    /// The kinds that a word of `get` and `delete` means: one, or those of a category such as `all`.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn find_all(&self, name: &str) -> Result<Vec<&Resource>> {
        let mut of_category: Vec<&Resource> = Vec::new();
        for resource in &self.resources {
            let known = of_category.iter().any(|other| other.qualified() == resource.qualified());
            if !known && resource.categories.iter().any(|category| category == name) {
                of_category.push(resource);
            }
        }
        if of_category.is_empty() { self.find(name).map(|found| vec![found]) } else { Ok(of_category) }
    }

    /// The kind of an object in a file.
    ///
    /// # Errors
    /// The object does not say what it is, or the API does not have that.
    pub(crate) fn of_object(&self, object: &Value, source: &str) -> Result<&Resource> {
        let text = |pointer: &str| crate::json::text(object, pointer);
        let (api_version, kind) = (text("/apiVersion"), text("/kind"));
        for (field, found) in [("apiVersion", api_version), ("kind", kind)] {
            if found.is_empty() {
                return object_error(format!("error validating {source:?}: {field} not set"));
            }
        }
        self.of_kind(api_version, kind).ok_or_else(|| {
            Error::Object(format!(
                "resource mapping not found for name: {:?} namespace: {:?} from {source:?}: no matches for kind \
                 {kind:?} in version {api_version:?}\nensure CRDs are installed first",
                text("/metadata/name"),
                text("/metadata/namespace"),
            ))
        })
    }
}

fn aggregated(document: &Value, resources: &mut Vec<Resource>) {
    for group in items(document, "items") {
        let name = crate::json::text(group, "/metadata/name");
        for version in items(group, "versions") {
            for resource in items(version, "resources") {
                resources.push(Resource {
                    group: name.to_owned(),
                    version: string(version, "version"),
                    kind: crate::json::text(resource, "/responseKind/kind").to_owned(),
                    plural: string(resource, "resource"),
                    singular: string(resource, "singularResource"),
                    short_names: strings(resource, "shortNames"),
                    categories: strings(resource, "categories"),
                    namespaced: resource["scope"] == "Namespaced",
                    verbs: strings(resource, "verbs"),
                    subresources: items(resource, "subresources").map(|sub| string(sub, "subresource")).collect(),
                });
            }
        }
    }
}

/// Older servers: a document for each version of each group.
async fn legacy(api: &mut Api, root: &str, document: &Value, resources: &mut Vec<Resource>) -> Result<()> {
    let mut versions: Vec<(String, String)> = Vec::new();
    versions.extend(strings(document, "versions").into_iter().map(|version| (String::new(), version)));
    for group in items(document, "groups") {
        let preferred = crate::json::text(group, "/preferredVersion/version");
        let mut names: Vec<String> = items(group, "versions").map(|version| string(version, "version")).collect();
        names.sort_by_key(|name| name != preferred);
        versions.extend(names.into_iter().map(|version| (string(group, "name"), version)));
    }
    for (group, version) in versions {
        let path = if group.is_empty() { format!("{root}/{version}") } else { format!("{root}/{group}/{version}") };
        let list = api.get(&Target::new(path), JSON).await?;
        let first = resources.len();
        for resource in items(&list, "resources") {
            let name = string(resource, "name");
            if let Some((plural, subresource)) = name.split_once('/') {
                let of = resources[first..].iter_mut().find(|resource| resource.plural == plural);
                of.into_iter().for_each(|resource| resource.subresources.push(subresource.to_owned()));
                continue;
            }
            resources.push(Resource {
                group: group.clone(),
                version: version.clone(),
                kind: string(resource, "kind"),
                plural: name,
                singular: string(resource, "singularName"),
                short_names: strings(resource, "shortNames"),
                categories: strings(resource, "categories"),
                namespaced: resource["namespaced"] == true,
                verbs: strings(resource, "verbs"),
                subresources: Vec::new(),
            });
        }
    }
    Ok(())
}

fn items<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn string(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn strings(value: &Value, name: &str) -> Vec<String> {
    items(value, name).filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn discovery() -> Discovery {
        let resource = |plural: &str, kind: &str, short: &str| {
            json!({"resource": plural, "responseKind": {"kind": kind}, "scope": "Namespaced", "shortNames": [short],
                "singularResource": kind.to_lowercase(), "categories": ["some"], "verbs": ["get"]})
        };
        let group = |name: &str, versions: &[&str], resource: &Value| {
            let versions: Vec<Value> =
                versions.iter().map(|version| json!({"version": version, "resources": [resource]})).collect();
            json!({"metadata": {"name": name}, "versions": versions})
        };
        let document = json!({"items": [
            group("networking.istio.io", &["v1", "v1beta1"], &resource("gateways", "Gateway", "gw")),
            group("gateway.networking.k8s.io", &["v1"], &resource("gateways", "Gateway", "gtw")),
        ]});
        let mut resources = Vec::new();
        aggregated(&document, &mut resources);
        Discovery { resources }
    }

    #[test]
    fn a_kind_has_many_names() {
        let discovery = discovery();
        let found = |name: &str| discovery.find(name).map(|found| (found.group.clone(), found.version.clone())).ok();
        let of = |group: &str, version: &str| Some((group.to_owned(), version.to_owned()));
        for name in ["gw", "gateway", "Gateways", "gateways.networking.istio.io", "gateway.v1.networking.istio.io"] {
            assert_eq!(found(name), of("networking.istio.io", "v1"), "{name}");
        }
        assert_eq!(found("gateways.v1beta1.networking.istio.io"), of("networking.istio.io", "v1beta1"));
        assert_eq!(found("gtw"), of("gateway.networking.k8s.io", "v1"));
        assert_eq!(found("gateways.gateway.networking.k8s.io"), of("gateway.networking.k8s.io", "v1"));
        assert_eq!(found("nothing"), None);
        assert_eq!(discovery.find_all("some").unwrap().len(), 2);
    }
}
