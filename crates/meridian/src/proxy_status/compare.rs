//! What a proxy runs, compared with what is wanted of it.

use crate::client::output::{self, OutputFormat};
use crate::proxy_config::dump::{self, Dump};
use serde_json::Value;
use similar::TextDiff;

/// Lines around a difference, as many as `istioctl` shows.
const CONTEXT: usize = 7;

/// For each section, that both match, or how they differ.
pub(super) fn compare(wanted: &Dump, running: &Dump) -> String {
    let sections = [
        section("Clusters", wanted.clusters(), running.clusters()),
        section("Listeners", wanted.listeners(), running.listeners()),
        section("Routes", wanted.routes(), running.routes()),
    ];
    sections.concat()
}

fn section(name: &str, wanted: Vec<&Value>, running: Vec<&Value>) -> String {
    let (wanted, running) = (sorted(wanted), sorted(running));
    if wanted == running {
        return format!("{name} Match\n");
    }
    let text = |resources: Vec<&Value>| output::messages(&dump::messages(resources), OutputFormat::Json);
    let (wanted, running) = (text(wanted), text(running));
    let diff = TextDiff::from_lines(&wanted, &running);
    let shown = diff
        .unified_diff()
        .context_radius(CONTEXT)
        .header(&format!("Wanted {name}"), &format!("Running {name}"))
        .to_string();
    format!("{name} Don't Match (--- want, +++ got)\n{shown}")
}

/// By name: the order of resources says nothing.
fn sorted(mut resources: Vec<&Value>) -> Vec<&Value> {
    resources.sort_by_key(|resource| resource.get("name").and_then(Value::as_str));
    resources
}
