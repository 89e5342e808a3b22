//! `/server_info` and `/memory`

use super::Context;
use super::page::Page;
use serde_json::json;

pub(super) fn page(context: &Context) -> Page {
    let options = &context.shared.options;
    let uptime = format!("{}s", context.shared.started.elapsed().as_secs());
    Page::json(&json!({
        "version": concat!("meridian/", env!("CARGO_PKG_VERSION"), "/Clean/RELEASE/AWS-LC"),
        "state": context.shared.state().name(),
        "uptime_current_epoch": uptime,
        "uptime_all_epochs": uptime,
        "command_line_options": {
            "concurrency": options.threads,
            "service_cluster": options.name,
            "drain_time": format!("{}s", options.drain_time.as_secs()),
            "mode": "Serve",
        },
        "node": {
            "id": options.name,
            "cluster": options.name,
            "user_agent_name": "meridian",
            "user_agent_version": env!("CARGO_PKG_VERSION"),
        },
    }))
}

/// Bytes of resident memory of this process: all, and without files (its heap and stacks).
pub(super) fn memory_bytes() -> Option<(u64, u64)> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kilobytes * 1024)
    };
    Some((field("VmRSS:")?, field("RssAnon:")?))
}

pub(super) fn memory() -> Page {
    match memory_bytes() {
        Some((resident, heap)) => {
            Page::json(&json!({"heap_size": heap.to_string(), "total_physical_bytes": resident.to_string()}))
        }
        None => Page::error(500, "/proc/self/status cannot be read\n"),
    }
}
