//! What the access logs of several scopes add up to (Istio's `mergeLogs`): the narrowest scope that names providers says
//! which of them there are at all; what they do is what is said last.

use super::Side;
use meridian_ir::Name;
use meridian_resources::istio::telemetry::{AccessLogging, Filter};
use std::collections::{BTreeMap, BTreeSet};

/// What one provider is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spec<'a> {
    pub(super) disabled: bool,
    pub(super) filter: Option<&'a Filter>,
}

/// The providers on `side`, by name; `scopes` are widest first, and empty ones are left out.
pub(super) fn merge<'a>(
    scopes: &[&'a [AccessLogging]],
    defaults: &'a [Name],
    side: Side,
) -> BTreeMap<&'a str, Spec<'a>> {
    let defaults: Vec<&str> = defaults.iter().map(|name| &**name).collect();
    if scopes.is_empty() {
        return defaults.into_iter().map(|name| (name, Spec::default())).collect();
    }
    let mut in_scope: BTreeSet<&str> = defaults.iter().copied().collect();
    let mut filters: BTreeMap<&str, Option<&Filter>> = BTreeMap::new();
    for scope in scopes {
        let entries = scope.iter().filter(|entry| is_of(entry, side));
        let named: Vec<(&str, Option<&Filter>)> =
            entries.flat_map(|entry| providers(entry).map(|name| (name, entry.filter.as_ref()))).collect();
        if !named.is_empty() {
            in_scope = named.iter().map(|(name, _)| *name).collect();
        }
        filters.extend(named);
    }

    let mut merged = BTreeMap::new();
    let mut parent = defaults;
    for entry in scopes.iter().flat_map(|scope| scope.iter()) {
        if !entry.providers.is_empty() {
            parent = providers(entry).collect();
        }
        if !is_of(entry, side) {
            continue;
        }
        for &name in parent.iter().filter(|name| in_scope.contains(**name)) {
            let spec = if entry.disabled == Some(true) {
                Spec { disabled: true, filter: None }
            } else {
                Spec { disabled: false, filter: filters.get(name).copied().flatten() }
            };
            merged.insert(name, spec);
        }
    }
    merged
}

fn is_of(entry: &AccessLogging, side: Side) -> bool {
    entry.r#match.is_none_or(|selector| side.is_of(selector.mode))
}

fn providers(entry: &AccessLogging) -> impl Iterator<Item = &str> {
    entry.providers.iter().map(|provider| provider.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// What is written on each side: `+name`, `-name` for a silent one, with the filter in brackets.
    fn written(scopes: Value, defaults: &[&str]) -> [String; 2] {
        let scopes: Vec<Vec<AccessLogging>> = serde_json::from_value(scopes).unwrap();
        let scopes: Vec<&[AccessLogging]> = scopes.iter().map(Vec::as_slice).collect();
        let defaults: Vec<Name> = defaults.iter().map(|name| Name::from(*name)).collect();
        [Side::Client, Side::Server].map(|side| {
            let merged = merge(&scopes, &defaults, side);
            let shown = merged.iter().map(|(name, spec)| {
                let filter = spec.filter.map(|filter| format!("[{}]", filter.expression)).unwrap_or_default();
                format!("{}{name}{filter}", if spec.disabled { '-' } else { '+' })
            });
            shown.collect::<Vec<_>>().join(" ")
        })
    }

    #[test]
    fn scopes_add_up_as_in_istio() {
        let provider = |name: &str| json!([{ "name": name }]);
        for (scopes, defaults, client, server) in [
            (json!([]), &[][..], "", ""),
            (json!([]), &["envoy"][..], "+envoy", "+envoy"),
            (json!([[{"providers": provider("a")}]]), &["envoy"], "+a", "+a"),
            (json!([[{}]]), &["envoy"], "+envoy", "+envoy"),
            (json!([[{"disabled": true}]]), &["envoy"], "-envoy", "-envoy"),
            (json!([[{"match": {"mode": "CLIENT"}, "disabled": true}]]), &["envoy"], "-envoy", ""),
            // The narrower scope's providers count alone, with its own filter.
            (
                json!([[{"providers": provider("a"), "filter": {"expression": "1"}}], [{"providers": provider("b")}]]),
                &[],
                "+b",
                "+b",
            ),
            // A narrower scope without providers speaks of those of the wider one.
            (
                json!([[{"providers": provider("a"), "filter": {"expression": "1"}}], [{"disabled": true}]]),
                &[],
                "-a",
                "-a",
            ),
            (
                json!([[{"providers": provider("a")}], [{"providers": provider("a"), "filter": {"expression": "2"}}]]),
                &[],
                "+a[2]",
                "+a[2]",
            ),
            (
                json!([[{"providers": provider("a"), "match": {"mode": "SERVER"}}, {"providers": provider("b")}]]),
                &[],
                "+b",
                "+a +b",
            ),
        ] {
            assert_eq!(written(scopes.clone(), defaults), [client, server], "{scopes}");
        }
    }
}
