//! TCP ports of entries without addresses: they claim the port for everybody.

use crate::message::SERVICE_ENTRY_ADDRESSES_REQUIRED;
use crate::objects::Objects;
use crate::report::Report;

pub(crate) fn analyze(objects: &Objects, report: &mut Report<'_>) {
    let without = |entry: &&std::sync::Arc<_>| -> bool { has_no_address(entry) };
    for entry in objects.service_entries.values().filter(without) {
        for (index, port) in entry.spec.ports.iter().enumerate() {
            if port.protocol.is_empty() || port.protocol.eq_ignore_ascii_case("TCP") {
                let text = "ServiceEntry addresses are required for this protocol.";
                report.about(entry, &format!("spec.ports[{index}]"), SERVICE_ENTRY_ADDRESSES_REQUIRED, text);
            }
        }
    }
}

fn has_no_address(entry: &meridian_resources::Object<meridian_resources::istio::ServiceEntry>) -> bool {
    entry.spec.addresses.is_empty() && entry.status.addresses.is_empty()
}
