//! Forms of values in policies, with Istio's messages about what is wrong with them.

use std::net::IpAddr;

use ipnet::IpNet;

/// Any one segment of a path.
pub const ANY_SEGMENT: &str = "{*}";
/// Any number of segments of a path.
pub const ANY_SEGMENTS: &str = "{**}";
/// The longest service account with its namespace.
const LONGEST_ACCOUNT: usize = 320;
/// The most service accounts in one list.
const MOST_ACCOUNTS: usize = 16;

/// An address, or a range of them, as a range.
///
/// # Errors
/// It is neither.
pub fn ip_block(text: &str) -> Result<IpNet, String> {
    if text.contains('/') {
        return text.parse().map_err(|error| format!("bad CIDR range ({text}): {error}"));
    }
    let address: IpAddr = text.parse().map_err(|_| format!("bad IP address ({text})"))?;
    Ok(address.into())
}

/// A port.
///
/// # Errors
/// It is none.
pub fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|error| format!("bad port ({text}): {error}"))
}

/// What Istio says of a text that is neither an address nor a range (Go's `net/netip`).
pub(super) fn istio_says_of_block(text: &str) -> String {
    let Some((address, bits)) = text.split_once('/') else { return format!("bad IP address ({text})") };
    let why = match (address.parse::<IpAddr>(), bits.parse::<u8>()) {
        (Err(_), _) => "unable to parse IP".to_owned(),
        (Ok(_), Ok(_)) => "prefix length out of range".to_owned(),
        (Ok(_), Err(_)) => format!("bad bits after slash: {bits:?}"),
    };
    format!("bad CIDR range ({text}): netip.ParsePrefix({text:?}): {why}")
}

/// What Istio says of a text that is no port (Go's `strconv`).
pub(super) fn istio_says_of_port(text: &str) -> String {
    let why = match text.parse::<u32>() {
        Ok(_) => "<nil>".to_owned(),
        Err(error) if *error.kind() == std::num::IntErrorKind::PosOverflow => {
            format!("strconv.ParseUint: parsing {text:?}: value out of range")
        }
        Err(_) => format!("strconv.ParseUint: parsing {text:?}: invalid syntax"),
    };
    format!("bad port ({text}): {why}")
}

/// What Istio says of the values of a key, where these are addresses or ports: a list.
pub(super) fn istio_says_of_attribute(key: &str, values: &[String]) -> Option<String> {
    let is_wrong = |value: &&String| match key {
        "destination.port" => port(value).is_err(),
        _ => ip_block(value).is_err(),
    };
    let say = match key {
        "source.ip" | "remote.ip" | "destination.ip" => istio_says_of_block,
        "destination.port" => istio_says_of_port,
        _ => return None,
    };
    let found: Vec<String> = values.iter().filter(is_wrong).map(|value| say(value)).collect();
    (!found.is_empty() && !values.iter().any(String::is_empty)).then(|| crate::webhook::listed(&found))
}

/// Whether a path has wildcards for segments.
pub fn is_template(path: &str) -> bool {
    path.contains(ANY_SEGMENT) || path.contains(ANY_SEGMENTS)
}

/// The name between the brackets behind a key (`request.headers[NAME]`).
///
/// # Errors
/// There are no brackets, or nothing between them.
pub fn in_brackets(key: &str) -> Result<&str, String> {
    let refuse = || format!("bad key ({key}): should have format a[b]");
    let (before, rest) = key.split_once('[').ok_or_else(refuse)?;
    let name = rest.strip_suffix(']').ok_or_else(refuse)?;
    if before.is_empty() || name.is_empty() { Err(refuse()) } else { Ok(name) }
}

/// The names between nested brackets (`[a][b]`); what is not such a chain is one name.
pub fn in_nested_brackets(name: &str) -> Vec<&str> {
    let parts: Vec<&str> = name.split("][").collect();
    if parts.iter().any(|part| part.contains(['[', ']'])) { vec![name] } else { parts }
}

pub(super) fn not_empty(key: &str, value: &str) -> Result<(), String> {
    if value.is_empty() { Err(format!("empty value not allowed, found in {key}")) } else { Ok(()) }
}

/// One asterisk at most, at the beginning or at the end.
pub(super) fn wildcard(key: &str, value: &str) -> Result<(), String> {
    not_empty(key, value)?;
    match value.matches('*').count() {
        0 => Ok(()),
        1 if value.starts_with('*') || value.ends_with('*') => Ok(()),
        1 => Err(format!("wildcard is only allowed at the start or end, found in {key}: {value:?}")),
        _ => Err(format!("at most one wildcard is allowed, found in {key}: {value:?}")),
    }
}

pub(super) fn trust_domain(key: &str, value: &str) -> Result<(), String> {
    wildcard(key, value)?;
    if value.contains('/') {
        return Err(format!("trust domain must not contain '/', found in {key}: {value:?}"));
    }
    Ok(())
}

pub(super) fn service_accounts(key: &str, values: &[String]) -> Result<(), String> {
    if values.len() > MOST_ACCOUNTS {
        return Err(format!("may not have more than {MOST_ACCOUNTS} values"));
    }
    values.iter().try_for_each(|value| service_account(key, value))
}

fn service_account(key: &str, value: &str) -> Result<(), String> {
    const FORMAT: &str = "expected format 'serviceAccount' or 'namespace/serviceAccount', found";
    not_empty(key, value)?;
    if value.contains('*') {
        return Err(format!("wildcard not allowed, found in {key}"));
    }
    if value.len() > LONGEST_ACCOUNT {
        return Err(format!("value cannot exceed {LONGEST_ACCOUNT} characters, found {value:?} in {key}"));
    }
    match value.split('/').collect::<Vec<_>>()[..] {
        [_] => Ok(()),
        ["", _] => Err(format!("{FORMAT} empty namespace {value:?} in {key}")),
        [_, ""] => Err(format!("{FORMAT} empty serviceAccount {value:?} in {key}")),
        [_, _] => Ok(()),
        _ => Err(format!("{FORMAT} {value:?} in {key}")),
    }
}

/// A path, of which every segment is text or, in a template, a wildcard; `{**}` is the last of these.
pub(super) fn path(key: &str, path: &str) -> Result<(), String> {
    let template = is_template(path);
    let mut any_segments = false;
    let trimmed = path.trim_matches('/');
    let refuse = |why: String| Err(format!("invalid or unsupported path {trimmed}, found in {key}. {why}"));
    for segment in trimmed.split('/') {
        if segment == ANY_SEGMENT || segment == ANY_SEGMENTS {
            if any_segments {
                return refuse("{**} is not the last operator".to_owned());
            }
            any_segments = segment == ANY_SEGMENTS;
        } else if segment.contains(['{', '}']) {
            return refuse("Contains '{' or '}' beyond a supported path template".to_owned());
        } else if template && !is_literal(segment) {
            return refuse(format!("Contains segment {segment} with invalid string literal"));
        }
    }
    Ok(())
}

/// Letters of a segment (RFC 3986 `pchar`); at least one.
fn is_literal(segment: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()+,;:@=".contains(&byte);
    !segment.is_empty() && segment.bytes().all(is_letter)
}

/// The values of a condition's key.
pub(super) fn attribute(key: &str, values: &[String]) -> Result<(), String> {
    values.iter().try_for_each(|value| not_empty(key, value))?;
    match key {
        "source.ip" | "remote.ip" | "destination.ip" => values.iter().try_for_each(|value| ip_block(value).map(drop)),
        "destination.port" => values.iter().try_for_each(|value| port(value).map(drop)),
        "source.serviceAccount" => service_accounts(key, values),
        "source.trustDomain" => values.iter().try_for_each(|value| wildcard(key, value)),
        "source.namespace"
        | "source.principal"
        | "request.auth.principal"
        | "request.auth.audiences"
        | "request.auth.presenter"
        | "connection.sni" => Ok(()),
        "destination.namespace" => Err(format!("attribute {key} is replaced by the metadata.namespace")),
        "destination.name" | "destination.user" => {
            Err(format!("deprecated attribute {key}: only supported in v1alpha1"))
        }
        _ if key.starts_with("destination.labels") => {
            Err(format!("attribute {key} is replaced by the workload selector"))
        }
        _ if key.starts_with("request.headers") && !key.starts_with("request.headers[") => Err(bad_key(key)),
        _ if key.starts_with("request.auth.claims") && !key.starts_with("request.auth.claims[") => Err(bad_key(key)),
        _ if ["request.headers[", "request.auth.claims[", "experimental.envoy.filters."]
            .iter()
            .any(|known| key.starts_with(known)) =>
        {
            in_brackets(key).map(drop)
        }
        _ => Err(format!("unknown attribute: {key}")),
    }
}

fn bad_key(key: &str) -> String {
    format!("bad key ({key}): should have format a[b]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_ranges_are_ranges() {
        assert_eq!(ip_block("10.0.0.1"), Ok("10.0.0.1/32".parse().unwrap()));
        assert_eq!(ip_block("2001:db8::/32"), Ok("2001:db8::/32".parse().unwrap()));
        for refused in ["", "10.0.0.1/33", "10.0.0", "10.0.0.0/", "a/8", "fe80::1%eth0"] {
            assert!(ip_block(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn paths_and_accounts_have_their_forms() {
        for fine in ["/a/{*}/b", "/{**}", "/{*}/{**}/c", "*", "/a*", "/", "a b"] {
            assert_eq!(path("Paths", fine), Ok(()), "{fine}");
        }
        for refused in ["/{**}/{*}", "/{**}/{**}", "/{x}", "/a{*}", "/{*}/a b", "/{*}//a"] {
            assert!(path("Paths", refused).is_err(), "{refused}");
        }
        for fine in ["sa", "ns/sa"] {
            assert_eq!(service_account("k", fine), Ok(()));
        }
        for refused in ["", "*", "/sa", "ns/", "a/b/c"] {
            assert!(service_account("k", refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn keys_have_names_in_brackets() {
        assert_eq!(in_brackets("request.headers[x-a]"), Ok("x-a"));
        assert_eq!(in_nested_brackets("a][b"), ["a", "b"]);
        assert_eq!(in_nested_brackets("a[b"), ["a[b"]);
        for refused in ["request.headers", "request.headers[]", "request.headers[x", "[x]"] {
            assert!(in_brackets(refused).is_err(), "{refused}");
        }
        for (key, fine) in [
            ("request.headers[X-A]", true),
            ("request.headersx[X-A]", false),
            ("request.auth.claims[a][b]", true),
            ("request.auth.claims", false),
            ("experimental.envoy.filters.a.b[c]", true),
            ("source.label", false),
            ("destination.namespace", false),
        ] {
            assert_eq!(attribute(key, &["v".to_owned()]).is_ok(), fine, "{key}");
        }
    }
}
