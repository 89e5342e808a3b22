//! Who the proxy is, in the first lines of `proxy-config all`.

use super::dump::Dump;
use super::json::{number, text};
use std::fmt::Write;

/// Its versions, one in a line.
pub(super) fn summary(dump: &Dump) -> String {
    let Some(bootstrap) = dump.section("Bootstrap") else { return String::new() };
    let node = &bootstrap["bootstrap"]["node"];
    let version = &node["userAgentBuildVersion"]["version"];
    let numbers = ["/majorNumber", "/minorNumber", "/patch"].map(|part| number(version, part).to_string());
    let metadata = &node["userAgentBuildVersion"]["metadata"];
    let details = ["revision.status", "build.type", "ssl.version"];
    let details: String =
        details.iter().filter_map(|key| metadata.get(key)?.as_str()).map(|text| format!("/{text}")).collect();
    let program = if text(node, "/userAgentName") == "meridian" { "Meridian" } else { "Envoy" };
    let istio_proxy = text(node, "/metadata/ISTIO_PROXY_SHA");
    let lines = [
        ("Istio Version:".to_owned(), text(node, "/metadata/ISTIO_VERSION").to_owned()),
        ("Istio Proxy Version:".to_owned(), istio_proxy.rsplit(':').next().unwrap_or_default().to_owned()),
        (format!("{program} Version:"), format!("{}{details}", numbers.join("."))),
    ];
    let lines: Vec<_> = lines.into_iter().filter(|(_, version)| !version.is_empty()).collect();
    let width = lines.iter().map(|(label, _)| label.len()).max().unwrap_or_default();
    lines.iter().fold(String::new(), |mut text, (label, version)| {
        writeln!(text, "{label:<width$} {version}").expect("text is written to memory");
        text
    })
}
