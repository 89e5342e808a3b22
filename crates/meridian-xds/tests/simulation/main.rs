//! Istio's traffic simulation over the configuration that Istio itself generated.
//!
//! Every configuration is read into the model, and every call is decided by the functions of the model that the data
//! plane uses. What comes out must be what Istio's simulation found: that holds the shape of the model, the reader and
//! the decisions against the real thing.

mod checks;
mod data;
mod decide;
mod valid;
mod wire;

use data::{Oracle, Rates};
use serde_json::Value;

#[test]
fn every_call_is_decided_as_observed() {
    let Some(oracle) = Oracle::open() else { return };
    let (mut rates, mut failures) = (Rates::default(), Vec::new());
    for (family, case) in oracle.entries("cases") {
        let config = &oracle.config(&case).config;
        let ours = decide::decide(config, &case);
        let observed = &case["observed"];
        let mut differences: Vec<String> = Vec::new();
        for field in decide::FIELDS {
            if ours[field] != observed[field] {
                differences.push(format!("{field}: ours {}, observed {}", ours[field], observed[field]));
            }
        }
        let asserted = case["asserted"].as_array().expect("a list").iter().filter_map(Value::as_str);
        for field in asserted.filter(|field| ours[*field] != case["expected"][*field]) {
            differences.push(format!("{field}: ours {}, expected {}", ours[field], case["expected"][field]));
        }
        differences.extend(decide::chain_tls(config, &case));
        rates.count(&family, differences.is_empty());
        if !differences.is_empty() {
            failures.push(format!("{}: {}", case["name"], differences.join("; ")));
        }
    }
    println!("{rates}");
    assert_eq!(rates.total(), 457, "calls");
    assert!(failures.is_empty(), "{} calls differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_check_of_a_configuration_holds() {
    let Some(oracle) = Oracle::open() else { return };
    let (mut rates, mut failures) = (Rates::default(), Vec::new());
    for (_, check) in oracle.entries("checks") {
        let kind = check["kind"].as_str().expect("a kind");
        let problems = checks::problems(kind, &oracle, &check);
        rates.count(kind, problems.is_empty());
        if !problems.is_empty() {
            failures.push(format!("{} ({kind}): {}", check["name"], problems.join("; ")));
        }
    }
    println!("{rates}");
    assert_eq!(rates.total(), 134, "checks");
    assert!(failures.is_empty(), "{} checks fail:\n{}", failures.len(), failures.join("\n"));
}

/// What the model has no place for is told with its path. Nothing else may be lost, so this is the whole list by kind.
#[test]
fn what_is_not_read_is_known() {
    let Some(oracle) = Oracle::open() else { return };
    let mut kinds: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    let mut errors = Vec::new();
    for config in oracle.all() {
        for one in &config.unsupported {
            *kinds.entry(data::kind_of(one)).or_default() += 1;
        }
        errors.extend(config.errors.iter().map(ToString::to_string));
    }
    for (kind, number) in &kinds {
        println!("{number:6} {kind}");
    }
    let found: Vec<&str> = kinds.keys().map(String::as_str).collect();
    assert_eq!(found, data::UNSUPPORTED);
    errors.sort();
    let allowed = |error: &str| {
        error.starts_with("cluster inbound|80||: loadAssignment.endpoints[0].lbEndpoints[0].endpoint.address:")
            && error.ends_with("allowed: an address with socketAddress")
    };
    let others: Vec<&String> = errors.iter().filter(|error| !allowed(error)).collect();
    assert!(others.is_empty(), "{others:#?}");
    assert_eq!(errors.len(), 1, "a cluster with a socket file");
}
