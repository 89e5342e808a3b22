//! The report that the suite writes, and the features that the GatewayClass claims.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};
use serde_json::Value;

/// What every profile of gateways contains; the report names only what goes beyond.
const CORE: &[&str] = &["Gateway", "ReferenceGrant", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"];

/// Has a test, but is in no profile, so no report can name it.
const IN_NO_PROFILE: &[&str] = &["GRPCRouteNamedRouteRule"];

/// A ConformanceReport.
#[derive(Debug)]
pub(crate) struct Report(Value);

impl Report {
    /// Reads one.
    ///
    /// # Errors
    /// There is none, or it is no YAML.
    pub(super) fn read(path: &Path) -> anyhow::Result<Report> {
        let text = fs::read_to_string(path).with_context(|| format!("there is no report at {}", path.display()))?;
        let first = meridian_resources::yaml::values(&text, &path.display().to_string()).into_iter().next();
        let value = first.with_context(|| format!("{} is empty", path.display()))?;
        Ok(Report(value.map_err(|error| anyhow!("{error}"))?))
    }

    /// Which of `profiles` (separated by commas) are absent, not wholly passed, or not wholly supported.
    pub(super) fn complaints(&self, profiles: &str) -> Vec<String> {
        let mut complaints = Vec::new();
        for name in profiles.split(',') {
            let Some(profile) = self.profiles().find(|profile| profile["name"] == name) else {
                complaints.push(format!("the report has no profile {name}"));
                continue;
            };
            for level in ["core", "extended"] {
                let result = profile[level]["result"].as_str().unwrap_or("absent");
                if result != "success" {
                    complaints.push(format!("{name}: the {level} tests: {result}"));
                }
            }
            for feature in strings(&profile["extended"]["unsupportedFeatures"]) {
                complaints.push(format!("{name}: {feature} is not supported"));
            }
        }
        complaints
    }

    /// How the features that a GatewayClass claims differ from those that were tested.
    pub(super) fn differences(&self, claimed: &BTreeSet<String>) -> Vec<String> {
        let extended = self.profiles().flat_map(|profile| strings(&profile["extended"]["supportedFeatures"]));
        let tested: BTreeSet<_> =
            CORE.iter().chain(IN_NO_PROFILE).copied().chain(extended).map(str::to_owned).collect();
        let claim =
            claimed.difference(&tested).map(|name| format!("the GatewayClass claims {name}, which is not tested"));
        let silent = tested.difference(claimed).map(|name| format!("the GatewayClass does not claim {name}"));
        claim.chain(silent).collect()
    }

    fn profiles(&self) -> impl Iterator<Item = &Value> {
        self.0["profiles"].as_array().into_iter().flatten()
    }
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// `status.supportedFeatures` of the GatewayClass `name`, as it was last, in what `kubectl get --watch -o json` wrote.
///
/// # Errors
/// There is no such file, it is no JSON, or the class is not in it.
pub(super) fn supported_features(path: &Path, name: &str) -> anyhow::Result<BTreeSet<String>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut last = None;
    for object in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        match object {
            Ok(object) if object["metadata"]["name"] == name => last = Some(object),
            Ok(_) => {}
            // The watch was cut off with the lab.
            Err(error) if error.is_eof() => break,
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        }
    }
    let class = last.with_context(|| format!("{} has no GatewayClass {name}", path.display()))?;
    let features = class["status"]["supportedFeatures"].as_array().into_iter().flatten();
    Ok(features.filter_map(|feature| feature["name"].as_str().map(str::to_owned)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report() -> Report {
        Report(json!({"profiles": [
            {"name": "A", "core": {"result": "success"},
             "extended": {"result": "success", "supportedFeatures": ["ListenerSet"]}},
            {"name": "B", "core": {"result": "success"},
             "extended": {"result": "partial", "unsupportedFeatures": ["GatewayPort8080"]}},
        ]}))
    }

    #[test]
    fn a_profile_must_be_there_and_whole() {
        assert_eq!(report().complaints("A"), Vec::<String>::new());
        let complaints = report().complaints("A,B,C");
        assert_eq!(
            complaints,
            ["B: the extended tests: partial", "B: GatewayPort8080 is not supported", "the report has no profile C"]
        );
    }

    #[test]
    fn the_gateway_class_claims_what_was_tested() {
        let mut claimed: BTreeSet<String> = CORE.iter().chain(IN_NO_PROFILE).map(|name| (*name).to_owned()).collect();
        assert_eq!(report().differences(&claimed), ["the GatewayClass does not claim ListenerSet"]);
        claimed.extend(["ListenerSet".to_owned(), "Mesh".to_owned()]);
        assert_eq!(report().differences(&claimed), ["the GatewayClass claims Mesh, which is not tested"]);
    }

    #[test]
    fn the_last_status_of_a_watch_counts_though_it_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("classes.json");
        let class = |names: &[&str]| {
            let features: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
            json!({"metadata": {"name": "meridian"}, "status": {"supportedFeatures": features}}).to_string()
        };
        let other = r#"{"metadata": {"name": "other"}}"#;
        fs::write(&file, format!("{}\n{}\n{other}\n{{\"meta", class(&["A"]), class(&["A", "B"]))).unwrap();
        let found = supported_features(&file, "meridian").unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["A", "B"]);
    }
}
