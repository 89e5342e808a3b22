//! Merging one rule of a root with one rule of a leaf.

use crate::istio::http_route::resolve_gateway;
use crate::mesh::MeshConfig;
use meridian_resources::istio::virtual_service::{Destination, HttpMatchRequest, HttpRoute};
use meridian_resources::istio::{StringMatch, VirtualService};
use meridian_resources::{Object, TextMap};

/// The two VirtualServices.
#[derive(Clone, Copy)]
pub(super) struct Context<'c> {
    pub(super) root: &'c Object<VirtualService>,
    pub(super) leaf: &'c Object<VirtualService>,
    pub(super) mesh: &'c MeshConfig,
}

/// The rule of the leaf within that of the root: its own fields where it has them, the root's otherwise, none of them
/// merged in themselves.
///
/// # Errors
/// The field of the leaf's rule that does not fit within the root's; the rule is then left out.
pub(super) fn rules(context: Context<'_>, root: &HttpRoute, leaf: &HttpRoute) -> Result<HttpRoute, String> {
    let mirrors_of_root = || {
        let mut mirrors = root.mirrors.clone();
        mirrors.iter_mut().for_each(|mirror| context.resolve(&mut mirror.destination));
        mirrors
    };
    let mirror_of_root = || {
        let mut mirror = root.mirror.clone()?;
        context.resolve(&mut mirror);
        Some(mirror)
    };
    Ok(HttpRoute {
        matches: matches(context, &root.matches, &leaf.matches)?,
        name: joined(&root.name, &leaf.name),
        rewrite: leaf.rewrite.clone().or_else(|| root.rewrite.clone()),
        direct_response: leaf.direct_response.clone().or_else(|| root.direct_response.clone()),
        timeout: leaf.timeout.or(root.timeout),
        retries: leaf.retries.clone().or_else(|| root.retries.clone()),
        fault: leaf.fault.clone().or_else(|| root.fault.clone()),
        mirror: leaf.mirror.clone().or_else(mirror_of_root),
        mirror_percent: leaf.mirror_percent.or(root.mirror_percent),
        mirror_percentage: leaf.mirror_percentage.or(root.mirror_percentage),
        mirrors: if leaf.mirrors.is_empty() { mirrors_of_root() } else { leaf.mirrors.clone() },
        cors_policy: leaf.cors_policy.clone().or_else(|| root.cors_policy.clone()),
        headers: leaf.headers.clone().or_else(|| root.headers.clone()),
        delegate: None,
        redirect: leaf.redirect.clone(),
        route: leaf.route.clone(),
    })
}

impl Context<'_> {
    /// Makes a host that the root writes mean the same in the leaf's namespace.
    fn resolve(&self, destination: &mut Destination) {
        destination.host = self.mesh.resolve_host(&destination.host, &self.root.meta.namespace);
    }
}

fn joined(root: &str, leaf: &str) -> String {
    match (root, leaf) {
        (root, "") => root.to_owned(),
        ("", leaf) => leaf.to_owned(),
        (root, leaf) => format!("{root}-{leaf}"),
    }
}

/// Each alternative of the leaf within every one of the root that covers it; one that none covers leaves the rule out.
fn matches(
    context: Context<'_>,
    root: &[HttpMatchRequest],
    leaf: &[HttpMatchRequest],
) -> Result<Vec<HttpMatchRequest>, String> {
    let resolved = |alternative: &HttpMatchRequest, object: &Object<VirtualService>| {
        let mut alternative = alternative.clone();
        for gateway in &mut alternative.gateways {
            *gateway = resolve_gateway(gateway, &object.meta.namespace);
        }
        alternative
    };
    let root: Vec<_> = root.iter().map(|alternative| resolved(alternative, context.root)).collect();
    let leaf: Vec<_> = leaf.iter().map(|alternative| resolved(alternative, context.leaf)).collect();
    if root.is_empty() {
        return Ok(leaf);
    }
    if leaf.is_empty() {
        return Ok(root);
    }
    let mut merged = Vec::new();
    for (index, alternative) in leaf.iter().enumerate() {
        let before = merged.len();
        let mut conflict = None;
        for covering in &root {
            match self::conflict(covering, alternative) {
                None => merged.push(both(covering, alternative)),
                Some(field) => conflict = Some(field),
            }
        }
        if merged.len() == before {
            return Err(format!("match[{index}].{}", conflict.unwrap_or_default()));
        }
    }
    Ok(merged)
}

fn both(root: &HttpMatchRequest, leaf: &HttpMatchRequest) -> HttpMatchRequest {
    HttpMatchRequest {
        name: joined(&root.name, &leaf.name),
        uri: leaf.uri.clone().or_else(|| root.uri.clone()),
        scheme: leaf.scheme.clone().or_else(|| root.scheme.clone()),
        method: leaf.method.clone().or_else(|| root.method.clone()),
        authority: leaf.authority.clone().or_else(|| root.authority.clone()),
        headers: union(&root.headers, &leaf.headers),
        without_headers: union(&root.without_headers, &leaf.without_headers),
        query_params: union(&root.query_params, &leaf.query_params),
        port: if leaf.port == 0 { root.port } else { leaf.port },
        source_labels: root.source_labels.clone().into_iter().chain(leaf.source_labels.clone()).collect(),
        source_namespace: given(&leaf.source_namespace, &root.source_namespace),
        gateways: if leaf.gateways.is_empty() { root.gateways.clone() } else { leaf.gateways.clone() },
        stat_prefix: given(&leaf.stat_prefix, &root.stat_prefix),
        ignore_uri_case: leaf.ignore_uri_case,
    }
}

fn union(root: &TextMap<StringMatch>, leaf: &TextMap<StringMatch>) -> TextMap<StringMatch> {
    root.iter().chain(leaf).map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn given(first: &str, otherwise: &str) -> String {
    if first.is_empty() { otherwise.to_owned() } else { first.to_owned() }
}

/// The field in which `leaf` asks for something that `root` does not cover.
fn conflict(root: &HttpMatchRequest, leaf: &HttpMatchRequest) -> Option<String> {
    for (field, root, leaf) in [
        ("uri", &root.uri, &leaf.uri),
        ("scheme", &root.scheme, &leaf.scheme),
        ("method", &root.method, &leaf.method),
        ("authority", &root.authority, &leaf.authority),
    ] {
        if !covers(root.as_ref(), leaf.as_ref()) {
            return Some(field.to_owned());
        }
    }
    for (field, root, leaf) in [
        ("headers", &root.headers, &leaf.headers),
        ("withoutHeaders", &root.without_headers, &leaf.without_headers),
        ("queryParams", &root.query_params, &leaf.query_params),
    ] {
        if let Some((name, _)) = leaf.iter().find(|(name, value)| !covers(root.get(name), Some(value))) {
            return Some(format!("{field}[{name}]"));
        }
    }
    let differ = |root: &str, leaf: &str| !root.is_empty() && !leaf.is_empty() && root != leaf;
    let of_others = |gateway: &String| !root.gateways.contains(gateway);
    if root.ignore_uri_case != leaf.ignore_uri_case {
        Some("ignoreUriCase".to_owned())
    } else if root.port > 0 && leaf.port > 0 && root.port != leaf.port {
        Some("port".to_owned())
    } else if differ(&root.source_namespace, &leaf.source_namespace) {
        Some("sourceNamespace".to_owned())
    } else if leaf.source_labels.iter().any(|(key, value)| root.source_labels.get(key).is_some_and(|v| v != value)) {
        Some("sourceLabels".to_owned())
    } else if !root.gateways.is_empty() && leaf.gateways.iter().any(of_others) {
        Some("gateways".to_owned())
    } else {
        None
    }
}

/// Whether what `leaf` matches is part of what `root` matches, as far as Istio can tell: expressions cover nothing, and
/// nothing covers them.
fn covers(root: Option<&StringMatch>, leaf: Option<&StringMatch>) -> bool {
    match (root, leaf) {
        (None, _) | (_, None) => true,
        (Some(StringMatch::Exact(root)), Some(StringMatch::Exact(leaf))) => root == leaf,
        (Some(StringMatch::Prefix(root)), Some(StringMatch::Exact(leaf) | StringMatch::Prefix(leaf))) => {
            leaf.starts_with(root.as_str())
        }
        (Some(_), Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_covers_what_is_narrower() {
        use StringMatch::{Exact, Prefix, Present, Regex};
        let text = |text: &str| text.to_owned();
        for (root, leaf, expected) in [
            (None, Some(Exact(text("/a"))), true),
            (Some(Prefix(text("/a"))), None, true),
            (Some(Prefix(text("/a"))), Some(Prefix(text("/a/b"))), true),
            (Some(Prefix(text("/a"))), Some(Exact(text("/ab"))), true),
            (Some(Prefix(text("/a/b"))), Some(Prefix(text("/a"))), false),
            (Some(Prefix(text("/a"))), Some(Exact(text("/b"))), false),
            (Some(Exact(text("/a"))), Some(Exact(text("/a"))), true),
            (Some(Exact(text("/a"))), Some(Exact(text("/b"))), false),
            (Some(Exact(text("/a"))), Some(Prefix(text("/a"))), false),
            (Some(Regex(text("a"))), Some(Regex(text("a"))), false),
            (Some(Prefix(text("/a"))), Some(Regex(text("/a.*"))), false),
            (Some(Present), Some(Exact(text("a"))), false),
            (Some(Prefix(text("a"))), Some(Present), false),
        ] {
            assert_eq!(covers(root.as_ref(), leaf.as_ref()), expected, "{root:?} {leaf:?}");
        }
    }
}
