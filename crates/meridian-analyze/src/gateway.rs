//! Analyzers of Gateways.

pub(crate) mod certificate;
pub(crate) mod conflicts;
pub(crate) mod ports;
pub(crate) mod secrets;

use crate::message::REFERENCED_RESOURCE_NOT_FOUND;
use crate::report::{Report, quoted};
use crate::selector;
use meridian_resources::Object;
use meridian_resources::istio::Gateway;

/// Reports that no pod is selected.
fn report_missing_pods(report: &mut Report<'_>, gateway: &Object<Gateway>) {
    let text = format!("Referenced selector not found: {}", quoted(&selector::text(&gateway.spec.selector)));
    report.about(gateway, "spec.selector", REFERENCED_RESOURCE_NOT_FOUND, text);
}
