//! Ports, addresses and durations.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Findings;
use crate::duration::Duration;
use crate::schema::path::Path;

/// A port number.
pub(crate) fn port(number: i64) -> Result<(), String> {
    if (1..=65535).contains(&number) {
        return Ok(());
    }
    Err(format!("port number {number} must be in the range 1..65535"))
}

/// Whether a text is an IP address; IPv6 also with a zone.
pub(crate) fn is_ip(text: &str) -> bool {
    let address = match text.split_once('%') {
        Some((address, zone)) if address.contains(':') && !zone.is_empty() => address,
        Some(_) => return false,
        None => text,
    };
    address.parse::<IpAddr>().is_ok()
}

/// An IP address.
pub(crate) fn ip(text: &str) -> Result<(), String> {
    if is_ip(text) { Ok(()) } else { Err(format!("{text} is not a valid IP")) }
}

/// An IP address, or a range of them with a prefix length.
pub(crate) fn subnet(text: &str) -> Result<(), String> {
    if text.matches('/').count() != 1 {
        return ip(text);
    }
    text.parse::<IpNet>().map(|_| ()).map_err(|_| format!("{text} is not a valid CIDR block"))
}

/// A Unix socket, after `unix://`.
pub(crate) fn unix_socket(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Err("unix address must not be empty".to_owned());
    }
    if path.starts_with('@') || (path.starts_with('/') && !path.ends_with('/')) {
        return Ok(());
    }
    Err(format!("{path} is not an absolute path to a file"))
}

/// Istio's durations are of whole milliseconds, and at least one.
pub(crate) fn duration(findings: &mut Findings, path: &Path<'_>, duration: Option<Duration>) {
    let Some(duration) = duration else { return };
    if duration < Duration::from_millis(1) {
        findings.invalid(path, duration.to_string(), "duration must be greater than 1ms");
    } else if duration.as_nanos() % 1_000_000 != 0 {
        findings.invalid(path, duration.to_string(), "only durations to ms precision are supported");
    }
}

/// A percentage in whole numbers.
pub(crate) fn percent(findings: &mut Findings, path: &Path<'_>, value: i32) {
    if !(0..=100).contains(&value) {
        findings.invalid(path, value, format!("percentage {value} is not in range 0..100"));
    }
}
