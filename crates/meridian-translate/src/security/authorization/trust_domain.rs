//! Identities under the names that a trust domain has and had (Istio's `pilot/pkg/security/trustdomain`).

use crate::mesh::MeshConfig;

/// The name of the own trust domain in policies, whatever it is really called.
const LOCAL: &str = "cluster.local";

/// The names of the own trust domain.
fn names(mesh: &MeshConfig) -> Vec<&str> {
    std::iter::once(&mesh.trust_domain).chain(&mesh.trust_domain_aliases).map(|name| &**name).collect()
}

/// Principals (`TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT`), with those of the own trust domain under each of its names.
pub(super) fn with_aliases(principals: &[String], mesh: &MeshConfig) -> Vec<String> {
    let names = names(mesh);
    let mut all = Vec::with_capacity(principals.len());
    for principal in principals {
        let parts: Vec<&str> = principal.split('/').collect();
        let (domain, rest) = match parts[..] {
            [domain, _, _, _, _] if domain != "*" => (domain, &principal[domain.len()..]),
            _ => {
                all.push(principal.clone());
                continue;
            }
        };
        if domain != LOCAL && !names.iter().any(|name| is_match(domain, name)) {
            all.push(principal.clone());
            continue;
        }
        let mut renamed: Vec<String> = Vec::new();
        for name in &names {
            let known = has_suffix(name, domain);
            let principal = if known { principal.clone() } else { format!("{name}{rest}") };
            if !renamed.contains(&principal) {
                renamed.push(principal);
            }
        }
        all.append(&mut renamed);
    }
    all
}

/// Trust domains, the own one under each of its names.
pub(super) fn expanded(domains: &[String], mesh: &MeshConfig) -> Vec<String> {
    let names = names(mesh);
    let mut all: Vec<String> = Vec::with_capacity(domains.len());
    for domain in domains {
        let of_domain = if names.contains(&domain.as_str()) { names.clone() } else { vec![domain.as_str()] };
        for name in of_domain {
            if !all.iter().any(|known| known == name) {
                all.push(name.to_owned());
            }
        }
    }
    all
}

/// Whether one of two names, either of which may have an asterisk, is the other.
fn is_match(a: &str, b: &str) -> bool {
    a == b || b == "*" || has_prefix(a, b) || has_prefix(b, a) || has_suffix(a, b) || has_suffix(b, a)
}

fn has_prefix(text: &str, pattern: &str) -> bool {
    pattern.strip_suffix('*').is_some_and(|prefix| text.starts_with(prefix))
}

fn has_suffix(text: &str, pattern: &str) -> bool {
    pattern.strip_prefix('*').is_some_and(|suffix| text.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_trust_domain_has_all_its_names() {
        let mesh = MeshConfig {
            trust_domain: "new-td".into(),
            trust_domain_aliases: vec!["old-td".into(), "older-td".into()],
            ..MeshConfig::default()
        };
        let check = |principal: &str, expected: &[&str]| {
            assert_eq!(with_aliases(&[principal.to_owned()], &mesh), expected, "{principal}");
        };
        let all = ["new-td/ns/n/sa/a", "old-td/ns/n/sa/a", "older-td/ns/n/sa/a"];
        check("cluster.local/ns/n/sa/a", &all);
        check("old-td/ns/n/sa/a", &all);
        check("other/ns/n/sa/a", &["other/ns/n/sa/a"]);
        check("*/ns/n/sa/a", &["*/ns/n/sa/a"]);
        check("*-td/ns/n/sa/a", &["*-td/ns/n/sa/a"]);
        check("sa/a", &["sa/a"]);
        check("*", &["*"]);
        let domains = ["old-td".to_owned(), "other".to_owned(), "new-td".to_owned()];
        assert_eq!(expanded(&domains, &mesh), ["new-td", "old-td", "older-td", "other"]);
    }
}
