//! Hosts of listeners and routes: which ones two of them have in common.

use meridian_ir::Name;

/// Whether the wildcard `*.example.com` covers `host`, which may be a wildcard itself: it stands for one or more labels.
fn covers(wildcard: &str, host: &str) -> bool {
    wildcard.strip_prefix('*').is_some_and(|suffix| host.len() > suffix.len() && host.ends_with(suffix))
}

/// The hosts at which a route is served by a listener; empty: all. `None`: they have none in common.
pub(crate) fn intersection(listener: Option<&Name>, route: &[String]) -> Option<Vec<Name>> {
    let Some(listener) = listener else {
        return Some(distinct(route.iter().map(|host| host.to_ascii_lowercase().into())));
    };
    if route.is_empty() {
        return Some(vec![listener.clone()]);
    }
    let common = |host: &String| -> Option<Name> {
        let host = host.to_ascii_lowercase();
        if host == **listener || covers(listener, &host) {
            return Some(host.into());
        }
        covers(&host, listener).then(|| listener.clone())
    };
    let hosts = distinct(route.iter().filter_map(common));
    (!hosts.is_empty()).then_some(hosts)
}

fn distinct(hosts: impl Iterator<Item = Name>) -> Vec<Name> {
    let mut all: Vec<Name> = Vec::new();
    for host in hosts {
        if !all.contains(&host) {
            all.push(host);
        }
    }
    all
}

/// Whether there is a host that both listeners serve; `None` is all hosts.
#[cfg(test)]
pub(crate) fn overlap(a: Option<&Name>, b: Option<&Name>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b || covers(a, b) || covers(b, a),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_in_common_are_the_narrower_ones() {
        for (listener, route, expected) in [
            (None, &[][..], Some(&[][..])),
            (None, &["A.example.com", "a.example.com"], Some(&["a.example.com"])),
            (Some("a.example.com"), &[], Some(&["a.example.com"])),
            (Some("*.example.com"), &["a.example.com", "example.com"], Some(&["a.example.com"])),
            (
                Some("*.example.com"),
                &["b.a.example.com", "*.a.example.com"],
                Some(&["b.a.example.com", "*.a.example.com"]),
            ),
            (Some("*.example.com"), &["*.com"], Some(&["*.example.com"])),
            (Some("very.specific.com"), &["*.specific.com", "non.matching.com"], Some(&["very.specific.com"])),
            (Some("*.wildcard.io"), &["wildcard.io"], None),
            (Some("a.example.com"), &["b.example.com"], None),
            (Some("*.example.com"), &["*.example.com"], Some(&["*.example.com"])),
        ] {
            let listener = listener.map(Name::from);
            let route: Vec<String> = route.iter().map(|host| (*host).to_owned()).collect();
            let found = intersection(listener.as_ref(), &route);
            let found: Option<Vec<&str>> = found.as_ref().map(|hosts| hosts.iter().map(|host| &**host).collect());
            assert_eq!(found.as_deref(), expected, "{listener:?} {route:?}");
        }
    }

    #[test]
    fn wildcards_overlap_with_what_they_cover() {
        let name = |text: &str| Some(Name::from(text));
        for (a, b, expected) in [
            (None, name("a.example.com"), true),
            (name("*.example.com"), name("a.b.example.com"), true),
            (name("*.example.com"), name("*.b.example.com"), true),
            (name("*.example.com"), name("example.com"), false),
            (name("a.example.com"), name("b.example.com"), false),
        ] {
            assert_eq!(overlap(a.as_ref(), b.as_ref()), expected, "{a:?} {b:?}");
            assert_eq!(overlap(b.as_ref(), a.as_ref()), expected, "{b:?} {a:?}");
        }
    }
}
