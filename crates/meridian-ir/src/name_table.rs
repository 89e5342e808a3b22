//! The names that a sidecar answers for by itself (Istio's name discovery service, `NameTable`), and how a question
//! finds its answer.

use crate::Name;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Hosts with what is known of them; lowercase, without trailing dot, `*.suffix` for wildcards.
pub type Names = BTreeMap<Name, Arc<NameInfo>>;

/// One host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameInfo {
    /// Its virtual addresses, or those of its endpoints where it is headless.
    pub addresses: Vec<IpAddr>,
    /// Whether it is a Service of Kubernetes, which has short names too.
    pub is_service: bool,
}

/// Where short names are looked for: the namespace and domain of the workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchDomain {
    /// `default`
    pub namespace: Name,
    /// `cluster.local`
    pub domain: Name,
}

/// The answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found<'n> {
    /// The name that has the addresses, where the question was for it with a search domain behind it: the answer is an
    /// alias then.
    pub alias_of: Option<&'n str>,
    /// What is known of it.
    pub info: &'n NameInfo,
}

impl SearchDomain {
    /// Of a proxy's domain, `default.svc.cluster.local`; `None` when it has not that form.
    pub fn parse(domain: &str) -> Option<Self> {
        let (namespace, domain) = domain.trim_end_matches('.').split_once(".svc.")?;
        Some(Self { namespace: namespace.into(), domain: domain.into() })
    }

    /// The suffixes that resolvers in a pod try, most specific first (`search` in `/etc/resolv.conf`).
    fn suffixes(&self) -> [String; 3] {
        let Self { namespace, domain } = self;
        [format!(".{namespace}.svc.{domain}"), format!(".svc.{domain}"), format!(".{domain}")]
    }

    /// The Service that a short name means: `name`, `name.namespace`, `name.namespace.svc`.
    fn service(&self, name: &str) -> Option<String> {
        let Self { namespace, domain } = self;
        let labels: Vec<&str> = name.split('.').collect();
        match labels[..] {
            [name] => Some(format!("{name}.{namespace}.svc.{domain}")),
            [name, namespace] | [name, namespace, "svc"] => Some(format!("{name}.{namespace}.svc.{domain}")),
            _ => None,
        }
    }
}

/// Finds the answer for `question`, in any case and with or without trailing dot, as Istio's agent does: the name
/// itself; the short names of Services; either of them with a search domain behind it; the longest wildcard. `None`:
/// the name is not ours.
pub fn find<'n>(names: &'n Names, question: &'n str, search: Option<&SearchDomain>) -> Option<Found<'n>> {
    let question = question.strip_suffix('.').unwrap_or(question).to_ascii_lowercase();
    if let Some((_, info)) = find_plain(names, &question, search) {
        return Some(Found { alias_of: None, info });
    }
    for suffix in search.iter().flat_map(|search| search.suffixes()) {
        let base = question.strip_suffix(suffix.as_str());
        if let Some((host, info)) = base.and_then(|base| find_plain(names, base, search)) {
            return Some(Found { alias_of: Some(host), info });
        }
    }
    wildcard(names, &question).map(|info| Found { alias_of: None, info })
}

fn find_plain<'n>(names: &'n Names, name: &str, search: Option<&SearchDomain>) -> Option<(&'n str, &'n NameInfo)> {
    if let Some((host, info)) = names.get_key_value(name) {
        return Some((host, info));
    }
    let service = search?.service(name)?;
    let (host, info) = names.get_key_value(service.as_str())?;
    info.is_service.then_some((host, info))
}

fn wildcard<'n>(names: &'n Names, question: &str) -> Option<&'n NameInfo> {
    let dots = question.match_indices('.').map(|(dot, _)| &question[dot..]);
    dots.filter_map(|suffix| names.get(format!("*{suffix}").as_str())).map(|info| &**info).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let service = |ip: &str| Arc::new(NameInfo { addresses: vec![ip.parse().unwrap()], is_service: true });
        let entry = |ip: &str| Arc::new(NameInfo { addresses: vec![ip.parse().unwrap()], is_service: false });
        Names::from([
            ("web.default.svc.cluster.local".into(), service("10.0.0.1")),
            ("db.other.svc.cluster.local".into(), service("10.0.0.2")),
            ("api.example.com".into(), entry("240.240.0.1")),
            ("*.example.com".into(), entry("240.240.0.2")),
            ("*.b.example.com".into(), entry("240.240.0.3")),
            ("single".into(), entry("240.240.0.4")),
        ])
    }

    #[test]
    fn questions_find_names_services_and_wildcards() {
        let names = names();
        let search = SearchDomain::parse("default.svc.cluster.local");
        for (question, expected, alias_of) in [
            ("web.default.svc.cluster.local.", Some("10.0.0.1"), None),
            ("WEB.Default.svc.cluster.local", Some("10.0.0.1"), None),
            ("web", Some("10.0.0.1"), None),
            ("web.default", Some("10.0.0.1"), None),
            ("web.default.svc", Some("10.0.0.1"), None),
            ("db", None, None),
            ("db.other", Some("10.0.0.2"), None),
            ("single", Some("240.240.0.4"), None),
            ("api.example.com", Some("240.240.0.1"), None),
            ("api.example.com.default.svc.cluster.local.", Some("240.240.0.1"), Some("api.example.com")),
            ("api.example.com.svc.cluster.local", Some("240.240.0.1"), Some("api.example.com")),
            ("db.other.default.svc.cluster.local", Some("10.0.0.2"), Some("db.other.svc.cluster.local")),
            ("x.example.com", Some("240.240.0.2"), None),
            ("x.y.example.com", Some("240.240.0.2"), None),
            ("x.b.example.com", Some("240.240.0.3"), None),
            ("example.com", None, None),
            ("www.elsewhere.org", None, None),
            ("", None, None),
            (".", None, None),
        ] {
            let found = find(&names, question, search.as_ref());
            let address = found.map(|found| found.info.addresses[0].to_string());
            assert_eq!(address.as_deref(), expected, "{question}");
            assert_eq!(found.and_then(|found| found.alias_of), alias_of, "{question}");
        }
        assert!(find(&names, "web", None).is_none(), "without a domain there are no short names");
    }
}
