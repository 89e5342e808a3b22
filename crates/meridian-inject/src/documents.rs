//! `kube-inject`: a text of many documents, of which those with pods are injected and the others stay as they are.

use crate::decide::{Decision, Skip, decide};
use crate::workload::Workload;
use crate::{InjectError, Request, Settings, inject, pod};
use meridian_resources::yaml;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// A text that cannot be injected.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is no YAML.
    #[error("{0}")]
    Yaml(String),
    /// Something of a pod is wrong.
    #[error("{file}: {object}: {error}")]
    Pod {
        /// The file.
        file: String,
        /// The object with the pod.
        object: String,
        /// What is wrong.
        error: InjectError,
    },
}

/// What a text became.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// The text, each document ended by `---`.
    pub text: String,
    /// Why objects stayed as they are, and what has no effect, a line each.
    pub warnings: Vec<String>,
}

/// Injects the objects of a text that have pods: Pods, what makes them, and Lists of both. Every other document stays as
/// it is, byte for byte.
///
/// # Errors
/// The first document that is no YAML, or whose pod is wrong.
pub fn inject_text(text: &str, file: &str, settings: &Settings) -> Result<Output, DocumentError> {
    let mut output = Output::default();
    for document in yaml::documents(text, file) {
        let value = document.value.map_err(|diagnostic| DocumentError::Yaml(diagnostic.to_string()))?;
        let Some(mut value) = value else { continue };
        let raw = document.text;
        let changed = inject_object(&mut value, settings, &mut output.warnings)
            .map_err(|(object, error)| DocumentError::Pod { file: file.to_owned(), object, error })?;
        if changed {
            output.text.push_str(&yaml::emit(&value));
        } else {
            output.text.push_str(&raw);
            if !raw.ends_with('\n') {
                output.text.push('\n');
            }
        }
        output.text.push_str("---\n");
    }
    Ok(output)
}

/// Injects one object, or the items of a List; whether something changed.
fn inject_object(
    object: &mut Value,
    settings: &Settings,
    warnings: &mut Vec<String>,
) -> Result<bool, (String, InjectError)> {
    if pod::text(object, "/apiVersion") == "v1" && pod::text(object, "/kind") == "List" {
        let items = object.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten();
        let mut changed = false;
        for item in items {
            changed |= inject_object(item, settings, warnings)?;
        }
        return Ok(changed);
    }
    let Some(place) = place(object) else { return Ok(false) };
    let workload = workload(object, place);
    let namespace = pod::text(object, "/metadata/namespace").to_owned();
    let title = match namespace.as_str() {
        "" => format!("{} {:?}", pod::text(object, "/kind"), workload.name),
        _ => format!("{} \"{namespace}/{}\"", pod::text(object, "/kind"), workload.name),
    };
    let Some(target) = object.pointer_mut(place).filter(|target| target.is_object()) else { return Ok(false) };
    let template = json!({
        "metadata": target.get("metadata").cloned().unwrap_or_else(|| json!({})),
        "spec": target.get("spec").cloned().unwrap_or_else(|| json!({})),
    });
    let decision = decide(&template, &namespace, None, settings);
    if let Decision::Skip(skip) = decision {
        warnings.push(skipped(&title, &skip));
        return Ok(false);
    }
    let request = Request { pod: &template, workload: &workload, settings, environment: &BTreeMap::new() };
    let injected = inject(request).map_err(|error| (title.clone(), error))?;
    warnings.extend(injected.warnings.iter().map(|warning| format!("{title}: {warning}")));
    target["metadata"] = injected.pod["metadata"].clone();
    target["spec"] = injected.pod["spec"].clone();
    Ok(true)
}

/// As `istioctl` says it.
fn skipped(title: &str, skip: &Skip) -> String {
    format!("===> Skipping injection because {title}: {skip}")
}

/// Where an object has its pod, by its kind; nothing for objects without one.
fn place(object: &Value) -> Option<&'static str> {
    let group = pod::text(object, "/apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
    match (group, pod::text(object, "/kind")) {
        ("", "Pod") => Some(""),
        ("", "ReplicationController")
        | ("apps" | "extensions", "Deployment" | "DaemonSet" | "ReplicaSet" | "StatefulSet")
        | ("batch", "Job")
        | ("" | "apps.openshift.io", "DeploymentConfig") => Some("/spec/template"),
        ("batch", "CronJob") => Some("/spec/jobTemplate/spec/template"),
        _ => None,
    }
}

fn workload(object: &Value, place: &str) -> Workload {
    if place.is_empty() {
        return Workload::of_pod(object, pod::text(object, "/metadata/namespace"));
    }
    Workload {
        api_version: pod::text(object, "/apiVersion").to_owned(),
        kind: pod::text(object, "/kind").to_owned(),
        name: pod::text(object, "/metadata/name").to_owned(),
        namespace: pod::text(object, "/metadata/namespace").to_owned(),
    }
}
