//! Which workload a pod belongs to.

use crate::pod;
use serde_json::Value;

/// The object that pods are made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workload {
    /// Its `apiVersion`, such as `apps/v1`.
    pub api_version: String,
    /// Its kind, such as `Deployment`.
    pub kind: String,
    /// Its name; empty where it is not known.
    pub name: String,
    /// Its namespace; empty where it is not known.
    pub namespace: String,
}

impl Workload {
    /// The workload of a pod that is being made, by its controller's name: a ReplicaSet's Deployment and a Job's CronJob
    /// are known by how they name what they make.
    #[must_use]
    pub fn of_pod(object: &Value, namespace: &str) -> Self {
        let own = pod::text(object, "/metadata/name");
        let mut workload = Self {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            name: own.to_owned(),
            namespace: namespace.to_owned(),
        };
        if pod::text(object, "/metadata/generateName").is_empty() {
            return workload;
        }
        let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten();
        let controls = |owner: &&Value| owner.get("controller").and_then(Value::as_bool) == Some(true);
        let Some(owner) = owners.into_iter().find(controls) else { return workload };
        let (kind, name) = (pod::text(owner, "/kind"), pod::text(owner, "/name"));
        (workload.api_version, workload.kind) = (pod::text(owner, "/apiVersion").to_owned(), kind.to_owned());
        workload.name = name.to_owned();
        let stem = |hash: &str| {
            let hash = pod::label(object, hash).filter(|hash| !hash.is_empty())?;
            name.strip_suffix(hash)?.strip_suffix('-').map(str::to_owned)
        };
        match kind {
            "ReplicaSet" => {
                if let Some(stem) = stem("pod-template-hash") {
                    (workload.kind, workload.name) = ("Deployment".to_owned(), stem);
                }
            }
            "Job" => {
                if let Some(stem) = cron_job(name) {
                    (workload.kind, workload.name) = ("CronJob".to_owned(), stem.to_owned());
                }
            }
            _ => {}
        }
        workload
    }

    /// As node metadata names it: `kubernetes://apis/apps/v1/namespaces/default/deployments/web`.
    pub(crate) fn owner(&self) -> Option<String> {
        if self.api_version.is_empty() || self.name.is_empty() {
            return None;
        }
        let namespace = if self.namespace.is_empty() { "default" } else { &self.namespace };
        let (version, kind) = (&self.api_version, self.kind.to_lowercase());
        Some(format!("kubernetes://apis/{version}/namespaces/{namespace}/{kind}s/{}", self.name))
    }
}

/// The CronJob of a Job that is named `NAME-` and 8 to 10 digits.
fn cron_job(name: &str) -> Option<&str> {
    let (stem, digits) = name.rsplit_once('-')?;
    let is_time = (8..=10).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_time && !stem.is_empty()).then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_workload_is_found_behind_its_controller() {
        for (kind, name, labels, expected) in [
            ("ReplicaSet", "web-5d9f", json!({"pod-template-hash": "5d9f"}), "apps/v1 Deployment web"),
            ("ReplicaSet", "web-5d9f", json!({}), "apps/v1 ReplicaSet web-5d9f"),
            ("ReplicaSet", "5d9f", json!({"pod-template-hash": "5d9f"}), "apps/v1 ReplicaSet 5d9f"),
            ("Job", "night-28000000", json!({}), "apps/v1 CronJob night"),
            ("Job", "night-280", json!({}), "apps/v1 Job night-280"),
            ("StatefulSet", "db", json!({}), "apps/v1 StatefulSet db"),
        ] {
            let object = json!({"metadata": {
                "generateName": "x-", "labels": labels,
                "ownerReferences": [{"kind": "Other", "name": "other"},
                    {"apiVersion": "apps/v1", "kind": kind, "name": name, "controller": true}],
            }});
            let found = Workload::of_pod(&object, "ns");
            assert_eq!(format!("{} {} {}", found.api_version, found.kind, found.name), expected);
        }
        let own = Workload::of_pod(&json!({"metadata": {"name": "a"}}), "");
        assert_eq!(own.owner().as_deref(), Some("kubernetes://apis/v1/namespaces/default/pods/a"));
        assert_eq!(Workload::default().owner(), None);
    }
}
