//! What an admin endpoint answers: `/config_dump` or `/clusters?format=json`.

use super::json::{items, text};
use anyhow::{Context, bail};
use meridian_xds::field_names::to_json_names;
use serde_json::{Value, json};

/// An answer, with the names of protobuf's JSON mapping.
#[derive(Debug, Clone)]
pub(crate) struct Dump(Value);

impl Dump {
    /// Reads an answer; `origin` is where it is from, for messages.
    ///
    /// # Errors
    /// It is not JSON, or JSON of something else.
    pub(crate) fn parse(answer: &str, origin: &str) -> anyhow::Result<Self> {
        let value: Value = serde_json::from_str(answer).with_context(|| {
            format!(
                "{origin} is not the configuration of a proxy; get one with \
                 `curl -s 127.0.0.1:15000/config_dump?include_eds`"
            )
        })?;
        let value = to_json_names(value);
        if value.get("configs").is_none() && value.get("clusterStatuses").is_none() {
            bail!(
                "{origin} has neither \"configs\" nor \"cluster_statuses\", so it is not the configuration of a \
                 proxy; get one with `curl -s 127.0.0.1:15000/config_dump?include_eds`"
            );
        }
        Ok(Self(value))
    }

    /// A section of a config dump, such as `Clusters`.
    pub(crate) fn section(&self, kind: &str) -> Option<&Value> {
        let kind = format!(".{kind}ConfigDump");
        items(&self.0, "/configs").find(|section| text(section, "/@type").ends_with(&kind))
    }

    /// The resources of a section: what `pointer` finds in the items of its lists.
    fn resources(&self, kind: &str, lists: [(&str, &str); 2]) -> Vec<&Value> {
        let Some(section) = self.section(kind) else { return Vec::new() };
        let of_list = |(list, pointer)| items(section, list).filter_map(move |item| item.pointer(pointer));
        lists.into_iter().flat_map(of_list).collect()
    }

    /// All clusters.
    pub(crate) fn clusters(&self) -> Vec<&Value> {
        self.resources("Clusters", [("/dynamicActiveClusters", "/cluster"), ("/staticClusters", "/cluster")])
    }

    /// All listeners that are active.
    pub(crate) fn listeners(&self) -> Vec<&Value> {
        let lists = [("/dynamicListeners", "/activeState/listener"), ("/staticListeners", "/listener")];
        self.resources("Listeners", lists)
    }

    /// All route configurations.
    pub(crate) fn routes(&self) -> Vec<&Value> {
        self.resources("Routes", [("/dynamicRouteConfigs", "/routeConfig"), ("/staticRouteConfigs", "/routeConfig")])
    }

    /// The endpoints of all clusters, as they are configured.
    pub(crate) fn load_assignments(&self) -> Vec<&Value> {
        let lists = [("/dynamicEndpointConfigs", "/endpointConfig"), ("/staticEndpointConfigs", "/endpointConfig")];
        self.resources("Endpoints", lists)
    }

    /// The endpoints of all clusters, as they are in use; `None` in a config dump, which does not tell.
    pub(crate) fn cluster_statuses(&self) -> Option<Vec<&Value>> {
        self.0.get("clusterStatuses")?;
        Some(items(&self.0, "/clusterStatuses").collect())
    }
}

/// Resources as a list of messages, without the type that each has in a dump.
pub(crate) fn messages<'v>(resources: impl IntoIterator<Item = &'v Value>) -> Value {
    let plain = resources.into_iter().map(|resource| {
        let mut resource = resource.clone();
        if let Value::Object(fields) = &mut resource {
            fields.remove("@type");
        }
        resource
    });
    json!(plain.collect::<Vec<_>>())
}
