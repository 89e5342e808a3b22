//! The webhook's answer: an AdmissionReview of the API server in, one with a patch out (`admission.k8s.io/v1`).

use crate::decide::{Decision, decide};
use crate::workload::Workload;
use crate::{Request, Settings, inject, pod};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// Warnings are cut there, as the API server asks (it drops what is past 4 KiB in all).
const LONGEST_WARNING: usize = 256;

/// A body that is no AdmissionReview.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// No JSON.
    #[error("the body is no JSON: {0}")]
    Json(String),
    /// Of another kind.
    #[error("found apiVersion {0:?} and kind {1:?}, allowed: an AdmissionReview of admission.k8s.io/v1")]
    Kind(String, String),
    /// Without a request.
    #[error("the AdmissionReview has no request")]
    Request,
}

/// What an answer came to, for the log and the counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The pod got its proxy.
    Injected,
    /// It stays as it is, and why.
    Skipped(String),
    /// It is refused, and why.
    Refused(String),
}

/// An answer to the API server.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The AdmissionReview.
    pub review: Value,
    /// The namespace and name of the pod, for the log.
    pub pod: String,
    /// What it came to.
    pub outcome: Outcome,
}

/// Answers a review. `path` is that of the request: `/inject/NAME/VALUE/...` sets environment variables of the proxy.
///
/// # Errors
/// The body is none; an answer needs a request.
pub fn review(body: &[u8], path: &str, settings: &Settings) -> Result<Answer, ReviewError> {
    let review: Value = serde_json::from_slice(body).map_err(|error| ReviewError::Json(error.to_string()))?;
    let (version, kind) = (pod::text(&review, "/apiVersion"), pod::text(&review, "/kind"));
    if (version, kind) != ("admission.k8s.io/v1", "AdmissionReview") {
        return Err(ReviewError::Kind(version.to_owned(), kind.to_owned()));
    }
    let request = review.get("request").filter(|request| request.is_object()).ok_or(ReviewError::Request)?;
    let object = request.get("object").filter(|object| object.is_object()).ok_or(ReviewError::Request)?;
    let namespace = match pod::text(object, "/metadata/namespace") {
        "" => pod::text(request, "/namespace"),
        own => own,
    };
    let (outcome, patch, warnings) = outcome(object, namespace, path, settings);
    let mut response = json!({"uid": request.get("uid").cloned().unwrap_or_default(), "allowed": true});
    if let Some(patch) = patch {
        response["patchType"] = "JSONPatch".into();
        response["patch"] = BASE64_STANDARD.encode(patch).into();
    }
    if let Outcome::Refused(reason) = &outcome {
        response["allowed"] = false.into();
        response["status"] = json!({"code": 422, "reason": "Invalid", "message": reason});
    }
    if !warnings.is_empty() {
        response["warnings"] = warnings.iter().map(|warning| shortened(warning)).collect();
    }
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response});
    Ok(Answer { review, pod: name(object, namespace), outcome })
}

/// The pod's name, as far as it has one.
fn name(object: &Value, namespace: &str) -> String {
    match pod::text(object, "/metadata/name") {
        "" => format!("{namespace}/{}*", pod::text(object, "/metadata/generateName")),
        name => format!("{namespace}/{name}"),
    }
}

/// What becomes of the pod, the patch where there is one, and warnings.
fn outcome(object: &Value, namespace: &str, path: &str, settings: &Settings) -> (Outcome, Option<String>, Vec<String>) {
    // The webhook's selectors have looked at the namespace already.
    if let Decision::Skip(skip) = decide(object, namespace, None, settings) {
        return (Outcome::Skipped(skip.to_string()), None, Vec::new());
    }
    let workload = Workload::of_pod(object, namespace);
    let environment = environment(path);
    let request = Request { pod: object, workload: &workload, settings, environment: &environment };
    match inject(request) {
        Ok(injected) => {
            let patch = json_patch::diff(object, &injected.pod);
            (Outcome::Injected, Some(json!(patch).to_string()), injected.warnings)
        }
        Err(error) => (Outcome::Refused(error.to_string()), None, Vec::new()),
    }
}

fn shortened(warning: &str) -> Value {
    match warning.char_indices().nth(LONGEST_WARNING - 1) {
        Some((end, _)) => format!("{}\u{2026}", &warning[..end]).into(),
        None => warning.into(),
    }
}

/// The environment variables of a path `/inject/cluster/c1/net/n1`: names that Istio shortens, others in capitals;
/// `--slash--` stands for a slash.
pub fn environment(path: &str) -> BTreeMap<String, String> {
    let rest = path.trim_end_matches('/').trim_start_matches('/');
    let parts: Vec<&str> = rest.split('/').skip(1).collect();
    let pairs = parts.chunks_exact(2).filter(|pair| !pair[0].is_empty());
    pairs
        .map(|pair| {
            let name = match pair[0] {
                "cluster" => "ISTIO_META_CLUSTER_ID".to_owned(),
                "net" => "ISTIO_META_NETWORK".to_owned(),
                other => other.to_uppercase(),
            };
            (name, pair[1].replace("--slash--", "/"))
        })
        .collect()
}
