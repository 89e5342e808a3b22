//! Names of DNS, as Istio and Kubernetes allow them.

/// The longest label of a DNS name.
const LONGEST_LABEL: usize = 63;
/// The longest DNS name that Istio allows.
const LONGEST_NAME: usize = 255;

/// Letters, digits and inner dashes, at most 63 (Istio's `IsDNS1123Label`, which unlike Kubernetes' allows capitals).
pub(crate) fn is_label(text: &str) -> bool {
    let edges =
        text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.ends_with(|c: char| c.is_ascii_alphanumeric());
    edges && text.len() <= LONGEST_LABEL && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// `*`, or a label, also after `*` or `*-`.
fn is_wildcard_label(text: &str) -> bool {
    let rest = text.strip_prefix('*').map(|rest| rest.strip_prefix('-').unwrap_or(rest));
    text == "*" || (text.len() <= LONGEST_LABEL && is_label(rest.unwrap_or(text)))
}

fn length(name: &str) -> Result<(), String> {
    match name.len() {
        0 => Err("empty domain name not allowed".to_owned()),
        1..=LONGEST_NAME => Ok(()),
        _ => Err(format!("domain name {name:?} too long (max {LONGEST_NAME})")),
    }
}

fn labels(name: &str) -> Result<(), String> {
    let parts: Vec<&str> = name.split('.').collect();
    let top = parts.last().copied().unwrap_or_default();
    if top.parse::<i64>().is_ok() {
        return Err(format!("domain name {name:?} invalid (top level domain {top:?} cannot be all-numeric)"));
    }
    // A dot at the end makes a name unambiguous.
    let checked = if top.is_empty() { &parts[..parts.len() - 1] } else { &parts[..] };
    match checked.iter().find(|label| !is_label(label)) {
        Some(label) => Err(format!("domain name {name:?} invalid (label {label:?} invalid)")),
        None => Ok(()),
    }
}

/// A fully qualified or short name without wildcard.
pub(crate) fn fqdn(name: &str) -> Result<(), String> {
    length(name)?;
    labels(name)
}

/// A name that may have a wildcard at the beginning of its first label.
pub(crate) fn wildcard_domain(name: &str) -> Result<(), String> {
    length(name)?;
    let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
    if !is_wildcard_label(first) {
        return Err(format!("domain name {name:?} invalid (label {first:?} invalid)"));
    }
    rest.map_or(Ok(()), labels)
}

/// A wildcard that is not a whole label, such as `*x.example.com`.
pub(crate) fn partial_wildcard(name: &str) -> Result<(), String> {
    if name.contains('*') && name.len() != 1 && !name.starts_with("*.") {
        return Err(format!("partial wildcard {name:?} not allowed"));
    }
    Ok(())
}

/// A host of a VirtualService that is bound to a gateway; with `sni` also the names that AUTO_PASSTHROUGH uses.
pub(crate) fn gateway_bound_domain(sni: bool, name: &str) -> Result<(), String> {
    const FORMAT: &str = "outbound_.<PORT>_._.<HOSTNAME>";
    length(name)?;
    if !sni || !name.starts_with("outbound_") {
        return wildcard_domain(name);
    }
    let parts: Vec<&str> = name.split('_').collect();
    let [_, port, _, host, ..] = parts[..] else {
        return Err(format!("domain name {name} invalid, should follow '{FORMAT}' format"));
    };
    let wrong =
        |label: &str| format!("domain name {name:?} invalid (label {label:?} invalid). should follow {FORMAT} format");
    let (port, host) = (port.trim_matches('.'), host.trim_matches('.'));
    if !port.contains(|c: char| c.is_ascii_digit()) {
        return Err(wrong(port));
    }
    if !host.contains(|c: char| c.is_ascii_alphabetic()) {
        return Err(wrong(host));
    }
    Ok(())
}

/// Whether two hosts have names in common: equal, or one within the wildcard of the other (Istio `host.Name.Matches`).
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    match (one.strip_prefix('*'), other.strip_prefix('*')) {
        (Some(one), Some(other)) => one.ends_with(other) || other.ends_with(one),
        (Some(suffix), None) => other.ends_with(suffix),
        (None, Some(suffix)) => one.ends_with(suffix),
        (None, None) => one == other,
    }
}

/// Whether every name of the first host is one of the second (Istio `host.Name.SubsetOf`).
pub(crate) fn is_subset(one: &str, other: &str) -> bool {
    match (one.strip_prefix('*'), other.strip_prefix('*')) {
        (Some(one), Some(other)) => one.ends_with(other),
        (Some(_), None) => false,
        (None, Some(suffix)) => one.ends_with(suffix),
        (None, None) => one == other,
    }
}
