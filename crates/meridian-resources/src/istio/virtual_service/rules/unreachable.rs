//! Warnings of rules that no request reaches, because an earlier rule takes all of theirs.

use std::collections::HashMap;

use serde::Serialize;

use crate::error::Topic;
use crate::istio::StringMatch;
use crate::istio::virtual_service::{HttpMatchRequest, VirtualService};
use crate::rules::Findings;
use crate::schema::path::Path;
use crate::text_map::TextMap;

/// One rule: its name for people, and its matches with their names.
struct Rule<'m, M> {
    name: String,
    matches: Vec<(String, &'m M)>,
}

fn rule<'m, M>(name: &str, index: usize, matches: &'m [M], match_name: fn(&M) -> &str) -> Rule<'m, M> {
    let label = |name: &str, index: usize| if name.is_empty() { format!("#{index}") } else { format!("{name:?}") };
    let matches = matches.iter().enumerate();
    Rule {
        name: label(name, index),
        matches: matches.map(|(index, matcher)| (label(match_name(matcher), index), matcher)).collect(),
    }
}

pub(super) fn warn(findings: &mut Findings, path: &Path<'_>, service: &VirtualService) {
    let rules = service.http.iter().enumerate();
    let rules: Vec<_> =
        rules.map(|(index, route)| rule(&route.name, index, &route.matches, |matcher| &matcher.name)).collect();
    let unnamed = |matcher: &HttpMatchRequest| key(&HttpMatchRequest { name: String::new(), ..matcher.clone() });
    analyze(findings, &path.field("http"), &rules, unnamed);
    analyze_prefixes(findings, &path.field("http"), &rules);
    let rules: Vec<_> =
        service.tls.iter().enumerate().map(|(index, route)| rule("", index, &route.matches, |_| "")).collect();
    analyze(findings, &path.field("tls"), &rules, key);
    let rules: Vec<_> =
        service.tcp.iter().enumerate().map(|(index, route)| rule("", index, &route.matches, |_| "")).collect();
    analyze(findings, &path.field("tcp"), &rules, key);
}

/// What two matches have in common exactly when they are the same.
fn key<M: Serialize>(matcher: &M) -> String {
    serde_json::to_string(matcher).unwrap_or_default()
}

/// Rules behind one without matches, and matches that an earlier rule has too.
fn analyze<M>(findings: &mut Findings, path: &Path<'_>, rules: &[Rule<'_, M>], key: impl Fn(&M) -> String) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    let mut matchless = false;
    for (index, rule) in rules.iter().enumerate() {
        let path = path.index(index);
        let mut unused = |reason: &str| {
            unreachable(findings, &path, &rule.name, reason);
        };
        if rule.matches.is_empty() {
            if matchless {
                unused("only the last rule can have no matches");
            }
            matchless = true;
            continue;
        }
        if matchless {
            unused("route without matches defined before");
            continue;
        }
        let matches = path.field("match");
        let mut duplicates = 0;
        for (number, (name, matcher)) in rule.matches.iter().enumerate() {
            let Some(earlier) = seen.get(&key(matcher)) else {
                seen.insert(key(matcher), &rule.name);
                continue;
            };
            duplicates += 1;
            ineffective(findings, &matches.index(number), &rule.name, name, earlier);
        }
        if duplicates == rule.matches.len() {
            unreachable(findings, &path, &rule.name, "all matches used by prior rules");
        }
    }
}

/// Matches of a longer prefix behind one of a shorter prefix that asks for nothing that they do not ask for.
fn analyze_prefixes(findings: &mut Findings, path: &Path<'_>, rules: &[Rule<'_, HttpMatchRequest>]) {
    let mut seen: HashMap<&str, Vec<(&HttpMatchRequest, String)>> = HashMap::new();
    for (index, rule) in rules.iter().enumerate() {
        let path = path.index(index);
        let matches = path.field("match");
        for (number, (name, matcher)) in rule.matches.iter().enumerate() {
            let Some(StringMatch::Prefix(prefix)) = &matcher.uri else { continue };
            let mut shorter = prefix.char_indices().skip(1).filter_map(|(end, _)| seen.get(&prefix[..end])).flatten();
            if let Some((_, earlier)) = shorter.find(|(earlier, _)| asks_no_more(earlier, matcher)) {
                let name = format!("{name} of prefix {prefix}");
                ineffective(findings, &matches.index(number), &rule.name, &name, earlier);
            }
            let place = format!("{name} of prefix {prefix} on {}", rule.name);
            seen.entry(prefix).or_default().push((matcher, place));
        }
    }
}

/// Whether each condition of `earlier`, but for the path, is one of `later` too.
fn asks_no_more(earlier: &HttpMatchRequest, later: &HttpMatchRequest) -> bool {
    fn within(earlier: &TextMap<StringMatch>, later: &TextMap<StringMatch>) -> bool {
        earlier.iter().all(|(name, value)| later.get(name) == Some(value))
    }
    let same_or_unset = |earlier: &Option<StringMatch>, later| earlier.is_none() || earlier == later;
    same_or_unset(&earlier.method, &later.method)
        && same_or_unset(&earlier.authority, &later.authority)
        && same_or_unset(&earlier.scheme, &later.scheme)
        && (earlier.port == 0 || earlier.port == later.port)
        && (earlier.gateways.is_empty() || earlier.gateways == later.gateways)
        && (earlier.source_namespace.is_empty() || earlier.source_namespace == later.source_namespace)
        && (earlier.ignore_uri_case || !later.ignore_uri_case)
        && within(&earlier.headers, &later.headers)
        && within(&earlier.without_headers, &later.without_headers)
        && within(&earlier.query_params, &later.query_params)
        && earlier.source_labels.iter().all(|(name, value)| later.source_labels.get(name) == Some(value))
}

fn unreachable(findings: &mut Findings, path: &Path<'_>, rule: &str, reason: &str) {
    let topic = Topic::UnreachableRule { rule: rule.to_owned(), reason: reason.to_owned() };
    findings.warn_on(path, format!("virtualService rule {rule} not used ({reason})"), topic);
}

fn ineffective(findings: &mut Findings, path: &Path<'_>, rule: &str, name: &str, earlier: &str) {
    let detail =
        format!("virtualService rule {rule} match {name} is not used (duplicate/overlapping match in rule {earlier})");
    let topic =
        Topic::IneffectiveMatch { rule: rule.to_owned(), matcher: name.to_owned(), earlier: earlier.to_owned() };
    findings.warn_on(path, detail, topic);
}
